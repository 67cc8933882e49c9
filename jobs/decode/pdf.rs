//! Pages and language of a PDF.

use std::collections::BTreeSet;
use std::fs::File;

use lopdf::{Document, decode_text_string};

use crate::window::Window;
use crate::{Code, DecodeError, Facts, Limits, pdf_load};

/// The pages that are read to recognise the language, and what each may inflate to.
const TEXT_PAGES: u32 = 5;
const TEXT_PAGE_BYTES: usize = 256 << 10;
/// With less text the language is a guess.
const TEXT_CHARS: usize = 300;
/// ISO 639-3 and 639-1, in pairs.
const ISO_CODES: &str = "\
    eng en fra fr deu de spa es ita it por pt nld nl dan da swe sv nob nb fin fi pol pl ces cs \
    slk sk slv sl hrv hr srp sr hun hu ron ro bul bg ell el rus ru ukr uk bel be mkd mk lit lt \
    lav lv est et cat ca tur tr ara ar heb he pes fa urd ur hin hi ben bn pan pa guj gu mar mr \
    tam ta tel te kan kn mal ml sin si tha th khm km mya my vie vi ind id jav jv tgl tl cmn zh \
    jpn ja kor ko kat ka hye hy aze az uzb uz tuk tk nep ne amh am afr af zul zu sna sn cym cy \
    epo eo lat la yid yi ori or aka ak";

/// Reads what a PDF says of itself.
pub(crate) fn facts(file: &File, limits: &Limits) -> Result<Facts, DecodeError> {
    let window = Window::new(file, limits)?;
    let size = window.size();
    if size > limits.still_bytes {
        let limit = limits.still_bytes >> 20;
        let message = format!("the PDF has {} MB, the limit is {limit} MB", size >> 20);
        return Err(DecodeError::new(Code::FileTooLarge, message));
    }
    limits.check_memory(size)?;
    let bytes = window.part(0, size, usize::MAX)?;
    limits.check_deadline()?;
    let document = pdf_load::load(&bytes, limits)?;
    limits.check_deadline()?;
    if document.is_encrypted() {
        return Err(DecodeError::new(Code::UnsupportedFormat, "the PDF is encrypted"));
    }
    // A tree that contains itself repeats its pages; each counts once, whatever /Count says.
    let pages: BTreeSet<_> = document.page_iter().collect();
    if pages.is_empty() {
        return Err(DecodeError::corrupt("the PDF has no pages"));
    }
    Ok(Facts {
        pages: u32::try_from(pages.len()).ok(),
        language: declared(&document).or_else(|| recognised(&document, limits)),
        ..Facts::default()
    })
}

/// The primary part of the declared language: `fr` of `fr-FR`.
fn declared(document: &Document) -> Option<String> {
    let lang = document.catalog().ok()?.get_deref(b"Lang", document).ok()?;
    let tag = decode_text_string(lang).ok()?;
    let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    let is_code =
        (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
    is_code.then_some(primary)
}

/// The language of the first pages, where there is enough text and no doubt.
fn recognised(document: &Document, limits: &Limits) -> Option<String> {
    let mut text = String::new();
    for page in 1..=TEXT_PAGES {
        limits.check_deadline().ok()?;
        let Ok(more) = document.extract_text_with_limit(&[page], TEXT_PAGE_BYTES) else { break };
        text.push_str(&more);
        if text.chars().count() > TEXT_CHARS * 10 {
            break;
        }
    }
    if text.chars().count() <= TEXT_CHARS {
        return None;
    }
    let found = whatlang::detect(&text).filter(whatlang::Info::is_reliable)?;
    two_letters(found.lang().code()).map(str::to_owned)
}

/// The ISO 639-1 code of a language that has an ISO 639-3 code.
fn two_letters(code: &str) -> Option<&'static str> {
    let mut codes = ISO_CODES.split_ascii_whitespace();
    while let (Some(three), Some(two)) = (codes.next(), codes.next()) {
        if three == code {
            return Some(two);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{fixture, limits};

    fn facts_of(name: &str) -> Result<Facts, DecodeError> {
        facts(&fixture(&format!("documents/{name}")).0, &limits())
    }

    #[test]
    fn pages_are_counted_and_the_declared_language_is_taken() {
        let facts = facts_of("fr_1page.pdf").unwrap();

        assert_eq!((facts.pages, facts.language.as_deref()), (Some(1), Some("fr")));
    }

    #[test]
    fn the_language_of_a_long_text_is_recognised() {
        let facts = facts_of("french_no_lang.pdf").unwrap();

        assert_eq!((facts.pages, facts.language.as_deref()), (Some(1), Some("fr")));
    }

    #[test]
    fn a_tree_that_contains_itself_has_no_pages() {
        assert_eq!(facts_of("pdf_count_lie.pdf").unwrap_err().code, Code::CorruptFile);
    }

    #[test]
    fn a_page_of_a_gigabyte_is_not_inflated() {
        let facts = facts_of("pdf_double_flate.pdf").unwrap();

        assert_eq!((facts.pages, facts.language), (Some(1), None));
    }

    #[test]
    fn a_pdf_larger_than_allowed_is_not_read() {
        let limits = Limits { still_bytes: 1000, ..limits() };

        let refusal = facts(&fixture("documents/fr_1page.pdf").0, &limits).unwrap_err();

        assert_eq!(refusal.code, Code::FileTooLarge);
    }

    #[test]
    fn every_language_that_is_recognised_has_its_code() {
        for language in whatlang::Lang::all() {
            assert!(two_letters(language.code()).is_some(), "{language:?}");
        }
    }
}
