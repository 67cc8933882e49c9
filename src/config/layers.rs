//! Defaults, file and environment, laid over each other key by key; what fits no key is a fault.

use std::ffi::OsStr;

use toml::{Table, Value};

use super::{Config, SHORT_NAMES};

/// Where a value comes from that is not of the environment.
const FILE: &str = "the settings file";

/// The settings so far, and what was wrong on the way. Values are never repeated in a fault: they
/// may be secrets, and their owner knows them.
pub struct Layers {
    defaults: Table,
    settings: Table,
    faults: Vec<String>,
}

impl Layers {
    /// The defaults alone.
    pub fn new(defaults: Table) -> Self {
        Self { settings: defaults.clone(), defaults, faults: Vec::new() }
    }

    /// Lays a settings file over them.
    pub fn file(&mut self, text: &str) {
        let file = match text.parse::<Table>() {
            Ok(file) => file,
            Err(error) => {
                let before = error.span().and_then(|place| text.get(..place.start));
                let line = before.unwrap_or_default().matches('\n').count() + 1;
                return self.faults.push(format!("{FILE}, line {line}: {}", error.message()));
            }
        };
        for (section, keys) in file {
            match keys {
                Value::Table(keys) if self.defaults.contains_key(&section) => {
                    for (key, value) in keys {
                        self.put(&section, &key, value, FILE);
                    }
                }
                _ => self.faults.push(format!("{section} is no section of the settings ({FILE})")),
            }
        }
    }

    /// Lays a variable of the environment over them, if its name means a setting.
    pub fn variable(&mut self, name: &OsStr, value: &OsStr) {
        // A name that is no text is none of ours.
        let Some(name) = name.to_str() else { return };
        let (section, key) = match setting_of(name) {
            Meant::Nothing => return,
            Meant::Unclear => {
                let fault = "is not of the form IVEN__SECTION__KEY";
                return self.faults.push(format!("{name} {fault}"));
            }
            Meant::Setting(section, key) => (section, key),
        };
        let Some(text) = value.to_str() else {
            return self.faults.push(format!("{section}.{key} is no text in UTF-8 ({name})"));
        };
        let value = match self.default(&section, &key) {
            // Numbers and lists are written as in the file.
            Some(default) if !default.is_str() => {
                let parsed = format!("value = {text}").parse::<Table>().ok();
                parsed.and_then(|mut table| table.remove("value"))
            }
            _ => None,
        };
        let value = value.unwrap_or_else(|| Value::String(text.to_owned()));
        self.put(&section, &key, value, name);
    }

    /// The settings without what was wrong, and what that was.
    pub fn done(self) -> (Table, Vec<String>) {
        (self.settings, self.faults)
    }

    fn default(&self, section: &str, key: &str) -> Option<&Value> {
        self.defaults.get(section)?.get(key)
    }

    fn put(&mut self, section: &str, key: &str, value: Value, source: &str) {
        let Some(default) = self.default(section, key) else {
            let fault = format!("{section}.{key} is no setting ({source})");
            return self.faults.push(fault);
        };
        let mut alone = self.defaults.clone();
        set(&mut alone, section, key, value.clone());
        if alone.try_into::<Config>().is_ok() {
            set(&mut self.settings, section, key, value);
        } else {
            let form = form_of(section, default);
            self.faults.push(format!("{section}.{key} is not {form} ({source})"));
        }
    }
}

fn set(settings: &mut Table, section: &str, key: &str, value: Value) {
    if let Some(Value::Table(section)) = settings.get_mut(section) {
        section.insert(key.to_owned(), value);
    }
}

/// What a value has to be, by its default.
fn form_of(section: &str, default: &Value) -> &'static str {
    match default {
        Value::Integer(_) => "a whole number from 0 to 4294967295",
        Value::Array(_) if section == "auth" => {
            "a list of { name = \"...\", key = \"...\", scopes = [...] } with scopes of upload, \
             read, enqueue, notify and admin"
        }
        Value::Array(_) if section == "thumbnails" => {
            "a list of edges in pixels or of { name = \"...\", box = [width, height], \
             how = \"fit\" or \"cover\", format = \"jpeg\", \"webp\" or \"avif\", quality = 80 }"
        }
        Value::Array(_) => "a list of whole numbers from 0 to 4294967295",
        _ => "a text",
    }
}

/// What a name of the environment means.
enum Meant {
    Nothing,
    Unclear,
    Setting(String, String),
}

fn setting_of(name: &str) -> Meant {
    if let Some((_, section, key)) = SHORT_NAMES.iter().find(|(short, ..)| *short == name) {
        return Meant::Setting((*section).to_owned(), (*key).to_owned());
    }
    match name.strip_prefix("IVEN__").map(|rest| rest.split_once("__")) {
        None => Meant::Nothing,
        Some(None) => Meant::Unclear,
        Some(Some((section, key))) => {
            Meant::Setting(section.to_ascii_lowercase(), key.to_ascii_lowercase())
        }
    }
}
