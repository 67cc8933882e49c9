//! In which languages a message is looked for, and in which order.

/// The language of everybody who has no other.
const FIRST: &str = "fr";
/// The longest of RFC 5646 that is in use; whatever is longer is none.
const LONGEST: usize = 35;

/// `fr-CA`, `fr`, and in the end French. Names only, to be looked up: never a path.
pub fn chain(locale: Option<&str>) -> impl Iterator<Item = String> {
    let asked = locale.and_then(code);
    let shorter = |code: &String| code.rsplit_once('-').map(|(language, _)| language.to_owned());
    std::iter::successors(asked, shorter).chain([FIRST.to_owned()])
}

/// `fr_CA.UTF-8` and `FR-ca` are `fr-ca`.
fn code(locale: &str) -> Option<String> {
    let code = locale.trim().split(['.', '@']).next().unwrap_or_default();
    let code = code.replace('_', "-").to_ascii_lowercase();
    is_language(&code).then_some(code)
}

/// Whether a locale or a folder of templates may be called so.
pub fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    let word = |part: &str, most: usize| {
        (2..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let language = parts.next().unwrap_or_default();
    let letters = language.bytes().all(|byte| byte.is_ascii_alphabetic());
    code.len() <= LONGEST && letters && word(language, 3) && parts.all(|part| word(part, 8))
}
