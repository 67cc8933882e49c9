//! The section `thumbnails`: which small pictures are made, and of which version this set is.

use std::collections::HashSet;

use jobs::{
    keys::PREVIEW,
    ports::{Framing, PictureFormat, PictureSize},
    recipe::Recipe,
};
use serde::{Deserialize, Serialize};

/// More pictures than any page shows of one photo; each costs time in every upload.
const MOST_SIZES: usize = 12;
/// A preview is looked at, not watched: 10 seconds are some 300 kB.
const MOST_SECONDS: u32 = 10;

/// Which small pictures are made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml is the manual")]
pub struct Thumbnails {
    pub version: u32,
    pub sizes: Vec<SizeSetting>,
    pub preview_seconds: u32,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
#[expect(missing_docs, reason = "config.default.toml is the manual")]
pub struct SizeSetting {
    pub name: String,
    #[serde(rename = "box")]
    pub room: [u32; 2],
    pub how: Framing,
    pub format: PictureFormat,
    pub quality: u8,
}

/// A size as it may be written: in full, or as the edge of a square.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Edge(u32),
    Whole(Whole),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    name: String,
    #[serde(rename = "box")]
    room: Room,
    #[serde(default)]
    how: Framing,
    #[serde(default)]
    format: PictureFormat,
    quality: Option<u8>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Room {
    Edge(u32),
    Both([u32; 2]),
}

impl From<Written> for SizeSetting {
    fn from(written: Written) -> Self {
        match written {
            Written::Edge(edge) => Self::of(PictureSize::square(edge)),
            Written::Whole(Whole { name, room, how, format, quality }) => {
                let room = match room {
                    Room::Edge(edge) => [edge, edge],
                    Room::Both(both) => both,
                };
                let quality = quality.unwrap_or(format.usual_quality());
                Self { name, room, how, format, quality }
            }
        }
    }
}

impl SizeSetting {
    fn of(size: PictureSize) -> Self {
        let PictureSize { name, width, height, framing, format, quality } = size;
        Self { name, room: [width, height], how: framing, format, quality }
    }

    fn size(&self) -> PictureSize {
        let [width, height] = self.room;
        let (name, framing) = (self.name.clone(), self.how);
        PictureSize { name, width, height, framing, format: self.format, quality: self.quality }
    }

    /// It stands in addresses and in the names of objects.
    fn has_odd_name(&self) -> bool {
        let is_plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        !(1..=32).contains(&self.name.len()) || !self.name.chars().all(is_plain)
    }
}

impl Thumbnails {
    /// What the jobs go by.
    pub fn recipe(&self) -> Recipe {
        let sizes = self.sizes.iter().map(SizeSetting::size).collect();
        Recipe { version: self.version, sizes, preview_seconds: self.preview_seconds }
    }

