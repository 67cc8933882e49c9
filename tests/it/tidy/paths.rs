//! Which names a source file says: `use` trees and paths in the code, written out.

use super::files::File;

/// Every path that `file` says, from the root of its package where it is one of its own.
pub fn named(file: &File) -> Vec<String> {
    let here = module(&file.path);
    let code = file.code();
    let mut found = Vec::new();
    let mut rest = code.as_str();
    while let Some(start) = rest.find(is_word) {
        let text = &rest[start..];
        let imported = text.strip_prefix("use ").or_else(|| text.strip_prefix("extern crate "));
        let (paths, after) = tree(imported.unwrap_or(text), "");
        // Elsewhere a single word is no path.
        found.extend(paths.into_iter().filter(|path| imported.is_some() || path.contains("::")));
        rest = after;
    }
    found.iter().map(|path| absolute(path, &here)).collect()
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Reads `a::{b, c::d}` as `a::b` and `a::c::d`; also gives the text behind it.
fn tree<'a>(text: &'a str, prefix: &str) -> (Vec<String>, &'a str) {
    if let Some(list) = text.strip_prefix('{') {
        return branches(list, prefix);
    }
    let (word, after) = text.split_at(text.find(|char| !is_word(char)).unwrap_or(text.len()));
    let colons = if prefix.is_empty() || word.is_empty() { "" } else { "::" };
    let path = format!("{prefix}{colons}{word}");
    let next = after.strip_prefix("::").filter(|next| next.starts_with(|c| is_word(c) || c == '{'));
    match next {
        Some(next) if !word.is_empty() => tree(next, &path),
        _ => (vec![path], after),
    }
}

fn branches<'a>(list: &'a str, prefix: &str) -> (Vec<String>, &'a str) {
    let mut paths = Vec::new();
    let mut rest = list.trim_start();
    while !rest.is_empty() && !rest.starts_with('}') {
        let (found, after) = tree(rest, prefix);
        paths.extend(found);
        // What is left of the branch is `as another` or `::*`.
        let end = after.find([',', '}']).unwrap_or(after.len());
        rest = after[end..].trim_start_matches(',').trim_start();
    }
    (paths, rest.strip_prefix('}').unwrap_or(rest))
}

/// The module that a file is, from the root of its package.
pub fn module(path: &str) -> Vec<&str> {
    let inside = ["src/", "jobs/decode/", "jobs/"].iter().find_map(|root| path.strip_prefix(root));
    let stem = inside.and_then(|path| path.strip_suffix(".rs")).unwrap_or_default();
    stem.split('/').filter(|name| !matches!(*name, "" | "mod" | "lib" | "main")).collect()
}

/// `path` as said in the module `here`, from the root where it begins there.
fn absolute(path: &str, here: &[&str]) -> String {
    let mut at = vec!["crate"];
    let mut words = path.split("::").peekable();
    match words.peek() {
        Some(&"crate" | &"iven_worker") => _ = words.next(),
        Some(&"super" | &"self") => at.extend(here),
        _ => return path.to_owned(),
    }
    for word in words {
        match word {
            "self" => {}
            "super" => _ = at.pop(),
            word => at.push(word),
        }
    }
    at.join("::")
}

#[test]
fn every_way_to_say_a_path_is_read() {
    let text = "use a::{b, c::{self, d as e, f::*}, g};\nuse h;\n\
                fn i(j: &super::k::L) -> crate::m::N { o::p::<q>() }\n// use r::s;\n";

    let named = named(&File::new("src/x/y.rs", text));

    let expected = ["a::b", "a::c::self", "a::c::d", "a::c::f", "a::g", "h"];
    assert_eq!(named[..6], expected);
    assert_eq!(named[6..], ["crate::x::k::L", "crate::m::N", "o::p"]);
}
