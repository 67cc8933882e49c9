//! Brings the light of HDR (PQ and HLG of ITU-R BT.2100) to sRGB, as a bright screen shows it.
//!
//! The white of paper is 203 cd/m2 (ITU-R BT.2408) and becomes the white of sRGB; what is brighter
//! is bent below it by the curve of ITU-R BT.2390.

use std::sync::LazyLock;

/// White paper, in cd/m2.
const WHITE: f32 = 203.0;
/// The brightest light that keeps its details, in cd/m2: that of the screen which HLG is meant for,
/// and of those on which most films in PQ are graded.
const PEAK: f32 = 1000.0;
/// The brightest light that PQ can say, in cd/m2.
const PQ_PEAK: f32 = 10_000.0;
/// Steps of a signal: two bits finer than what cameras record.
const SIGNALS: u16 = 4096;
/// Steps of the square root of light, from none to that of [`PQ_PEAK`].
const LIGHTS: u16 = 4096;
/// Steps of the light of sRGB: the first is less than one of its 255 levels.
const SHADES: u16 = 16_384;
/// How much of each colour of BT.2020 is brightness.
const BRIGHTNESS: [f32; 3] = [0.2627, 0.6780, 0.0593];
/// From the primaries of BT.2020 to those of BT.709 (ITU-R BT.2087).
const FROM_BT2020: [[f32; 3]; 3] =
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]];
/// From those of Display P3, by the same rule.
const FROM_P3: [[f32; 3]; 3] =
    [[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0983]];
const FROM_BT709: [[f32; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// How signals of HDR stand for light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Pq,
    Hlg,
}

/// What the signals of an HDR picture mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hdr {
    transfer: Transfer,
    primaries: [[f32; 3]; 3],
}

impl Hdr {
    /// By the numbers of ITU-T H.273; `None` where they are not of HDR.
    pub(crate) fn of_code_points(primaries: i32, transfer: i32) -> Option<Self> {
        let transfer = match transfer {
            16 => Transfer::Pq,
            18 => Transfer::Hlg,
            _ => return None,
        };
        let primaries = match primaries {
            1 => FROM_BT709,
            12 => FROM_P3,
            // BT.2100 knows no others.
            _ => FROM_BT2020,
        };
        Some(Self { transfer, primaries })
    }

    /// Appends a row to `rgb` as sRGB; `row` has six bytes a pixel, 16 bits each, low byte first.
    pub(crate) fn push_row(self, row: &[u8], rgb: &mut Vec<u8>) {
        let tables = &*TABLES;
        let light = match self.transfer {
            Transfer::Pq => &tables.pq,
            Transfer::Hlg => &tables.hlg,
        };
        for pixel in row.chunks_exact(6) {
            let &[r, red, g, green, b, blue] = pixel else { continue };
            let signals = [[r, red], [g, green], [b, blue]].map(u16::from_le_bytes);
            let scene = signals.map(|signal| {
                let step = f32::from(signal) * (f32::from(SIGNALS - 1) / f32::from(u16::MAX));
                at(light, (step + 0.5) as usize)
            });
            rgb.extend(tables.shown(self.on_screen(scene), self.primaries));
        }
    }

    /// Light of a screen, of which 1.0 is white paper: HLG says the light of the scene, which a
    /// screen of [`PEAK`] shows with more contrast.
    fn on_screen(self, light: [f32; 3]) -> [f32; 3] {
        match self.transfer {
            Transfer::Pq => light,
            Transfer::Hlg => {
                let gain = dot(BRIGHTNESS, light).powf(0.2) * (PEAK / WHITE);
                light.map(|colour| colour * gain)
            }
        }
    }
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

/// The curves, so that no pixel has to compute them.
struct Tables {
    /// Light of the screen by signal.
    pq: Vec<f32>,
    /// Light of the scene by signal, of which 1.0 is the brightest.
    hlg: Vec<f32>,
    /// What is left of light by the square root of how bright it is.
    kept: Vec<f32>,
    /// Levels of sRGB by light.
    shade: Vec<u8>,
}

impl Tables {
    fn new() -> Self {
        let steps = |count: u16| (0..count).map(move |n| f32::from(n) / f32::from(count - 1));
        let most = PQ_PEAK / WHITE;
        Self {
            pq: steps(SIGNALS).map(|signal| pq_to_light(signal) / WHITE).collect(),
            hlg: steps(SIGNALS).map(hlg_to_scene).collect(),
            kept: steps(LIGHTS).map(|root| kept(root * root * most)).collect(),
            shade: steps(SHADES).map(shade).collect(),
        }
    }

