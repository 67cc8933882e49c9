//! Makes templates of files, once at the start: parts put in, MJML made HTML, everything tried.

use mrml::prelude::{
    parser::{Error as Broken, ParserOptions, Span},
    render::RenderOptions,
};

use super::{
    elements,
    engine::{Engine, Fault},
    samples,
    sources::{MessageFile, Source, Sources},
};

/// Parts in parts in parts are a circle.
const DEEPEST: usize = 8;
/// The names of values. Whatever else a template asks for is misspelt.
const KNOWN: [&str; 9] =
    ["title", "body", "data", "user", "actionUrl", "unsubscribeUrl", "appName", "count", "items"];

/// The names under which the engine has what a message is made of.
#[derive(Debug, Default)]
pub struct Message {
    pub title: Option<String>,
    pub text: Option<String>,
    pub page: Option<String>,
}

/// A file with its parts in it, and of each line where it stands.
struct Whole<'a> {
    text: String,
    lines: Vec<(&'a str, usize)>,
}

impl Whole<'_> {
    fn fault(&self, line: usize, what: &str) -> String {
        let at = self.lines.get(line.saturating_sub(1)).or(self.lines.last());
        let (file, line) = at.copied().unwrap_or_default();
        format!("{file}:{line}: {what}")
    }
}

/// What one file brings to its message. The error names file and line.
pub fn message(
    sources: &Sources,
    key: &str,
    file: &MessageFile<'_>,
    engine: &mut Engine,
) -> Result<Message, String> {
    let source = sources.get(key).ok_or_else(|| format!("{key}:1: is not there"))?;
    let mut whole = Whole { text: String::new(), lines: Vec::new() };
    put_together(sources, file.language, source, 0, &mut whole)?;
    try_out(engine, key, &whole, file)?;
    let add = |engine: &mut Engine, name: &str, text: String| {
        engine.add(name, text).map_err(|fault| whole.fault(fault.line, &fault.what))?;
        Ok::<_, String>(Some(name.to_owned()))
    };
    if file.is_page {
        let html = page(&whole)?;
        return Ok(Message { page: add(engine, key, html)?, ..Message::default() });
    }
    if file.channel == jobs::model::Channel::Sms {
        let text = add(engine, key, whole.text.clone())?;
        return Ok(Message { text, ..Message::default() });
    }
    let (title, text) = whole.text.split_once('\n').unwrap_or((&whole.text, ""));
    // The empty line keeps the numbers of the others.
    let text = add(engine, key, format!("\n{text}"))?;
    let title = add(engine, &format!("{key}:title"), title.to_owned())?;
    Ok(Message { title, text, page: None })
}

/// A mail is read as text and as HTML, in one language.
pub fn mails_without_pages(sources: &Sources) -> Vec<String> {
    let mails = sources.messages().filter(|(_, file)| file.channel.as_str() == "email");
    let lonely = mails.filter_map(|(key, file)| {
        let (kind, other) = if file.is_page { ("mjml", "txt") } else { ("txt", "mjml") };
        let beside = format!("{}{other}", key.strip_suffix(kind)?);
        let shown = &sources.get(key)?.shown;
        let lonely = sources.get(&beside).is_none();
        lonely.then(|| format!("{shown}:1: has no {beside} beside it, and a mail needs both"))
    });
    lonely.collect()
}

fn put_together<'a>(
    sources: &'a Sources,
    language: &str,
    source: &'a Source,
    depth: usize,
    whole: &mut Whole<'a>,
) -> Result<(), String> {
    for (at, line) in source.text.lines().enumerate() {
        let fault = |what: &str| format!("{}:{}: {what}", source.shown, at + 1);
        let Some(name) = included(line).map_err(fault)? else {
            whole.text.push_str(line);
            whole.text.push('\n');
            whole.lines.push((&source.shown, at + 1));
            continue;
        };
        if depth == DEEPEST {
            return Err(fault("parts include each other in a circle"));
        }
        let part = sources.part(language, name);
        let part = part.ok_or_else(|| fault(&format!("there is no part {name}")))?;
        put_together(sources, language, part, depth + 1, whole)?;
    }
    Ok(())
}

/// The part that a line asks for: `<mj-include path="NAME.mjml" />` or `{% include "NAME.txt" %}`.
fn included(line: &str) -> Result<Option<&str>, &'static str> {
    let line = line.trim();
    let mjml = line.strip_prefix("<mj-include").map(|rest| (rest, "path=", "/>", ".mjml"));
    let text = line.strip_prefix("{% include").map(|rest| (rest, "", "%}", ".txt"));
    let Some((rest, before, after, kind)) = mjml.or(text) else {
        let inside = line.contains("<mj-include") || line.contains("{% include");
        return if inside { Err("an include stands in a line of its own") } else { Ok(None) };
    };
    let name = || {
        let quoted = rest.trim_start().strip_prefix(before)?.strip_suffix(after)?.trim();
        quoted.strip_prefix('"')?.strip_suffix('"').filter(|name| name.ends_with(kind))
    };
    name().map(Some).ok_or("includes no NAME.mjml or NAME.txt of its own kind")
}

