//! By which settings small pictures are made.

use crate::ports::{Framing, PictureFormat, PictureSize};

/// Which small pictures are made, and of which version this set is. The version is kept with what
/// was made, so that what is older can be made again.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Grows whenever the set changes; what was made before there were versions is older than all.
    pub version: u32,
    /// In any order.
    pub sizes: Vec<PictureSize>,
    /// How long the moving pictures of films are, in seconds; 0 for none.
    pub preview_seconds: u32,
}

impl Recipe {
    /// Those that a medium is published with.
    pub fn at_once(&self) -> Vec<PictureSize> {
        self.sizes.iter().filter(|size| size.format != PictureFormat::Avif).cloned().collect()
    }

    /// Those that take so long that they are made afterwards.
    pub fn later(&self) -> Vec<PictureSize> {
        self.sizes.iter().filter(|size| size.format == PictureFormat::Avif).cloned().collect()
    }

    /// What the set is, for people who look into a document: `320=320x320-fit-jpeg-q80,...`.
    pub fn told(&self) -> String {
        let preview =
            (self.preview_seconds > 0).then(|| format!("preview={}s", self.preview_seconds));
        let told: Vec<String> = self.sizes.iter().map(told).chain(preview).collect();
        told.join(",")
    }
}

fn told(size: &PictureSize) -> String {
    let PictureSize { name, width, height, framing, format, quality } = size;
    let framing = match framing {
        Framing::Fit => "fit",
        Framing::Cover => "cover",
    };
    format!("{name}={width}x{height}-{framing}-{}-q{quality}", format.as_str())
}
