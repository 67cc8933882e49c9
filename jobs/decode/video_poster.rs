//! One telling picture of a film.

use std::fs::File;

use crate::libav::{Frames, Input, Packet, Stream, StreamKind};
use crate::libav_frame::{Decoder, Frame};
use crate::libav_scale::to_rgb;
use crate::orientation::Orientation;
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
    let (mut input, stream) = opened(file, format, limits)?;
    let decoder = Decoder::open(&input, &stream, Frames::Key, limits)?;
    input.only(stream.index, Frames::Key);
    let packet = Packet::new()?;
    Search { input, decoder, packet, stream, limits, best: None }.run()
}

/// A film and its pictures, which are within the limits.
pub(crate) fn opened(
    file: &File,
    format: Format,
    limits: &Limits,
) -> Result<(Input, Stream), DecodeError> {
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
    limits.check_pixels(stream.width, stream.height)?;
    limits.check_film(input.duration().unwrap_or(0.0))?;
    Ok((input, stream))
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
        let mut found = self.look_at(near_start(duration))?;
        if self.best.is_none() {
            // The place may lie behind the end of a file that was cut off.
            found = self.look_at(0.0)?;
        }
        for part in LATER_TRIES {
            if found || duration <= 0.0 {
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
            let (width, height) = shown_size(frame, &self.stream, EDGE);
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

/// Where the first look into a film of this length is, in seconds.
pub(crate) fn near_start(duration: f64) -> f64 {
    (duration * 0.1).min(FIRST_TRY_SECONDS)
}

/// The size before turning: pixels made square, the long edge at most `most`.
pub(crate) fn shown_size(frame: &Frame, stream: &Stream, most: u32) -> (u32, u32) {
    let (width, height) = frame.size();
    let (num, den) = match stream.sample_aspect {
        (num, den) if num > 0 && den > 0 => (num, den),
        _ => frame.sample_aspect(),
    };
    let aspect = f64::from(num) / f64::from(den);
    // No camera has pixels four times as wide as high; a file that says so is wrong.
    let aspect = if (0.25..=4.0).contains(&aspect) { aspect } else { 1.0 };
    let (width, height) = (f64::from(width) * aspect, f64::from(height));
    let scale = (f64::from(most) / width.max(height)).min(1.0);
    let fit = |edge: f64| ((edge * scale).round() as u32).clamp(1, most);
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
pub(crate) fn upright(raster: Raster, turn: Turn) -> Raster {
    let orientation = match (turn.degrees, turn.mirrored) {
        (90, false) => 6,
        (180, false) => 3,
        (270, false) => 8,
        (0, true) => 2,
        (90, true) => 7,
        (180, true) => 4,
        (270, true) => 5,
        _ => return raster,
    };
    let orientation = Orientation::from_tag(orientation);
    let (width, height, rgb) = orientation.apply::<3>(raster.width, raster.height, raster.rgb);
    Raster { width, height, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::fixtures::{fixture, limits};

    fn poster_of(path: &str) -> Result<Raster, DecodeError> {
        let (file, format) = fixture(path);
        poster(&file, format, &limits())
    }

    /// The colour in the middle of a part of the picture, from 0.0 to 1.0 across and down.
    fn colour(raster: &Raster, across: f64, down: f64) -> [u8; 3] {
        let x = (f64::from(raster.width) * across) as usize;
        let y = (f64::from(raster.height) * down) as usize;
        let at = (y * raster.width as usize + x) * 3;
        raster.rgb[at..at + 3].try_into().unwrap()
    }

    #[test]
    fn a_turned_film_gives_an_upright_poster() {
        let poster = poster_of("videos/rot90_gps.mp4").unwrap();

        assert_eq!((poster.width, poster.height), (90, 160));
        assert_eq!(poster.rgb.len(), 90 * 160 * 3);
        // The test picture has red on its left and cyan on its right; turned clockwise they are
        // above and below.
        let [above, below] = [colour(&poster, 0.2, 0.05), colour(&poster, 0.2, 0.95)];
        assert!(above[0] > 200 && above[1] < 60, "{above:?}");
        assert!(below[0] < 60 && below[1] > 200 && below[2] > 200, "{below:?}");
    }

    #[test]
    fn a_black_beginning_is_passed_over() {
        let poster = poster_of("videos/black_start.mp4").unwrap();

        assert!(contrast(&poster) > FLAT);
    }

    #[test]
    fn a_film_of_black_alone_still_has_a_poster() {
        let poster = poster_of("videos/black_only.mp4").unwrap();

        assert!(contrast(&poster) < FLAT);
        assert!(poster.rgb.iter().all(|value| *value < 10));
    }

    #[test]
    fn pixels_that_are_not_square_are_made_square() {
        let poster = poster_of("videos/sar_64_45.mp4").unwrap();

        assert_eq!((poster.width, poster.height), (182, 96));
    }

    #[test]
    fn a_film_that_is_cut_off_has_a_poster() {
        let poster = poster_of("videos/truncated.webm").unwrap();

        assert!(contrast(&poster) > FLAT);
    }

    #[test]
    fn a_transport_stream_has_a_poster() {
        let poster = poster_of("videos/stream.ts").unwrap();

        assert_eq!((poster.width, poster.height), (160, 90));
    }

    #[test]
    fn a_film_too_large_for_the_memory_is_refused_before_it_is_decoded() {
        let (file, format) = fixture("videos/rot90_gps.mp4");
        let limits = Limits { memory_bytes: 100_000, ..limits() };

        let refusal = poster(&file, format, &limits).unwrap_err();

        assert_eq!(refusal.code, Code::MemoryLimit);
    }

    #[test]
    fn the_deadline_holds() {
        let (file, format) = fixture("videos/rot90_gps.mp4");
        let limits = Limits { deadline: std::time::Instant::now(), ..limits() };

        let refusal = poster(&file, format, &limits).unwrap_err();

        assert_eq!(refusal.code, Code::DecodeTimeout);
    }

    #[test]
    fn music_has_no_poster() {
        assert_eq!(poster_of("videos/tone.m4a").unwrap_err().code, Code::CorruptFile);
    }
}