fn try_out(
    engine: &Engine,
    key: &str,
    whole: &Whole<'_>,
    file: &MessageFile<'_>,
) -> Result<(), String> {
    let tries = [samples::least(), samples::full(file.name, file.language)];
    let fault = |Fault { line, what }| whole.fault(line, &what);
    let asked = engine.try_out(key, &whole.text, &tries).map_err(fault)?;
    let Some(unknown) = asked.iter().find(|name| !KNOWN.contains(&name.as_str())) else {
        return Ok(());
    };
    let line = whole.text.lines().position(|line| asks_for(line, unknown));
    let what = format!("there is no value `{unknown}`: {}", KNOWN.join(", "));
    Err(whole.fault(line.unwrap_or(0) + 1, &what))
}

/// Whether the name stands in a line with placeholders, and not within another word.
fn asks_for(line: &str, name: &str) -> bool {
    let is_of_word = |char: char| char.is_alphanumeric() || char == '_' || char == '-';
    line.contains('{') && line.split(|char| !is_of_word(char)).any(|word| word == name)
}

/// MJML as HTML in which the placeholders still stand. What is before `<mjml` stays before it.
fn page(whole: &Whole<'_>) -> Result<String, String> {
    let start = whole.text.find("<mjml").ok_or_else(|| whole.fault(1, "there is no <mjml>"))?;
    let (before, mjml) = whole.text.split_at(start);
    let line = |at: usize| lines_before(&whole.text, start.saturating_add(at)) + 1;
    if let Some((at, what)) = elements::unbalanced(mjml) {
        return Err(whole.fault(line(at), &what));
    }
    let parsed = mrml::parse_with_options(mjml, &ParserOptions::default())
        .map_err(|error| whole.fault(line(place(&error, mjml)), &broken(&error)))?;
    if let Some(warning) = parsed.warnings.first() {
        return Err(whole.fault(line(warning.span.start), &warning.kind.to_string()));
    }
    // No fonts: a mail asks no other server for anything.
    let options =
        RenderOptions { disable_comments: true, social_icon_origin: None, fonts: [].into() };
    let html = parsed
        .element
        .render(&options)
        .map_err(|error| whole.fault(line(0), &format!("cannot be made HTML: {error}")))?;
    for (mark, what) in [
        // It writes unknown elements as they are and attributes with the escapes of Rust.
        ("<mj-", "an element that MJML does not have, or not there"),
        ("\\\"", "an attribute with quotes in it; set a name before <mjml> and say that"),
        ("\\u{", "an attribute with a character that is no sign; set a name before <mjml>"),
    ] {
        if html.contains(mark) && (mark == "<mj-" || !mjml.contains(mark)) {
            return Err(whole.fault(line(0), what));
        }
    }
    Ok(format!("{before}{html}"))
}

fn lines_before(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// The byte at which it is broken.
fn place(error: &Broken, mjml: &str) -> usize {
    match error {
        Broken::UnexpectedElement { position: Span { start, .. }, .. }
        | Broken::UnexpectedToken { position: Span { start, .. }, .. }
        | Broken::MissingAttribute { position: Span { start, .. }, .. }
        | Broken::InvalidAttribute { position: Span { start, .. }, .. }
        | Broken::InvalidFormat { position: Span { start, .. }, .. }
        | Broken::IncludeLoaderError { position: Span { start, .. }, .. } => *start,
        Broken::ParserError { source, .. } => {
            let rows = mjml.split_inclusive('\n').take(source.pos().row.saturating_sub(1) as usize);
            rows.map(str::len).sum()
        }
        Broken::EndOfStream { .. } => mjml.trim_end().len(),
        Broken::SizeLimit { .. } | Broken::NoRootNode => 0,
    }
}

fn broken(error: &Broken) -> String {
    match error {
        Broken::UnexpectedElement { .. } => "an element that may not stand here".to_owned(),
        Broken::UnexpectedToken { .. } => "text or a tag that may not stand here".to_owned(),
        Broken::MissingAttribute { name, .. } => format!("the attribute {name} is not there"),
        Broken::InvalidAttribute { .. } => "an attribute has no value that MJML knows".to_owned(),
        Broken::ParserError { source, .. } => source.to_string(),
        Broken::EndOfStream { .. } => "ends before its elements do".to_owned(),
        other => other.to_string(),
    }
}
