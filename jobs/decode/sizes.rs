//! Which pixels of a source become a small picture, and how many of them. Pure.

/// How a picture lies in its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// All of it, within the box.
    Fit,
    /// Its middle, cut to the shape of the box, which it fills.
    Cover,
}

/// How a picture is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// JPEG, 4:2:0.
    Jpeg,
    /// Lossy WebP.
    WebP,
    /// AVIF, 4:2:0. It takes several times as long as a JPEG.
    Avif,
}

/// A picture to make. It is never enlarged: of a source that is smaller than the box, `Fit` is the
/// source as it is, and `Cover` the largest part of it that has the shape of the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// The name under which it is kept, such as `320`.
    pub name: String,
    /// Width of the box in pixels.
    pub width: u32,
    /// Height of the box in pixels.
    pub height: u32,
    /// How it lies in the box.
    pub framing: Framing,
    /// How it is coded.
    pub coding: Coding,
    /// 1 to 100, by the scale of the coding.
    pub quality: u8,
}

/// What is made of a source of a certain size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Width and height of the picture.
    pub(crate) made: (u32, u32),
    /// Width and height that the whole source has at the scale of the picture.
    pub(crate) whole: (u32, u32),
}

impl Size {
    /// Fits into a square of `edge` pixels; a JPEG of quality 80, at which the eye no longer finds
    /// the difference at the size of a thumbnail.
    pub fn square(edge: u32) -> Self {
        let (framing, coding) = (Framing::Fit, Coding::Jpeg);
        Self { name: edge.to_string(), width: edge, height: edge, framing, coding, quality: 80 }
    }

    /// What is made of an upright source of this size.
    pub(crate) fn cut(&self, source: (u32, u32)) -> Cut {
        let room = (self.width.max(1), self.height.max(1));
        match self.framing {
            Framing::Fit => {
                let made = fit_into(source, room);
                Cut { made, whole: made }
            }
            // Wider than the box: its height decides.
            Framing::Cover if product(source.0, room.1) >= product(source.1, room.0) => {
                cover(source, room)
            }
            Framing::Cover => {
                let Cut { made, whole } = cover((source.1, source.0), (room.1, room.0));
                Cut { made: (made.1, made.0), whole: (whole.1, whole.0) }
            }
        }
    }

    /// The longest edge that a source of this size must keep, whichever way it is turned later.
    pub(crate) fn edge(&self, width: u32, height: u32) -> u32 {
        let edge = |source| {
            let whole = self.cut(source).whole;
            whole.0.max(whole.1)
        };
        edge((width, height)).max(edge((height, width)))
    }
}

/// The sizes that are made of a source, the one that needs the fewest pixels first. One that would
/// only repeat another, because the source is no larger, is left out.
pub(crate) fn worth_making(source: (u32, u32), sizes: &[Size]) -> Vec<(&Size, Cut)> {
    let mut cuts: Vec<_> = sizes.iter().map(|size| (size, size.cut(source))).collect();
    cuts.sort_by_key(|(size, cut)| {
        (product(cut.whole.0, cut.whole.1), product(size.width, size.height))
    });
    let mut kept: Vec<(&Size, Cut)> = Vec::with_capacity(cuts.len());
    for (size, cut) in cuts {
        let repeats = |(other, made): &(&Size, Cut)| {
            *made == cut && (other.coding, other.quality) == (size.coding, size.quality)
        };
        if !kept.iter().any(repeats) {
            kept.push((size, cut));
        }
    }
    kept
}

/// The size of a picture that fits into a box and is never enlarged.
pub(crate) fn fit_into(source: (u32, u32), room: (u32, u32)) -> (u32, u32) {
    let is_wide = product(room.0, source.1) <= product(room.1, source.0);
    let (to, from) = if is_wide { (room.0, source.0) } else { (room.1, source.1) };
    let from = from.max(1);
    let to = to.clamp(1, from);
    let scaled = |length| scaled(length, to, from).max(1);
    (scaled(source.0), scaled(source.1))
}

/// What covers a box, of a source that is at least as wide as the box by its shape.
fn cover(source: (u32, u32), room: (u32, u32)) -> Cut {
    if source.1 < room.1 {
        let width = scaled(source.1, room.0, room.1).clamp(1, source.0.max(1));
        return Cut { made: (width, source.1.max(1)), whole: source };
    }
    let exact = product(source.0, room.1).div_ceil(u64::from(source.1.max(1)));
    let width = u32::try_from(exact).unwrap_or(source.0).max(room.0);
    Cut { made: room, whole: (width, room.1) }
}

/// `length * to / from`, rounded.
fn scaled(length: u32, to: u32, from: u32) -> u32 {
    let exact = (product(length, to) * 2 + u64::from(from)) / (u64::from(from) * 2);
    u32::try_from(exact).unwrap_or(length)
}

fn product(one: u32, other: u32) -> u64 {
    u64::from(one) * u64::from(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(framing: Framing, width: u32, height: u32) -> Size {
        Size { width, height, framing, ..Size::square(1) }
    }

    fn made(framing: Framing, room: (u32, u32), source: (u32, u32)) -> (u32, u32) {
        size(framing, room.0, room.1).cut(source).made
    }

    #[test]
    fn a_fitting_picture_keeps_its_shape_within_the_box() {
        for (room, source, expected) in [
            ((320, 320), (4000, 3000), (320, 240)),
            ((320, 320), (3000, 4000), (240, 320)),
            ((400, 100), (4000, 3000), (133, 100)),
            ((100, 400), (4000, 3000), (100, 75)),
            ((320, 320), (200, 100), (200, 100)),
            ((320, 320), (100_000, 10), (320, 1)),
        ] {
            assert_eq!(made(Framing::Fit, room, source), expected, "{room:?} of {source:?}");
        }
    }

    #[test]
    fn a_covering_picture_fills_the_box_and_is_never_enlarged() {
        for (room, source, expected) in [
            ((320, 320), (4000, 3000), (320, 320)),
            ((320, 180), (3000, 4000), (320, 180)),
            ((320, 320), (4000, 200), (200, 200)),
            ((320, 160), (200, 4000), (200, 100)),
            ((320, 160), (100, 100), (100, 50)),
            ((16, 8192), (1, 1), (1, 1)),
        ] {
            assert_eq!(made(Framing::Cover, room, source), expected, "{room:?} of {source:?}");
        }
    }

    #[test]
    fn the_whole_of_a_covering_picture_is_as_large_as_its_narrow_side_needs() {
        let square = size(Framing::Cover, 320, 320);

        assert_eq!(square.cut((4000, 1000)).whole, (1280, 320));
        assert_eq!(square.cut((1000, 4000)).whole, (320, 1280));
        assert_eq!(square.edge(4000, 1000), 1280);
        assert_eq!(square.edge(400, 100), 400);
    }

    #[test]
    fn what_would_be_the_same_picture_is_made_once() {
        let webp = Size { coding: Coding::WebP, ..Size::square(960) };
        let sizes = [Size::square(1920), Size::square(960), Size::square(320), webp];
        let names = |source| -> Vec<String> {
            let made = worth_making(source, &sizes);
            made.iter().map(|(size, _)| format!("{} {:?}", size.name, size.coding)).collect()
        };

        assert_eq!(names((900, 600)), ["320 Jpeg", "960 Jpeg", "960 WebP"]);
        assert_eq!(names((300, 200)), ["320 Jpeg", "960 WebP"]);
        assert_eq!(names((1000, 10)).len(), 4);
    }
}