    pub(super) fn faults(&self) -> Vec<(bool, &'static str)> {
        let sizes = &self.sizes;
        let names: HashSet<&str> = sizes.iter().map(|size| size.name.as_str()).collect();
        let odd_box =
            sizes.iter().any(|size| size.room.iter().any(|edge| !(16..=8192).contains(edge)));
        let odd_quality = sizes.iter().any(|size| !(1..=100).contains(&size.quality));
        vec![
            (self.version == 0, "thumbnails.version is 0"),
            (!(1..=MOST_SIZES).contains(&sizes.len()), "thumbnails.sizes are none or more than 12"),
            (
                sizes.iter().any(SizeSetting::has_odd_name),
                "a name in thumbnails.sizes is not 1 to 32 of the characters a-z, 0-9, _ and -",
            ),
            (names.len() < sizes.len(), "two of thumbnails.sizes have the same name"),
            (odd_box, "a box in thumbnails.sizes is not from 16 to 8192 pixels"),
            (
                !sizes.is_empty() && self.recipe().at_once().is_empty(),
                "thumbnails.sizes are all of the format avif, which comes after publication",
            ),
            (self.preview_seconds > MOST_SECONDS, "thumbnails.preview_seconds is more than 10"),
            (
                self.preview_seconds > 0 && names.contains(PREVIEW),
                "a name in thumbnails.sizes is preview, which thumbnails.preview_seconds makes",
            ),
            (odd_quality, "a quality in thumbnails.sizes is not from 1 to 100"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(sizes: &str) -> Result<Thumbnails, Vec<String>> {
        let file = format!("[thumbnails]\nversion = 7\nsizes = {sizes}\n");
        Config::read(Some(&file), Vec::new()).map(|config| config.thumbnails)
    }

    #[test]
    fn an_edge_stands_for_a_jpeg_that_fits_into_a_square() {
        let short = read("[320]").unwrap();
        let long = "[{ name = \"320\", box = [320, 320], how = \"fit\", format = \"jpeg\", \
                    quality = 80 }]";

        assert_eq!(short.sizes, read(long).unwrap().sizes);
        assert_eq!(short.recipe().sizes, [PictureSize::square(320)]);
        assert_eq!(short.recipe().told(), "320=320x320-fit-jpeg-q80");
    }

    #[test]
    fn what_a_size_does_not_say_is_as_usual() {
        let sizes = "[1920, { name = \"tile\", box = [400, 300], how = \"cover\" }, \
                     { name = \"web\", box = 960, format = \"webp\", quality = 75 }]";

        let told = read(sizes).unwrap().recipe().told();

        let expected = "1920=1920x1920-fit-jpeg-q80,tile=400x300-cover-jpeg-q80,\
                        web=960x960-fit-webp-q75";
        assert_eq!(told, expected);
    }

    #[test]
    fn sizes_may_come_from_the_environment_and_are_printed_so_that_they_can_be_read() {
        let name = "IVEN__THUMBNAILS__SIZES".into();
        let sizes = "[64, { name = \"tile\", box = 64, how = \"cover\" }]".into();

        let config = Config::read(None, vec![(name, sizes)]).unwrap();

        assert_eq!(config.thumbnails.sizes.len(), 2);
        let again = Config::read(Some(&config.masked()), Vec::new()).unwrap();
        assert_eq!(again.thumbnails.sizes, config.thumbnails.sizes);
    }

    #[test]
    fn all_faults_of_sizes_are_said_at_once() {
        let sizes = "[{ name = \"Groß\", box = [9, 320], quality = 0 }, 320, 320]";

        let faults = read(sizes).unwrap_err();

        assert_eq!(
            faults,
            [
                "a name in thumbnails.sizes is not 1 to 32 of the characters a-z, 0-9, _ and -",
                "two of thumbnails.sizes have the same name",
                "a box in thumbnails.sizes is not from 16 to 8192 pixels",
                "a quality in thumbnails.sizes is not from 1 to 100",
            ]
        );
        let late = read("[{ name = \"a\", box = 320, format = \"avif\" }]").unwrap_err();
        let sentence = "thumbnails.sizes are all of the format avif, which comes after publication";
        assert_eq!(late, [sentence]);
        let many: Vec<String> = (320..333).map(|edge: u32| edge.to_string()).collect();
        for none_or_many in ["[]".to_owned(), format!("[{}]", many.join(","))] {
            let faults = read(&none_or_many).unwrap_err();
            assert_eq!(faults, ["thumbnails.sizes are none or more than 12"]);
        }
    }

    #[test]
    fn previews_are_off_short_and_the_only_ones_of_their_name() {
        let with = |seconds: u32| {
            let sizes = "[320, { name = \"preview\", box = 64 }]";
            let rest = format!("{sizes}\npreview_seconds = {seconds}");
            read(&rest).map(|thumbnails| thumbnails.recipe().told())
        };

        assert_eq!(with(0).unwrap(), "320=320x320-fit-jpeg-q80,preview=64x64-fit-jpeg-q80");
        let taken = "a name in thumbnails.sizes is preview, which thumbnails.preview_seconds makes";
        assert_eq!(with(3).unwrap_err(), [taken]);
        let long = "thumbnails.preview_seconds is more than 10";
        assert_eq!(with(11).unwrap_err(), [long, taken]);
        let told = read("[320]\npreview_seconds = 3").unwrap().recipe().told();
        assert_eq!(told, "320=320x320-fit-jpeg-q80,preview=3s");
    }

    #[test]
    fn a_size_that_is_none_is_told_how_it_is_written() {
        for odd in ["\"320\"", "[{ name = \"a\" }]", "[{ name = \"a\", box = 320, crop = true }]"] {
            let faults = read(odd).unwrap_err();

            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with("thumbnails.sizes is not a list of edges"), "{faults:?}");
        }
    }
}
