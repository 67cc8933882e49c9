//! Some seconds of a film in small, without sound, as an animated picture.

use std::fs::File;

use crate::bytes::has;
use crate::libav::{Frames, Input, Packet, Stream};
use crate::libav_frame::{Decoder, Frame};
use crate::libav_scale::to_rgb;
use crate::video::Turn;
use crate::video_poster::{near_start, opened, shown_size, upright};
use crate::webp_animation::Animation;
use crate::{Coding, DecodeError, Format, Kind, Limits, Thumbnail};

/// The longest edge in pixels.
const EDGE: u32 = 320;
/// Pictures a second: fewer jerk, and each is some kilobytes.
const RATE: f64 = 8.0;
/// By libwebp's scale: what moves hides what is lost.
const QUALITY: u8 = 60;
/// The longest preview.
const MOST_SECONDS: u32 = 10;
/// Packets that are read for it: a minute of film and sound.
const MOST_PACKETS: usize = 10_000;

/// The first `seconds` (up to 10) behind a keyframe near the start of a film, upright, named
/// `preview`. `None` for what is no film and for a film that does not move.
///
/// # Errors
/// As those of [`crate::thumbnails`].
pub fn preview(
    file: &File,
    format: Format,
    seconds: u32,
    limits: &Limits,
) -> Result<Option<Thumbnail>, DecodeError> {
    if format.kind() != Kind::Video || seconds == 0 {
        return Ok(None);
    }
    let seconds = f64::from(seconds.min(MOST_SECONDS));
    let (mut input, stream) = opened(file, format, limits)?;
    let decoder = Decoder::open(&input, &stream, Frames::All, limits)?;
    input.only(stream.index, Frames::All);
    let duration = input.duration().unwrap_or(0.0);
    let mut take = Take { stream, decoder, limits, seconds, made: None, decoded: 0 };
    take.run(&mut input, near_start(duration).min((duration - seconds).max(0.0)))?;
    if take.made.is_none() {
        // The place may lie behind the end of a file that was cut off.
        take.run(&mut input, 0.0)?;
    }
    let made =
        take.made.ok_or_else(|| input.refusal(0, "no picture of the video can be decoded"))?;
    made.finished()
}

/// A preview while its film is decoded.
struct Take<'a> {
    stream: Stream,
    decoder: Decoder,
    limits: &'a Limits,
    seconds: f64,
    made: Option<Made>,
    /// Pictures so far: the time where the film says none.
    decoded: u32,
}

/// What there is of it.
struct Made {
    animation: Animation,
    size: (u32, u32),
    /// Size before turning.
    stored: (u32, u32),
    /// When its first picture is shown, in seconds of the film.
    start: f64,
    /// When its last picture is shown, in milliseconds.
    last: i32,
    pictures: u32,
}

impl Take<'_> {
    /// Decodes from the keyframe at or before `seconds` on.
    fn run(&mut self, input: &mut Input, seconds: f64) -> Result<(), DecodeError> {
        input.seek(input.start().saturating_add((seconds * 1e6) as i64));
        let mut packet = Packet::new()?;
        for _ in 0..MOST_PACKETS {
            self.limits.check_deadline()?;
            if !input.read(&mut packet) {
                break;
            }
            if packet.is_of(self.stream.index) {
                self.decoder.take(Some(&packet));
                if self.is_full()? {
                    return Ok(());
                }
            }
        }
        self.decoder.take(None);
        self.is_full()?;
        self.decoder.flush();
        Ok(())
    }

    /// Adds what the decoder has; whether that is enough.
    fn is_full(&mut self) -> Result<bool, DecodeError> {
        while let Some(frame) = self.decoder.picture() {
            let rate = self.stream.frame_rate.filter(|rate| *rate > 0.0).unwrap_or(25.0);
            let counted = f64::from(self.decoded) / rate;
            let time = frame.time().map_or(counted, |time| time as f64 * self.stream.tick);
            self.decoded += 1;
            let made = match &mut self.made {
                Some(made) => made,
                none => none.insert(Made::begin(frame, &self.stream, time)?),
            };
            let at = time - made.start;
            if at >= self.seconds {
                return Ok(true);
            }
            // Half a picture early is nearer than half a picture late.
            if at >= (f64::from(made.pictures) - 0.25) / RATE {
                made.add(frame, Turn::of(&self.stream), at)?;
            }
        }
        Ok(false)
    }
}

impl Made {
    fn begin(frame: &Frame, stream: &Stream, start: f64) -> Result<Self, DecodeError> {
        let stored = shown_size(frame, stream, EDGE);
        let (width, height) = stored;
        let size = if Turn::of(stream).swaps() { (height, width) } else { (width, height) };
        let animation = Animation::new(size.0, size.1, QUALITY)?;
        Ok(Self { animation, size, stored, start, last: -1, pictures: 0 })
    }

    fn add(&mut self, frame: &Frame, turn: Turn, at: f64) -> Result<(), DecodeError> {
        let raster = upright(to_rgb(frame, self.stored.0, self.stored.1)?, turn);
        self.last = ((at * 1000.0) as i32).max(self.last + 1);
        self.animation.add(&raster, self.last)?;
        self.pictures = self.pictures.max((at * RATE + 0.25) as u32) + 1;
        Ok(())
    }

    fn finished(self) -> Result<Option<Thumbnail>, DecodeError> {
        let (width, height) = self.size;
        let bytes = self.animation.finish(self.last.saturating_add((1000.0 / RATE) as i32))?;
        if !has_motion(&bytes) {
            return Ok(None);
        }
        let name = "preview".to_owned();
        Ok(Some(Thumbnail { name, width, height, coding: Coding::WebP, bytes }))
    }
}

/// Whether a WebP says in its header that it is an animation. Of pictures that are all the same
/// libwebp makes one, and then it is none.
fn has_motion(webp: &[u8]) -> bool {
    const ANIMATION: u8 = 2;
    has(webp, 12, b"VP8X") && webp.get(20).is_some_and(|flags| flags & ANIMATION != 0)
}
