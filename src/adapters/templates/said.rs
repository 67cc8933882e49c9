//! What writers say, made fit for the place where it is read.

/// Longer subjects and titles are cut by every reader of mails.
pub const SUBJECT: usize = 200;
/// What phones show of a push; and both together are far below the 4 KiB that carriers take.
pub const PUSH_TITLE: usize = 100;
pub const PUSH_TEXT: usize = 500;
/// One SMS of the GSM alphabet (3GPP TS 23.038); longer ones are paid for twice.
pub const SMS: usize = 160;
/// Of a title at least so much stays, even if the link alone fills the SMS.
pub const SMS_TITLE_LEAST: usize = 20;

/// Control characters become spaces; ends of lines stay, as `\n`.
pub fn visible(text: &str) -> String {
    let shown = |char: char| if char.is_control() && char != '\n' { ' ' } else { char };
    text.replace("\r\n", "\n").replace('\r', "\n").chars().map(shown).collect()
}

/// In one line, without spaces around; no-break spaces stay.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let breaks =
        |char: char| char.is_control() || char == ' ' || char == '\u{2028}' || char == '\u{2029}';
    for word in text.split(breaks).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Lines without spaces behind them, and at most one empty line between two.
pub fn paragraphs(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut empty = false;
    for line in text.lines().map(|line| line.trim_end_matches([' ', '\t'])) {
        if line.is_empty() {
            empty = !clean.is_empty();
            continue;
        }
        if !clean.is_empty() {
            clean.push_str(if empty { "\n\n" } else { "\n" });
        }
        clean.push_str(line);
        empty = false;
    }
    clean
}

/// At most `most` characters, the last of them an ellipsis where something is cut.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    if most < 2 {
        return String::new();
    }
    let end = text.char_indices().nth(most - 1).map_or(text.len(), |(at, _)| at);
    let (mut kept, mut rest) = (text.get(..end).unwrap_or_default(), text.get(end..));
    // What joins its neighbour goes with it: half an emoji is another one.
    while rest.is_some_and(|rest| rest.starts_with(joins)) || kept.ends_with('\u{200D}') {
        let Some((at, _)) = kept.char_indices().next_back() else { break };
        (kept, rest) = (kept.get(..at).unwrap_or_default(), text.get(at..));
    }
    format!("{}…", kept.trim_end())
}

/// Whether the character changes the one before it: accents, joiners, variants, tones of skin.
fn joins(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36F}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{1F3FB}'..='\u{1F3FF}')
}

/// In one line, and fine typography in the letters of phones: one character outside of the GSM
/// alphabet makes an SMS hold 70 instead of 160.
pub fn sms(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\u{A0}' | '\u{202F}' | '\u{2009}' => plain.push(' '),
            '’' | '‘' => plain.push('\''),
            '“' | '”' | '«' | '»' => plain.push('"'),
            '–' | '—' | '\u{2011}' => plain.push('-'),
            '…' => plain.push_str("..."),
            other => plain.push(other),
        }
    }
    one_line(&plain)
}
