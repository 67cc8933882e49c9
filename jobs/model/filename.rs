//! Names that people give to files, made harmless.

/// Longest name that is kept, in bytes (most file systems stop at 255).
const LONGEST: usize = 200;
/// Longest piece of a name that becomes part of a key, in bytes.
const LONGEST_SLUG: usize = 60;

/// The last path part of `name` without control and direction marks, at most 200 bytes, never
/// empty: what people see.
pub fn display_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !is_unseen(*c)).collect();
    let kept = kept.trim().trim_start_matches('.');
    match cut(kept, LONGEST) {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

/// A piece of a key for `name`: ASCII letters, digits, `-` and `_` only, at most 60 bytes, never
/// empty, without its ending.
pub fn slug(name: &str) -> String {
    let display = display_name(name);
    let stem = display.rsplit_once('.').map_or(display.as_str(), |(stem, _)| stem);
    let mut slug = String::new();
    for c in stem.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => slug.push(c),
            _ if !slug.ends_with('_') => slug.push('_'),
            _ => {}
        }
    }
    match cut(slug.trim_matches('_'), LONGEST_SLUG) {
        "" => "file".to_owned(),
        slug => slug.to_owned(),
    }
}

/// Control characters, and marks that turn or hide text: a name with them shows as another name.
fn is_unseen(c: char) -> bool {
    let marks = ['\u{ad}', '\u{61c}', '\u{feff}', '\u{180e}'];
    let is_format =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    c.is_control() || is_format || marks.contains(&c)
}

/// At most `longest` bytes of `text`, whole characters.
fn cut(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_parts_and_unseen_characters_are_dropped() {
        assert_eq!(display_name("../../etc/passwd"), "passwd");
        assert_eq!(display_name("C:\\photos\\a\0b.jpg"), "ab.jpg");
        assert_eq!(display_name("gpj.\u{202e}cod.exe"), "gpj.cod.exe");
        assert_eq!(display_name(".."), "file");
        assert_eq!(display_name("été à la plage.jpg"), "été à la plage.jpg");
        assert_eq!(display_name(&"é".repeat(150)).len(), 200);
    }

    #[test]
    fn a_slug_holds_nothing_but_plain_ascii() {
        assert_eq!(slug("photo soirée (1).jpg"), "photo_soir_e_1");
        assert_eq!(slug("日本.png"), "file");
        assert_eq!(slug(&"a".repeat(300)).len(), 60);
    }
}
