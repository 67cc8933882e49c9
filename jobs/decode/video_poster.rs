//! One telling picture of a film.

use std::fs::File;

use crate::libav::{Input, Packet, Stream, StreamKind};
use crate::libav_frame::{Decoder, Frame, to_rgb};
use crate::video::Turn;
use crate::{DecodeError, Format, Limits, Raster};

/// The longest edge of a poster in pixels.
const EDGE: u32 = 1920;
/// How far into the film the first try is: a tenth, but no more than this, in seconds.
const FIRST_TRY_SECONDS: f64 = 10.0;
/// Where the later tries are, in parts of the film.
const LATER_TRIES: [f64; 3] = [0.25, 0.5, 0.75];
/// Keyframes that are decoded at each place.
const TRIES_EACH: usize = 3;
/// Packets that are read at each place in search of them: a minute of film and sound.
const PACKETS_EACH: usize = 10_000;
/// A picture whose brightness varies less than this (of 255) shows nothing.
const FLAT: f64 = 6.0;

/// Decodes a picture near the start of the film, upright and in its display shape.
///
/// It is a keyframe that is not black or flat, where there is one.
pub(crate) fn poster(file: &File, format: Format, limits: &Limits) -> Result<Raster, DecodeError> {
    let mut input = Input::open(file, format, limits)?;
    let stream = match first_video(&input) {
        Some(stream) if stream.width > 0 && stream.codec.is_some() => stream,
        _ => {
            let looked = input.look_closer();
            match first_video(&input) {
                Some(stream) => stream,
                None => {
                    looked?;
                    return Err(DecodeError::corrupt("the file has no video"));
                }
            }
        }
    };
    let decoder = Decoder::open(&input, &stream, limits)?;
    input.only_keyframes_of(stream.index);
    let packet = Packet::new()?;
    Search { input, decoder, packet, stream, limits, best: None }.run()
}

fn first_video(input: &Input) -> Option<Stream> {
    input.streams().into_iter().find(|stream| stream.kind == StreamKind::Video)
}

/// A search for a keyframe that shows something.
struct Search<'a> {
    input: Input,
    decoder: Decoder,
    packet: Packet,
    stream: Stream,
    limits: &'a Limits,
    /// The most telling picture so far and how much its brightness varies.
    best: Option<(f64, Raster)>,
}

impl Search<'_> {
    fn run(mut self) -> Result<Raster, DecodeError> {
        let duration = self.input.duration().unwrap_or(0.0);
        let first = (duration * 0.1).min(FIRST_TRY_SECONDS);
        let mut found = (first > 0.0 && self.look_at(first)?) || self.best.is_some();
        if self.best.is_none() {
            // The place may lie behind the end of a file that was cut off.
            found = self.look_at(0.0)?;
        }
        for part in LATER_TRIES {
            if found || self.is_telling() || duration <= 0.0 {
                break;
            }
            found = self.look_at(duration * part)?;
        }
        let (_, raster) = self
            .best
            .take()
            .ok_or_else(|| self.input.refusal(0, "no picture of the video can be decoded"))?;
        Ok(upright(raster, Turn::of(&self.stream)))
    }

    fn is_telling(&self) -> bool {
        self.best.as_ref().is_some_and(|(contrast, _)| *contrast >= FLAT)
    }

    /// Decodes keyframes from `seconds` on until one shows something.
    fn look_at(&mut self, seconds: f64) -> Result<bool, DecodeError> {
        let time = self.input.start().saturating_add((seconds * 1e6) as i64);
        if !self.input.seek(time) && self.best.is_some() {
            return Ok(false);
        }
        let mut tries = 0;
        for _ in 0..PACKETS_EACH {
            self.limits.check_deadline()?;
            if tries == TRIES_EACH || !self.input.read(&mut self.packet) {
                break;
            }
            if !self.packet.is_keyframe_of(self.stream.index) {
                continue;
            }
            tries += 1;
            let Some(frame) = self.decoder.decode(&self.packet) else { continue };
            let (width, height) = shown_size(frame, &self.stream);
            let raster = to_rgb(frame, width, height)?;
            let contrast = contrast(&raster);
            if self.best.as_ref().is_none_or(|(best, _)| contrast > *best) {
                self.best = Some((contrast, raster));
            }
            if contrast >= FLAT {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The size before turning: pixels made square, the long edge at most [`EDGE`].
fn shown_size(frame: &Frame, stream: &Stream) -> (u32, u32) {
    let (width, height) = frame.size();
    let (num, den) = match stream.sample_aspect {
        (num, den) if num > 0 && den > 0 => (num, den),
        _ => frame.sample_aspect(),
    };
    let aspect = f64::from(num) / f64::from(den);
    // No camera has pixels four times as wide as high; a file that says so is wrong.
    let aspect = if (0.25..=4.0).contains(&aspect) { aspect } else { 1.0 };
    let (width, height) = (f64::from(width) * aspect, f64::from(height));
    let scale = (f64::from(EDGE) / width.max(height)).min(1.0);
    let fit = |edge: f64| ((edge * scale).round() as u32).clamp(1, EDGE);
    (fit(width), fit(height))
}

/// The standard deviation of the brightness, over a sample of the pixels.
fn contrast(raster: &Raster) -> f64 {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for pixel in raster.rgb.chunks_exact(3).step_by(7) {
        let [red, green, blue] = pixel else { continue };
        let bright = f64::from(*red) * 0.299 + f64::from(*green) * 0.587 + f64::from(*blue) * 0.114;
        count += 1.0;
        sum += bright;
        squares += bright * bright;
    }
    if count == 0.0 {
        return 0.0;
    }
    let mean = sum / count;
    (squares / count - mean * mean).max(0.0).sqrt()
}

/// Turns a picture as it is to be shown.
fn upright(raster: Raster, turn: Turn) -> Raster {
    if turn.degrees == 0 && !turn.mirrored {
        return raster;
    }
    let (width, height) = (raster.width as usize, raster.height as usize);
    let (new_width, new_height) = if turn.swaps() { (height, width) } else { (width, height) };
    let mut rgb = Vec::with_capacity(raster.rgb.len());
    for y in 0..new_height {
        for x in 0..new_width {
            let (from_x, from_y) = match turn.degrees {
                90 => (y, height - 1 - x),
                180 => (width - 1 - x, height - 1 - y),
                270 => (width - 1 - y, x),
                _ => (x, y),
            };
            let from_x = if turn.mirrored { width - 1 - from_x } else { from_x };
            let at = (from_y * width + from_x) * 3;
            rgb.extend_from_slice(raster.rgb.get(at..at + 3).unwrap_or(&[0; 3]));
        }
    }
    Raster { width: new_width as u32, height: new_height as u32, rgb }
}
