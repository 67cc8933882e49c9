//! Pages on which a person sees how messages look.

use std::fmt::Write;

use jobs::{
    model::Channel,
    ports::{PortError, Templates, Words},
};

use super::{Files, engine::escape, samples};

/// A file to be looked at.
pub struct Page {
    /// Its name in the folder of all.
    pub name: String,
    /// A whole document.
    pub html: String,
}

const HEAD: &str = "<!doctype html><meta charset=\"utf-8\"><meta name=\"viewport\" \
    content=\"width=device-width\"><style>body{font:15px/1.5 system-ui,sans-serif;margin:24px;\
    color-scheme:light dark}iframe{border:1px solid #888;border-radius:8px;background:#fff}\
    .mail{width:640px;height:560px}.phone{width:360px;height:560px}.short{width:360px;height:170px}\
    .card{border:1px solid #888;border-radius:12px;padding:12px 16px;max-width:300px;\
    overflow-wrap:anywhere}figure{display:inline-block;\
    vertical-align:top;margin:8px}pre{white-space:pre-wrap;margin:0;font:inherit}</style>";

/// One page for each name, channel and language, and `index.html`, which shows all. With
/// `locale`, only what a reader of this locale gets.
pub fn pages(files: &Files, locale: Option<&str>) -> Result<Vec<Page>, PortError> {
    let languages = || files.languages().into_iter().collect();
    let mut locales: Vec<&str> = locale.map_or_else(languages, |locale| vec![locale]);
    locales.sort_by_key(|code| *code != "fr");
    let mut index = format!("{HEAD}<title>Templates</title><h1>Templates</h1>");
    let mut pages = Vec::new();
    for locale in &locales {
        for name in files.names() {
            _ = write!(index, "<h2>{name}, {}</h2>", shown(locale));
            for channel in Channel::ALL {
                let values = samples::full(name, locale);
                let words = files.write(name, channel, Some(locale), &values)?;
                let file = format!("{name}.{}.{}", channel.as_str(), words.language);
                let new = of(channel, &file, &words);
                new.iter().for_each(|page| index.push_str(&frame(channel, &page.name)));
                pages.extend(new);
            }
        }
    }
    pages.push(Page { name: "index.html".to_owned(), html: index });
    Ok(pages)
}

/// A mail as HTML and as text; the others as a card.
fn of(channel: Channel, file: &str, words: &Words) -> Vec<Page> {
    let (title, text) = (shown(&words.title), shown(&words.text));
    let html = format!(
        "{HEAD}<title>{file}</title><div class=\"card\"><b>{title}</b><pre>{text}</pre></div>"
    );
    let card = Page { name: format!("{file}.html"), html };
    if channel != Channel::Email {
        return vec![card];
    }
    let text = Page { name: format!("{file}.txt.html"), ..card };
    vec![Page { name: format!("{file}.html"), html: words.html.clone() }, text]
}

fn frame(channel: Channel, page: &str) -> String {
    let class = match channel {
        Channel::Email if page.ends_with(".txt.html") => "phone",
        Channel::Email => "mail",
        Channel::Push | Channel::InApp | Channel::Sms => "short",
    };
    format!(
        "<figure><figcaption><a href=\"{page}\">{page}</a></figcaption>\
         <iframe class=\"{class}\" src=\"{page}\" sandbox></iframe></figure>"
    )
}

fn shown(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    // A string takes whatever is written to it.
    _ = escape(&mut html, text);
    html
}
