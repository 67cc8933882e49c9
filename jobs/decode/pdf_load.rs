//! Loads a PDF within limits that the library does not know.
//!
//! Its objects are counted before they are parsed and again as they come, because a table may
//! name the same object a million times.

use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind};

use lopdf::{DecompressError, Document, Error, LoadOptions, Object, ObjectId};

use crate::{Code, DecodeError, Limits, pdf_cost};

/// A directory of objects inflates to some 100 KB, that of the longest books to some MB.
const MOST_INFLATED: usize = 4 << 20;

thread_local! {
    /// What the load on this thread may still take: the library calls back without a context.
    static LEFT: Cell<Option<Limits>> = const { Cell::new(None) };
}

/// The document in `bytes`; one that is encrypted with a password has no objects.
pub(crate) fn load(bytes: &[u8], limits: &Limits) -> Result<Document, DecodeError> {
    // The file, its streams once more, and its objects.
    let parsed = pdf_cost::of_file(bytes, limits.memory_bytes);
    limits.check_memory((bytes.len() as u64 * 2).saturating_add(parsed))?;
    let document = watched(bytes, false, limits)?;
    if document.is_encrypted() || document.page_iter().next().is_some() {
        return Ok(document);
    }
    // Its table may point beside the objects: they are searched for.
    drop(document);
    watched(bytes, true, limits)
}

fn watched(bytes: &[u8], search: bool, limits: &Limits) -> Result<Document, DecodeError> {
    limits.check_deadline()?;
    let memory_bytes = limits.memory_bytes.saturating_sub(bytes.len() as u64);
    LEFT.set(Some(Limits { memory_bytes, ..limits.clone() }));
    let options = LoadOptions {
        filter: Some(watch),
        max_decompressed_size: Some(MOST_INFLATED),
        force_reconstruct: search,
        ..LoadOptions::default()
    };
    let loaded = catch_unwind(|| Document::load_mem_with_options(bytes, options));
    LEFT.set(None);
    match loaded {
        Ok(loaded) => loaded.map_err(refusal),
        Err(cause) => {
            Err(cause.downcast::<DecodeError>().map_or_else(|it| resume_unwind(it), |it| *it))
        }
    }
}

/// Sees each object after it is parsed. To stop the library there is no way but to unwind.
fn watch(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    let mut left = LEFT.take()?;
    let stop = |error: DecodeError| resume_unwind(Box::new(error));
    left.check_deadline().unwrap_or_else(stop);
    let cost = pdf_cost::of_object(object);
    left.check_memory(cost).unwrap_or_else(stop);
    left.memory_bytes -= cost;
    if let Object::Stream(stream) = object
        && stream.dict.has_type(b"ObjStm")
    {
        let inside = pdf_cost::of_directory(stream, MOST_INFLATED, left.memory_bytes);
        left.check_memory(inside).unwrap_or_else(stop);
    }
    LEFT.set(Some(left));
    // What is given back counts for objects of a directory alone, and no stream is in one.
    let kept = if object.as_stream().is_ok() { Object::Null } else { object.clone() };
    Some((id, kept))
}

