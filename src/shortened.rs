//! Texts that have to fit.

/// The longest beginning of the text that fits, with an ellipsis where something is missing;
/// nothing if not even that fits.
pub fn shortened(text: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    if fits(text) {
        return Some(text.to_owned());
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let cut = |end: &usize| format!("{}…", text.get(..*end).unwrap_or_default().trim_end());
    let count = ends.partition_point(|end| fits(&cut(end)));
    ends.get(count.checked_sub(1)?).map(cut)
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_text_is_cut_between_letters_and_says_so() {
        let within = |most: usize| move |text: &str| text.len() <= most;

        assert_eq!(shortened("été", within(5)).as_deref(), Some("été"));
        assert_eq!(shortened("été là-bas", within(9)).as_deref(), Some("été…"));
        assert_eq!(shortened("été là-bas", within(10)).as_deref(), Some("été l…"));
        assert_eq!(shortened("été là-bas", within(3)).as_deref(), Some("…"));
        assert_eq!(shortened("été là-bas", within(2)), None);
        assert_eq!(shortened("", within(0)).as_deref(), Some(""));
    }
}
