//! Every file of the corpus without its metadata: nothing of it is found, and it shows the same.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::fixtures::{corpus, limits, nameless};
use crate::jpeg_header;
use crate::strip_tests::{applied, moves_nothing};
use crate::{Code, Format, HEAD_BYTES, Kind, Size, facts, sniff, strip, thumbnails};

/// Files that are refused, and why that is right.
const REFUSED: &[(&str, &str)] = &[
    ("photos/exif-no-tz.jpg", "a segment of EXIF alone: no picture"),
    ("photos/motion_photo_pixel_synth.jpg", "segments of metadata alone: no picture"),
    ("video/truncated_no_moov.mp4", "its directory is missing: nothing says what is a sample"),
];

/// The paths in the corpus and the format that their bytes have.
fn files(root: &Path) -> Vec<(String, Format, Vec<u8>)> {
    let manifest = fs::read_to_string(root.join("manifest.csv")).unwrap();
    let paths = manifest.lines().skip(1).filter_map(|line| line.split(',').next());
    let file = |path: &str| {
        let bytes = fs::read(root.join(path)).unwrap();
        let format = sniff(&bytes[..bytes.len().min(HEAD_BYTES)])?;
        Some((path.to_owned(), format, bytes))
    };
    paths.filter_map(file).collect()
}

/// What readers see of a file: its small pictures, or why there are none.
fn shown(file: &File, format: Format) -> Result<Vec<Vec<u8>>, Code> {
    let sizes = [Size::square(320)];
    let made = thumbnails(file, format, &sizes, &limits()).map_err(|error| error.code)?;
    Ok(made.thumbnails.into_iter().map(|picture| picture.bytes).collect())
}

/// What is wrong with the stripped file.
fn faults(before: &File, after: &File, format: Format) -> Vec<String> {
    let (Ok(old), Ok(new)) = (facts(before, format, &limits()), facts(after, format, &limits()))
    else {
        let is_like = facts(before, format, &limits()).is_err();
        return if is_like { Vec::new() } else { vec!["it has no facts any more".to_owned()] };
    };
    let mut faults = Vec::new();
    let (was, is) = (old.exif.clone().unwrap_or_default(), new.exif.clone().unwrap_or_default());
    if is.gps.is_some() || is.content_identifier.is_some() {
        faults.push(format!("it still says {is:?}"));
    }
    if was.orientation != is.orientation && format.kind() == Kind::Image {
        faults.push(format!("the turn is {:?} and was {:?}", is.orientation, was.orientation));
    }
    let measures = |f: &crate::Facts| {
        (f.width, f.height, f.rotation_degrees, f.codec.clone(), f.frame_rate, f.frames)
    };
    if measures(&old) != measures(&new) {
        faults.push(format!("{:?} was {:?}", measures(&new), measures(&old)));
    }
    if old.duration_seconds != new.duration_seconds {
        faults.push(format!("{:?} s was {:?} s", new.duration_seconds, old.duration_seconds));
    }
    if shown(before, format) != shown(after, format) {
        faults.push("it shows something else".to_owned());
    }
    faults
}

/// Whether the compressed bytes are the same: all from the first scan on, or each scan where
/// something was between them.
fn has_same_scans(before: &[u8], after: &[u8]) -> bool {
    let (Ok(old), Ok(new)) = (jpeg_header::read(before), jpeg_header::read(after)) else {
        // Too many scans for a decoder, say.
        return jpeg_header::read(before).is_err() && jpeg_header::read(after).is_err();
    };
    let same = |(old, new): (&jpeg_header::Scan, &jpeg_header::Scan)| {
        before[old.bytes.clone()].starts_with(&after[new.bytes.clone()])
    };
    old.scans.len() == new.scans.len() && old.scans.iter().zip(&new.scans).all(same)
}

#[test]
fn stripped_files_show_the_same_and_tell_nothing() {
    let Some(root) = corpus("manifest.csv") else { return };
    let (mut wrong, mut refused, mut count) = (Vec::new(), Vec::new(), 0);

    for (path, format, bytes) in files(&root) {
        let file = File::open(root.join(&path)).unwrap();
        let start = Instant::now();
        let edits = strip(&file, format, &limits());
        assert!(start.elapsed() < Duration::from_secs(2), "{path} took {:?}", start.elapsed());
        match edits {
            Ok(None) => {}
            Ok(Some(edits)) => {
                count += 1;
                let stripped = applied(&bytes, &edits);
                let after = nameless(&stripped);
                let mut found = faults(&file, &after, format);
                let again = strip(&after, format, &limits()).unwrap().unwrap();
                if format == Format::Jpeg && !has_same_scans(&bytes, &stripped) {
                    found.push("its scans are others".to_owned());
                }
                if applied(&stripped, &again) != stripped {
                    found.push("a second time changes it again".to_owned());
                }
                if !matches!(format.kind(), Kind::Image) && !moves_nothing(&edits, bytes.len()) {
                    found.push("samples have moved".to_owned());
                }
                wrong.extend(found.into_iter().map(|fault| format!("{path}: {fault}")));
            }
            Err(error) => refused.push(format!("{path}: {} ({error})", error.code.as_str())),
        }
    }

    println!("{count} files stripped; refused:\n    {}", refused.join("\n    "));
    assert_eq!(wrong, [""; 0], "\n{}", wrong.join("\n"));
    refused.retain(|line| !REFUSED.iter().any(|(path, _)| line.starts_with(path)));
    let broken = ["hostile/", "bombs/"];
    refused.retain(|line| !broken.iter().any(|folder| line.starts_with(folder)));
    assert_eq!(refused, [""; 0], "\n{}", refused.join("\n"));
    assert!(count > 150, "{count} files were stripped");
}
