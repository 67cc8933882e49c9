//! Which template files there are: a table of those built in, then the operator's folder.

mod built_in;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use jobs::model::Channel;

use super::{Faults, language::is_language};

/// More is no template.
const LARGEST: u64 = 256 * 1024;
/// So many files are no folder of templates; each is compiled at every start.
const MOST: usize = 2_000;

/// All template files by their place in the folder: `fr/reminder.push.txt`, `head.mjml`.
pub struct Sources(BTreeMap<String, Source>);

/// One of them.
pub struct Source {
    /// What faults call it.
    pub shown: String,
    pub text: String,
}

/// What the name of a message's file says.
#[derive(Clone, Copy)]
pub struct MessageFile<'a> {
    pub language: &'a str,
    pub name: &'a str,
    pub channel: Channel,
    /// Whether it is the HTML of a mail.
    pub is_page: bool,
}

impl Sources {
    /// The file at this place, as seen by the files of `language`: theirs, else one for all.
    pub fn part(&self, language: &str, name: &str) -> Option<&Source> {
        self.0.get(&format!("{language}/{name}")).or_else(|| self.0.get(name))
    }

    pub fn get(&self, key: &str) -> Option<&Source> {
        self.0.get(key)
    }

    /// The files that are messages; the others are parts of them.
    pub fn messages(&self) -> impl Iterator<Item = (&str, MessageFile<'_>)> {
        self.0.keys().filter_map(|key| Some((key.as_str(), message(key).ok()??)))
    }
}

/// Those built in, and those of `folder` in their place.
pub fn all(folder: Option<&Path>) -> Result<Sources, Faults> {
    let built_in = built_in::FILES.iter().map(|(key, text)| {
        let source = Source { shown: format!("built-in {key}"), text: (*text).to_owned() };
        ((*key).to_owned(), source)
    });
    let mut sources: BTreeMap<String, Source> = built_in.collect();
    if let Some(folder) = folder {
        let mut faults = Vec::new();
        let mut own = BTreeMap::new();
        look_into(folder, "", &mut own, &mut faults);
        faults.extend(twice(own.keys()));
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        sources.extend(own);
    }
    Ok(Sources(sources))
}

/// Reads a folder and, one below it, those of languages. Whatever is neither `.mjml` nor `.txt`
/// is none of ours.
fn look_into(
    folder: &Path,
    language: &str,
    found: &mut BTreeMap<String, Source>,
    faults: &mut Vec<String>,
) {
    let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return faults.push(format!("{}: {error}", folder.display())),
    };
    for path in entries.iter().map(fs::DirEntry::path) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') || found.len() > MOST {
            continue;
        }
        // Also through links, which is how clusters lay settings into a folder.
        let is_folder = path.is_dir();
        if is_folder && language.is_empty() && is_language(name) {
            look_into(&path, &format!("{name}/"), found, faults);
        } else if !is_folder && (name.ends_with(".mjml") || name.ends_with(".txt")) {
            let shown = path.display().to_string();
            match read(&path, &format!("{language}{name}")) {
                Ok(text) => {
                    found.insert(format!("{language}{name}"), Source { shown, text });
                }
                Err(fault) => faults.push(format!("{shown}:1: {fault}")),
            }
        }
    }
    if found.len() > MOST {
        faults.push(format!("{}: more than {MOST} templates", folder.display()));
    }
}

fn read(path: &Path, key: &str) -> Result<String, String> {
    message(key)?;
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err(format!("has {size} bytes; a template has at most {LARGEST}"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    // As some editors begin and end their lines.
    Ok(text.trim_start_matches('\u{FEFF}').replace("\r\n", "\n"))
}

/// `fr-ca` and `fr-CA` are one language, and only one of the folders would be heard.
fn twice<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let languages: BTreeSet<&str> = keys.filter_map(|key| Some(key.split_once('/')?.0)).collect();
    let again = languages.into_iter().filter(|code| !seen.insert(code.to_ascii_lowercase()));
    again.map(|code| format!("the folder {code} is there in capitals and in small")).collect()
}

/// What a file is by its name: a message, or (`None`) a part that others include.
fn message(key: &str) -> Result<Option<MessageFile<'_>>, String> {
    let (language, file) = key.split_once('/').unwrap_or(("", key));
    let parts: Vec<&str> = file.split('.').collect();
    let (name, channel, kind) = match parts[..] {
        [name, kind] => (name, None, kind),
        [name, channel, kind] => (name, Some(channel), kind),
        _ => return Err("is not called NAME.CHANNEL.txt, NAME.email.mjml or NAME.mjml".to_owned()),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err("has a name of other characters than a-z, A-Z, 0-9, _ and -".to_owned());
    }
    let Some(channel) = channel else { return Ok(None) };
    if language.is_empty() {
        return Err("is a message and lies in no folder of a language".to_owned());
    }
    let known = Channel::ALL.into_iter().find(|known| known.as_str() == channel);
    let channel = known.ok_or_else(|| {
        let all = Channel::ALL.map(Channel::as_str).join(", ");
        format!("is for `{channel}`, which is no channel: {all}")
    })?;
    let is_page = kind == "mjml";
    if is_page && channel != Channel::Email {
        return Err("is MJML, which only mails can show".to_owned());
    }
    Ok(Some(MessageFile { language, name, channel, is_page }))
}
