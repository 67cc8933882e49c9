//! Whether every element of MJML ends where it has to. The parser takes any end for any beginning.

/// The byte of the first element that does not, and what is wrong with it.
pub fn unbalanced(mjml: &str) -> Option<(usize, String)> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    while let Some(start) = mjml.get(at..)?.find('<').map(|found| at + found) {
        let text = mjml.get(start..)?;
        if text.starts_with("<!--") {
            at = start + text.find("-->").unwrap_or(text.len());
            continue;
        }
        let ends = text.starts_with("</");
        let name = text.get(if ends { 2 } else { 1 }..)?;
        let name = name.get(..name.find(|char| !is_of_name(char)).unwrap_or(name.len()))?;
        let length = length(text);
        at = start + length;
        if !name.starts_with("mj") {
            continue;
        }
        if !ends {
            let closed = text.get(..length)?.ends_with("/>");
            open.extend((!closed).then_some((start, name)));
        } else if let Some((_, begun)) = open.pop().filter(|(_, begun)| *begun != name) {
            return Some((start, format!("</{name}> where </{begun}> has to be")));
        }
    }
    open.last().map(|(start, name)| (*start, format!("<{name}> has no end")))
}

fn is_of_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '-'
}

/// To the end of the tag; a `>` between quotes is none.
fn length(tag: &str) -> usize {
    let mut quote = None;
    for (at, char) in tag.char_indices() {
        match (quote, char) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(char),
            (Some(open), char) if open == char => quote = None,
            _ => {}
        }
    }
    tag.len()
}