fn refusal(error: Error) -> DecodeError {
    match error {
        Error::InvalidPassword | Error::Decryption(_) => {
            DecodeError::new(Code::UnsupportedFormat, "the PDF is encrypted")
        }
        Error::Decompress(DecompressError::MemoryLimitExceeded { .. }) => {
            DecodeError::new(Code::MemoryLimit, "a directory of the PDF inflates too far")
        }
        _ => DecodeError::corrupt("the PDF is damaged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::limits;

    /// A PDF of one page with `more` behind it, and a table of it and of `entries` at `places`
    /// in what is added.
    fn pdf(more: &str, places: &[usize]) -> Vec<u8> {
        let mut pdf = "%PDF-1.4\n".to_owned();
        let mut offsets = Vec::new();
        for object in [
            "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n",
            "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n",
            "3 0 obj<</Type/Page/Parent 2 0 R>>endobj\n",
        ] {
            offsets.push(pdf.len());
            pdf.push_str(object);
        }
        offsets.extend(places.iter().map(|place| pdf.len() + place));
        pdf.push_str(more);
        let (table, size) = (pdf.len(), offsets.len() + 1);
        pdf.push_str(&format!("xref\n0 {size}\n0000000000 65535 f \n"));
        offsets.iter().for_each(|at| pdf.push_str(&format!("{at:010} 00000 n \n")));
        pdf.push_str(&format!("trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n"));
        pdf.into_bytes()
    }

    fn refused(more: &str, places: &[usize]) -> Option<Code> {
        let tight = Limits { memory_bytes: 16 << 20, ..limits() };
        load(&pdf(more, places), &tight).err().map(|error| error.code)
    }

    #[test]
    fn a_list_of_numbers_is_refused_before_it_is_parsed() {
        let list = |count| format!("4 0 obj[{}]endobj\n", "0 ".repeat(count));

        assert_eq!(refused(&list(50_000), &[0]), None);
        assert_eq!(refused(&list(500_000), &[0]), Some(Code::MemoryLimit));
    }

    #[test]
    fn a_list_in_the_bytes_of_a_stream_counts_too() {
        let list = format!("5 0 obj[{}]endobj\n", "0 ".repeat(500_000));
        let head = format!("4 0 obj<</Length {}>>stream\n", list.len());
        let more = format!("{head}{list}endstream endobj\n");

        assert_eq!(refused(&more, &[0, head.len()]), Some(Code::MemoryLimit));
    }

    #[test]
    fn an_object_that_is_named_again_and_again_is_refused() {
        let list = format!("4 0 obj[{}]endobj\n", "0 ".repeat(1000));

        assert_eq!(refused(&list, &[0; 10]), None);
        assert_eq!(refused(&list, &[0; 1000]), Some(Code::MemoryLimit));
    }

    #[test]
    fn streams_that_lie_over_each_other_are_refused() {
        const EACH: usize = 60;
        let (count, end) = (2000, 2000 * EACH);
        let stream = |number| {
            let start = number * EACH;
            let head = format!("{} 0 obj<</Length {:06}>>stream\n", number + 4, 0);
            let length = end - start - head.len();
            format!("{:<1$}", head.replace("000000", &format!("{length:06}")), EACH)
        };
        let more: String = (0..count).map(stream).collect();
        let places: Vec<usize> = (0..count).map(|number| number * EACH).collect();

        assert_eq!(refused(&format!("{more}endstream endobj\n"), &places), Some(Code::MemoryLimit));
    }

    #[test]
    fn a_directory_that_names_one_list_again_and_again_is_refused() {
        let directory = |count: usize| {
            let index: String = (0..count).map(|number| format!("{} 0 ", number + 10)).collect();
            let content = format!("{index}[{}]", "0 ".repeat(1000));
            let (first, length) = (index.len(), content.len());
            let head = format!("/Type/ObjStm/N {count}/First {first}/Length {length}");
            format!("4 0 obj<<{head}>>stream\n{content}\nendstream endobj\n")
        };

        assert_eq!(refused(&directory(10), &[0]), None);
        assert_eq!(refused(&directory(1000), &[0]), Some(Code::MemoryLimit));
    }

    #[test]
    fn a_directory_of_many_objects_is_read() {
        let index: String = (0..5000).map(|at| format!("{} {} ", at + 10, at * 7)).collect();
        let content = format!("{index}{}", "[/A 0] ".repeat(5000));
        let (first, length) = (index.len(), content.len());
        let head = format!("/Type/ObjStm/N 5000/First {first}/Length {length}");
        let more = format!("4 0 obj<<{head}>>stream\n{content}\nendstream endobj\n");

        let document = load(&pdf(&more, &[0]), &Limits { memory_bytes: 16 << 20, ..limits() });

        assert_eq!(document.unwrap().objects.len(), 5004);
    }

    #[test]
    fn no_way_of_writing_an_object_counts_less_than_it_takes() {
        for object in [
            "0 ",
            "+1",
            ".5",
            "-1.5 ",
            "null",
            "true",
            "1 0 R ",
            "/A",
            "()",
            "(a(\\)b)c)",
            "<>",
            "< 0>",
            "[]",
            "[[0]]",
            "<<>>",
            "<</A 0/B<</C[]>>>>",
            "%a\n1 ",
        ] {
            let bytes = pdf(&format!("4 0 obj[{}]endobj\n", object.repeat(1000)), &[0]);
            let document = load(&bytes, &limits()).unwrap();
            let list = document.get_object((4, 0)).and_then(Object::as_array).unwrap();

            assert_eq!(list.len(), 1000, "{object}");
            let counted = pdf_cost::of_file(&bytes, u64::MAX);
            assert!(counted > (list.len() * size_of::<Object>()) as u64, "{object}: {counted}");
        }
    }

    #[test]
    fn a_table_that_points_beside_its_objects_is_mended() {
        let mut shifted = pdf("", &[]);
        shifted.splice(9..9, *b"%a line that came later\n");

        let document = load(&shifted, &limits()).unwrap();

        assert_eq!(document.page_iter().count(), 1);
    }
}
