//! Messages from template files: those built in, and over them the operator's own.

mod compile;
mod elements;
mod engine;
mod language;
mod preview;
mod said;
mod samples;
mod sources;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use jobs::{
    model::Channel,
    ports::{PortError, Templates, Values, Words},
};

use compile::Message;
use engine::Engine;
pub use preview::Page;

/// The template of whatever has none of its own.
const DEFAULT: &str = "default";

/// All templates, compiled; to write is only to fill in.
pub struct Files {
    engine: Engine,
    languages: HashMap<String, Language>,
}

/// The messages of one language, by `NAME.CHANNEL`.
struct Language {
    code: String,
    messages: BTreeMap<String, Message>,
}

/// What is wrong with template files, each by its file and line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the templates have faults:\n- {}", .0.join("\n- "))]
pub struct Faults(pub Vec<String>);

impl Files {
    /// Reads and tries all templates: those built in and, in their place, those of `folder` with
    /// the same names. All faults at once.
    pub fn open(folder: Option<&Path>) -> Result<Self, Faults> {
        let sources = sources::all(folder)?;
        let mut files = Self { engine: Engine::new(), languages: HashMap::new() };
        let mut faults = Vec::new();
        for (key, file) in sources.messages() {
            match compile::message(&sources, key, &file, &mut files.engine) {
                Ok(message) => files.add(&file, message),
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(compile::mails_without_pages(&sources));
        if faults.is_empty() { Ok(files) } else { Err(Faults(faults)) }
    }

    fn add(&mut self, file: &sources::MessageFile<'_>, message: Message) {
        let new = || Language { code: file.language.to_owned(), messages: BTreeMap::new() };
        let language = self.languages.entry(file.language.to_ascii_lowercase()).or_insert_with(new);
        let known = language.messages.entry(key(file.name, file.channel)).or_default();
        known.title = message.title.or(known.title.take());
        known.text = message.text.or(known.text.take());
        known.page = message.page.or(known.page.take());
    }

    /// The languages that there are.
    pub fn languages(&self) -> BTreeSet<&str> {
        self.languages.values().map(|language| language.code.as_str()).collect()
    }

    /// The names that have templates of their own, in any language.
    pub fn names(&self) -> BTreeSet<&str> {
        let keys = self.languages.values().flat_map(|language| language.messages.keys());
        keys.filter_map(|key| key.split('.').next()).chain(samples::NAMES).collect()
    }

    /// A page for each message, and `index.html`, which shows all.
    pub fn pages(&self, locale: Option<&str>) -> Result<Vec<Page>, PortError> {
        preview::pages(self, locale)
    }

    fn find(&self, name: &str, channel: Channel, locale: Option<&str>) -> Option<Found<'_>> {
        language::chain(locale).find_map(|code| {
            let language = self.languages.get(&code)?;
            let own = language.messages.get(&key(name, channel));
            let message = own.or_else(|| language.messages.get(&key(DEFAULT, channel)))?;
            Some(Found { language, message })
        })
    }

    fn filled(&self, found: &Found<'_>, values: &Values) -> Result<Words, PortError> {
        let values = engine::values(values);
        let fill = |template: &Option<String>| match template {
            Some(name) => self.engine.fill(name, &values),
            None => Ok(String::new()),
        };
        let Message { title, text, page } = found.message;
        Ok(Words {
            title: said::one_line(&fill(title)?),
            text: said::paragraphs(&fill(text)?),
            html: fill(page)?.trim_start().to_owned(),
            language: found.language.code.clone(),
        })
    }

    /// One text with its link: where it is too long, what the writer said is cut, not the link.
    fn short(&self, found: &Found<'_>, values: &Values) -> Result<Words, PortError> {
        let mut values = values.clone();
        let mut words = self.filled(found, &values)?;
        words.text = said::sms(&words.text);
        for (key, least) in [("body", 0), ("title", said::SMS_TITLE_LEAST)] {
            let over = words.text.chars().count().saturating_sub(said::SMS);
            let Some(value) = values.get_mut(key).filter(|_| over > 0) else { continue };
            let Some(text) = value.as_str().map(said::sms) else { continue };
            // The ellipsis becomes three dots.
            let room = text.chars().count().saturating_sub(over + 2).max(least);
            *value = said::cut(&text, room).into();
            words = self.filled(found, &values)?;
            words.text = said::sms(&words.text);
        }
        Ok(words)
    }
}

/// A message in the language in which there is one.
struct Found<'a> {
    language: &'a Language,
    message: &'a Message,
}

fn key(name: &str, channel: Channel) -> String {
    format!("{name}.{}", channel.as_str())
}

impl Templates for Files {
    fn write(
        &self,
        name: &str,
        channel: Channel,
        locale: Option<&str>,
        values: &Values,
    ) -> Result<Words, PortError> {
        let found = self.find(name, channel, locale).ok_or_else(|| {
            let channel = channel.as_str();
            PortError::refused(engine::FAULT, format!("no language has default.{channel}.txt"))
        })?;
        let (title, text) = match channel {
            Channel::Sms => return self.short(&found, values),
            Channel::Push => (said::PUSH_TITLE, said::PUSH_TEXT),
            Channel::Email | Channel::InApp => (said::SUBJECT, usize::MAX),
        };
        let words = self.filled(&found, values)?;
        Ok(Words {
            title: said::cut(&words.title, title),
            text: said::cut(&words.text, text),
            ..words
        })
    }
}
