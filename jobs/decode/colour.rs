//! Brings colours to sRGB: through the picture's ICC profile, or by what its channels mean.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformExecutor, TransformOptions};

use crate::picture::Ink;

/// Profiles of printing presses are some 3 MB; nothing larger is worth its time.
const LARGEST_PROFILE: usize = 8 << 20;

/// `pixels` as red, green and blue in sRGB. A profile that is broken, or is for other channels
/// than the picture has, counts as none.
pub(crate) fn to_srgb(pixels: Vec<u8>, ink: Ink, icc: Option<&[u8]>) -> Vec<u8> {
    let converted = icc.and_then(|icc| through_profile(&pixels, ink, icc));
    match (converted, ink) {
        (Some(Converted::Other(rgb)), _) => rgb,
        (Some(Converted::Same) | None, Ink::Rgb) => pixels,
        (_, Ink::Gray) => pixels.iter().flat_map(|&gray| [gray; 3]).collect(),
        (_, Ink::Cmyk) => pixels.chunks_exact(4).flat_map(from_ink).collect(),
    }
}

/// Whether these are the colours of sRGB: so are those without a profile that holds.
pub(crate) fn is_srgb(icc: Option<&[u8]>) -> bool {
    let converted = icc.and_then(|icc| through_profile(&[], Ink::Rgb, icc));
    !matches!(converted, Some(Converted::Other(_)))
}

enum Converted {
    /// The profile is sRGB by another name.
    Same,
    Other(Vec<u8>),
}

fn through_profile(pixels: &[u8], ink: Ink, icc: &[u8]) -> Option<Converted> {
    if icc.len() > LARGEST_PROFILE {
        return None;
    }
    let profile = ColorProfile::new_from_slice(icc).ok()?;
    let layout = match (ink, profile.color_space) {
        (Ink::Gray, DataColorSpace::Gray) => Layout::Gray,
        (Ink::Rgb, DataColorSpace::Rgb) => Layout::Rgb,
        (Ink::Cmyk, DataColorSpace::Cmyk) => Layout::Rgba,
        _ => return None,
    };
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(layout, &srgb, Layout::Rgb, options).ok()?;
    if ink == Ink::Rgb && changes_nothing(&*transform) {
        return Some(Converted::Same);
    }
    let mut rgb = vec![0; pixels.len() / ink.channels() * 3];
    transform.transform(pixels, &mut rgb).ok()?;
    Some(Converted::Other(rgb))
}

/// Most profiles of cameras are sRGB: some colours tell, and save the work on all pixels.
fn changes_nothing(transform: &(dyn TransformExecutor<u8> + Send + Sync)) -> bool {
    const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    let colours: Vec<u8> = STEPS
        .iter()
        .flat_map(|&red| STEPS.iter().map(move |&green| (red, green)))
        .flat_map(|(red, green)| STEPS.iter().flat_map(move |&blue| [red, green, blue]))
        .collect();
    let mut converted = vec![0; colours.len()];
    transform.transform(&colours, &mut converted).is_ok()
        && colours.iter().zip(&converted).all(|(a, b)| a.abs_diff(*b) <= 1)
}

/// What four inks leave of white paper, as if they were filters.
fn from_ink(inks: &[u8]) -> [u8; 3] {
    let &[cyan, magenta, yellow, black] = inks else { return [0; 3] };
    let left = |ink: u8| {
        let light = u32::from(255 - ink) * u32::from(255 - black);
        ((light + 127) / 255).min(255) as u8
    };
    [left(cyan), left(magenta), left(yellow)]
}
