//! Fills values into templates, escaped as their kind needs it.

use std::fmt::Write;

use jobs::ports::{PortError, Values};
use minijinja::{
    AutoEscape, Environment, Error, Output, State, UndefinedBehavior,
    value::{Value, ValueKind},
};
use serde_json::Value as Json;

use super::said;

/// The code of every refusal here.
pub const FAULT: &str = "template_error";

/// All templates, ready to be filled.
pub struct Engine(Environment<'static>);

/// What is wrong, and in which line of the text that was given.
pub struct Fault {
    pub line: usize,
    pub what: String,
}

impl Engine {
    /// Without templates. What ends in `.mjml` is HTML.
    pub fn new() -> Self {
        let mut engine = Environment::new();
        engine.set_auto_escape_callback(|name| {
            if name.ends_with(".mjml") { AutoEscape::Html } else { AutoEscape::None }
        });
        engine.set_undefined_behavior(UndefinedBehavior::Chainable);
        engine.set_formatter(put);
        engine.add_filter("breaks", breaks);
        engine.add_filter("cut", cut);
        Self(engine)
    }

    /// Keeps a template under a name.
    pub fn add(&mut self, name: &str, text: String) -> Result<(), Fault> {
        self.0.add_template_owned(name.to_owned(), text).map_err(Fault::from)
    }

    /// The template `name` with these values in it.
    pub fn fill(&self, name: &str, values: &Value) -> Result<String, PortError> {
        let filled = self.0.get_template(name).and_then(|template| template.render(values));
        filled.map_err(|error| {
            let Fault { what, .. } = Fault::from(error);
            PortError::refused(FAULT, format!("the template {name} cannot be filled: {what}"))
        })
    }

    /// Tries a text that is not kept; the names of the values that it asks for.
    pub fn try_out(&self, name: &str, text: &str, tries: &[Values]) -> Result<Vec<String>, Fault> {
        let template = self.0.template_from_named_str(name, text)?;
        for tried in tries {
            template.render(values(tried))?;
        }
        let mut asked: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        asked.retain(|name| !self.0.globals().any(|(known, _)| known == name));
        asked.sort();
        Ok(asked)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let kind = error.kind().to_string();
        let what = match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind,
        };
        Self { line: error.line().unwrap_or(1), what }
    }
}

/// Values as templates read them: without nulls and without control characters; the title is one
/// line.
pub fn values(values: &Values) -> Value {
    Value::from_pairs(values.iter().filter_map(|(key, value)| match value {
        Json::String(title) if key == "title" => Some((key, said::one_line(title).into())),
        value => Some((key, read(value)?)),
    }))
}

fn read(value: &Json) -> Option<Value> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(is) => (*is).into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, part) => part?.into(),
        },
        Json::String(text) => said::visible(text).into(),
        Json::Array(items) => items.iter().filter_map(read).collect(),
        Json::Object(values) => {
            let set = values.iter().filter_map(|(key, value)| Some((key, read(value)?)));
            Value::from_pairs(set)
        }
    })
}

/// What is not there is nothing, not the word `none`.
fn put(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if matches!(value.kind(), ValueKind::Undefined | ValueKind::None) {
        return Ok(());
    }
    match (value.as_str(), state.auto_escape()) {
        (Some(text), AutoEscape::Html) if !value.is_safe() => escape(output, text)?,
        (Some(text), _) => output.write_str(text)?,
        (None, AutoEscape::Html) => escape(output, &value.to_string())?,
        (None, _) => write!(output, "{value}")?,
    }
    Ok(())
}

/// A text as HTML shows it, also between quotes. A slash stays one: addresses are full of them.
pub fn escape(output: &mut impl Write, text: &str) -> std::fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (before, special) = rest.split_at(at);
        output.write_str(before)?;
        output.write_str(match special.as_bytes().first() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            _ => "&#39;",
        })?;
        rest = special.get(1..).unwrap_or_default();
    }
    output.write_str(rest)
}

/// The lines of a text, one under the other in HTML.
fn breaks(text: &Value) -> Result<Value, Error> {
    let shown = text.to_string();
    let mut html = String::with_capacity(shown.len());
    for (at, line) in shown.trim().lines().enumerate() {
        if at > 0 {
            html.push_str("<br />");
        }
        if text.is_safe() { html.push_str(line) } else { escape(&mut html, line)? }
    }
    Ok(Value::from_safe_string(html))
}

/// At most so many characters. What a block has set is escaped already, and half an escape is none.
fn cut(text: &Value, most: usize) -> String {
    let shown = text.to_string();
    if !text.is_safe() {
        return said::cut(&shown, most);
    }
    let signs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let plain = signs.iter().fold(shown, |text, (escape, sign)| text.replace(escape, sign));
    said::cut(&plain, most)
}
