//! The crate `image` alone on a list of files: decoded once for each size, Lanczos3, JPEG 80.
//! The wish is JSON, the answer the numbers of the files that it refused.

use std::collections::BTreeSet;
use std::error::Error;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader};
use serde_json::Value;

fn one(path: &str, edge: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut decoder = ImageReader::open(path)?.with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    if picture.width().max(picture.height()) > edge {
        picture = picture.resize(edge, edge, FilterType::Lanczos3);
    }
    picture.apply_orientation(orientation);
    let mut written = Vec::new();
    JpegEncoder::new_with_quality(&mut written, 80).encode_image(&on_white(picture))?;
    Ok(written)
}

fn on_white(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8().into();
    }
    let pixels = picture.to_rgba8();
    let mut white = image::RgbaImage::from_pixel(pixels.width(), pixels.height(), [255; 4].into());
    image::imageops::overlay(&mut white, &pixels, 0, 0);
    DynamicImage::from(white).to_rgb8().into()
}

fn main() -> Result<(), Box<dyn Error>> {
    let wish: Value = serde_json::from_str(&std::env::args().nth(1).ok_or("no wish")?)?;
    let files: Vec<&str> =
        wish["files"].as_array().into_iter().flatten().flat_map(Value::as_str).collect();
    let sizes = wish["sizes"].as_array().ok_or("no sizes")?;
    let mut refused = BTreeSet::new();
    for time in 0..wish["times"].as_u64().ok_or("no times")? {
        for (at, path) in files.iter().enumerate() {
            for edge in sizes.iter().filter_map(Value::as_u64) {
                match one(path, u32::try_from(edge)?) {
                    Ok(made) => {
                        if let Some(out) = wish["out"].as_str().filter(|_| time == 0) {
                            std::fs::write(format!("{out}/{at}-{edge}.jpg"), made)?;
                        }
                    }
                    Err(_) => {
                        refused.insert(at);
                    }
                }
            }
        }
    }
    println!("{}", serde_json::to_string(&refused)?);
    Ok(())
}