    /// What sRGB shows of light on a screen. The brightest colour tells how much all are dimmed, so
    /// that the hue stays.
    fn shown(&self, light: [f32; 3], primaries: [[f32; 3]; 3]) -> [u8; 3] {
        let brightest = light.into_iter().fold(0.0, f32::max);
        let step = (brightest * (WHITE / PQ_PEAK)).sqrt() * f32::from(LIGHTS - 1);
        // Without what lies between two steps brighter light might be shown darker.
        let (below, above) = (at(&self.kept, step as usize), at(&self.kept, step as usize + 1));
        let kept = below + (above - below) * step.fract();
        primaries.map(|row| {
            let share = (dot(row, light) * kept).clamp(0.0, 1.0);
            at(&self.shade, (share * f32::from(SHADES - 1) + 0.5) as usize)
        })
    }
}

fn at<T: Copy + Default>(table: &[T], n: usize) -> T {
    table.get(n).or(table.last()).copied().unwrap_or_default()
}

fn dot([a, b, c]: [f32; 3], [x, y, z]: [f32; 3]) -> f32 {
    a * x + b * y + c * z
}

/// The EOTF of PQ (SMPTE ST 2084), in cd/m2.
fn pq_to_light(signal: f32) -> f32 {
    let root = signal.powf(1.0 / PQ_M2);
    let ratio = (root - PQ_C1).max(0.0) / (PQ_C2 - PQ_C3 * root);
    PQ_PEAK * ratio.powf(1.0 / PQ_M1)
}

/// Its inverse.
fn pq_of_light(light: f32) -> f32 {
    let power = (light / PQ_PEAK).powf(PQ_M1);
    ((PQ_C1 + PQ_C2 * power) / (1.0 + PQ_C3 * power)).powf(PQ_M2)
}

const PQ_M1: f32 = 2610.0 / 16_384.0;
const PQ_M2: f32 = 2523.0 / 32.0;
const PQ_C1: f32 = 3424.0 / 4096.0;
const PQ_C2: f32 = 2413.0 / 128.0;
const PQ_C3: f32 = 2392.0 / 128.0;

/// The inverse OETF of HLG (ITU-R BT.2100).
fn hlg_to_scene(signal: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 0.284_668_92;
    const C: f32 = 0.559_910_7;
    if signal <= 0.5 { signal * signal / 3.0 } else { (((signal - C) / A).exp() + B) / 12.0 }
}

/// How much of light (1.0 is white paper) is left so that [`PEAK`] becomes white: all of it up to a
/// knee, then less along a Hermite spline over signals of PQ (ITU-R BT.2390, 5.4.1).
fn kept(light: f32) -> f32 {
    let (peak, white) = (pq_of_light(PEAK), pq_of_light(WHITE) / pq_of_light(PEAK));
    let signal = (pq_of_light(light * WHITE) / peak).min(1.0);
    let knee = 1.5 * white - 0.5;
    if signal <= knee {
        return 1.0;
    }
    let t = (signal - knee) / (1.0 - knee);
    let (square, cube) = (t * t, t * t * t);
    let bent = (2.0 * cube - 3.0 * square + 1.0) * knee
        + (cube - 2.0 * square + t) * (1.0 - knee)
        + (3.0 * square - 2.0 * cube) * white;
    pq_to_light(bent * peak) / WHITE / light
}

/// The level of sRGB (IEC 61966-2-1) for light.
fn shade(light: f32) -> u8 {
    let level =
        if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (level * 255.0 + 0.5) as u8
}
