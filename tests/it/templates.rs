//! The words of notifications: all of them, in all languages, whatever is said.

mod folder;
mod snapshot;
mod typography;

use iven_worker::adapters::templates::Files;
use jobs::{
    model::Channel,
    ports::{PortError, Templates, Values, Words},
};
use serde_json::json;

const NAMES: [&str; 9] = [
    "default",
    "digest",
    "event_invite",
    "media_infected",
    "media_ready",
    "message",
    "reminder",
    "task_assigned",
    "a_type_of_tomorrow",
];
const NB: &str = "\u{A0}";

fn files() -> &'static Files {
    static FILES: std::sync::OnceLock<Files> = std::sync::OnceLock::new();
    FILES.get_or_init(|| Files::open(None).unwrap())
}

fn values(value: serde_json::Value) -> Values {
    serde_json::from_value(value).unwrap()
}

fn least() -> Values {
    values(json!({ "title": "Un titre", "body": "Un texte." }))
}

/// Everything; what is said in it is no HTML and no template.
fn full() -> Values {
    let hostile = |what: &str| format!("{what} <script>&\"'{{{{ 7 * 7 }}}}{{% if %}}");
    values(json!({
        "title": hostile("titre"),
        "body": hostile("corps"),
        "data": {
            "eventId": 1, "senderId": 15, "taskId": null, "messageId": "x",
            "actionUrl": "/events/1",
            "eventTitle": hostile("fete"), "senderName": hostile("Arthur"),
            "taskTitle": hostile("gateau"), "dueAt": "2024-01-20T18:00:00Z",
        },
        "user": { "fname": hostile("Lea"), "lname": "Martin", "username": "lea" },
        "actionUrl": "https://iven.example/events/1?a=1&b=2",
        "unsubscribeUrl": "https://iven.example/unsubscribe/4f9c1d",
        "appName": "Iven",
        "count": 2,
        "items": [
            { "title": hostile("premier"), "body": hostile("un"), "actionUrl": "https://a.eu" },
            { "title": hostile("second"), "body": null },
        ],
    }))
}

fn write(name: &str, channel: Channel, locale: &str, values: &Values) -> Words {
    files().write(name, channel, Some(locale), values).unwrap()
}

fn every(mut look: impl FnMut(&str, Channel, &str)) {
    for name in NAMES {
        for channel in Channel::ALL {
            for locale in ["fr", "en"] {
                look(name, channel, locale);
            }
        }
    }
}

#[test]
fn every_message_is_written_of_a_title_and_a_text_alone() {
    every(|name, channel, locale| {
        let words = write(name, channel, locale, &least());

        let place = format!("{name} {channel:?} {locale}: {words:?}");
        assert_eq!(words.language, locale, "{place}");
        let said = format!("{}\n{}", words.title, words.text);
        assert!(said.contains("Un titre") && said.contains("Un texte."), "{place}");
        assert_eq!(words.title.is_empty(), channel == Channel::Sms, "{place}");
        assert_eq!(words.html.is_empty(), channel != Channel::Email, "{place}");
        if channel == Channel::Email {
            assert!(words.html.contains("Un titre") && words.html.contains("Un texte."), "{place}");
            assert!(!words.text.contains("http"), "{place}");
            // No button without an address, and nobody else is asked for anything.
            let addresses = words.html.replace("http://www.w3.org/1999/xhtml", "");
            assert!(!addresses.contains("://") && !addresses.contains("<a "), "{place}");
        }
        let without_styles = words.html.replace(":none", "").replace(": none", "");
        for text in [&words.title, &words.text, &without_styles] {
            for trace in ["{{", "{%", "none", "undefined", "<mj-"] {
                assert!(!text.contains(trace), "{trace} in {place}");
            }
        }
    });
}

#[test]
fn nothing_that_is_said_is_lost_or_becomes_html_or_a_template() {
    every(|name, channel, locale| {
        let words = write(name, channel, locale, &full());

        let place = format!("{name} {channel:?} {locale}: {words:?}");
        let said = format!("{}\n{}", words.title, words.text);
        let hostile = "<script>&\"'{{ 7 * 7 }}{% if %}";
        // A digest says what its items do, of which the notification itself is one.
        let told: &[&str] = match (name, channel) {
            ("digest", Channel::Sms) => &[],
            ("digest", Channel::Email) => &["premier", "un", "second"],
            ("digest", _) => &["premier", "second"],
            _ => &["titre", "corps"],
        };
        for what in told {
            assert!(said.contains(&format!("{what} {hostile}")), "{what} in {place}");
        }
        if channel != Channel::Email {
            return;
        }
        let escaped = "&lt;script&gt;&amp;&quot;&#39;{{ 7 * 7 }}{% if %}";
        for what in told.iter().chain(&["Lea"]) {
            assert!(words.html.contains(&format!("{what} {escaped}")), "{what} in {place}");
        }
        assert!(!words.html.contains("<script") && !words.html.contains("&amp;lt;"), "{place}");
        let link = "href=\"https://iven.example/events/1?a=1&amp;b=2\"";
        assert_eq!(words.html.matches(link).count(), 2, "{place}");
        for address in ["https://iven.example/events/1?a=1&b=2", "https://iven.example/unsub"] {
            assert!(words.text.contains(address), "{place}");
        }
        assert!(words.html.contains("href=\"https://iven.example/unsubscribe/4f9c1d\""), "{place}");
        assert!(words.html.contains(&format!("<html lang=\"{locale}\"")), "{place}");
    });
}

#[test]
fn a_digest_has_all_its_items_and_says_how_many() {
    let mut values = full();

    let words = write("digest", Channel::Email, "fr", &values);
    assert_eq!(words.title, format!("2{NB}nouvelles pour vous"));
    for text in [&words.text, &words.html] {
        assert!(["premier", "un", "second"].iter().all(|item| text.contains(item)), "{text}");
    }

    assert_eq!(words.text.matches("titre").count(), 0, "{}", words.text);
    values.insert("count".to_owned(), json!(1));
    let words = write("digest", Channel::Push, "fr", &values);
    assert_eq!(words.title, format!("1{NB}nouvelle pour vous"));
    values.insert("count".to_owned(), json!(30));
    let words = write("digest", Channel::Email, "en", &values);
    assert!(words.html.contains("And 10 more.") && words.text.contains("And 10 more."));
}

#[test]
fn the_worker_s_own_news_have_words_of_their_own() {
    let data = json!({ "data": { "eventTitle": "Fête" } });
    for channel in Channel::ALL {
        let ready = write("media_ready", channel, "fr", &values(data.clone()));
        let infected = write("media_infected", channel, "fr", &Values::new());

        let ready = format!("{}\n{}", ready.title, ready.text);
        assert!(ready.contains("Votre fichier est en ligne") && ready.contains("Fête"), "{ready}");
        let infected = format!("{}\n{}", infected.title, infected.text);
        assert!(infected.contains("programme malveillant"), "{infected}");
    }
}

#[test]
fn the_language_is_the_first_that_there_is() {
    for (locale, language) in [
        (None, "fr"),
        (Some("fr-CA"), "fr"),
        (Some("fr_CA.UTF-8"), "fr"),
        (Some("en-GB-oxendict"), "en"),
        (Some("EN"), "en"),
        (Some("tlh"), "fr"),
        (Some(""), "fr"),
        (Some("../../etc"), "fr"),
        (Some("en/../../etc/passwd"), "fr"),
        (Some("en\0"), "fr"),
        (Some("é"), "fr"),
        (Some("{{ 7 * 7 }}"), "fr"),
    ] {
        let words = files().write("reminder", Channel::Push, locale, &least()).unwrap();
        assert_eq!(words.language, language, "{locale:?}");
    }
    let long = "en-".repeat(100_000);
    let words = files().write("reminder", Channel::Push, Some(&long), &least()).unwrap();
    assert_eq!(words.language, "fr");
}

#[test]
fn a_name_that_nobody_knows_is_written_by_the_template_of_all_others() {
    let other = write("default", Channel::Email, "en", &full());

    for name in ["party", "", "../fr/default", "event_invite.email", "default.email", "{{ 1 }}"] {
        assert_eq!(write(name, Channel::Email, "en", &full()), other, "{name}");
    }
}

#[test]
fn long_and_odd_titles_break_nothing() {
    let mut values = full();
    values.insert("items".to_owned(), json!([{ "title": "x\u{7}".repeat(9_000) }]));
    values.insert("title".to_owned(), json!("é\r\nBcc: x\t\u{7}😀".repeat(1_000)));
    values.insert("body".to_owned(), json!("mot\u{0} 👩\u{200D}🚀 ".repeat(1_000)));

    every(|name, channel, locale| {
        let words = write(name, channel, locale, &values);

        let (title, text) = (words.title.chars().count(), words.text.chars().count());
        let (most_title, most_text) = match channel {
            Channel::Push => (100, 500),
            Channel::Sms => (0, 160),
            Channel::Email | Channel::InApp => (200, usize::MAX),
        };
        let place = format!("{name} {channel:?} {locale}: {title} {text} {words:?}");
        assert!(title <= most_title && text <= most_text, "{place}");
        assert!(!words.title.contains(char::is_control), "{place}");
        assert!(!words.text.contains(|c: char| c.is_control() && c != '\n'), "{place}");
        if channel != Channel::Sms && name != "digest" {
            assert!(
                words.title.starts_with("é Bcc: x 😀é") && words.title.ends_with('…'),
                "{place}"
            );
        }
    });
}

#[test]
fn nothing_is_cut_within_what_is_one_sign() {
    for length in 90..110 {
        let title =
            format!("{}👩\u{200D}🚀e\u{301}👍\u{1F3FD}{}", "a".repeat(length), "b".repeat(99));
        let values = values(json!({ "title": title, "body": "-" }));

        let words = write("default", Channel::Push, "fr", &values);
        let kept = words.title.strip_suffix('…').unwrap();
        let next = title.strip_prefix(kept).unwrap().chars().next().unwrap();
        assert!(!"\u{200D}\u{301}\u{1F3FD}🚀".contains(next), "{kept}|{next}");
    }
}

#[test]
fn a_text_for_phones_is_one_of_theirs_and_keeps_its_link() {
    let body = "«\u{A0}L’anniversaire\u{A0}» commence… ".repeat(20);
    let link = format!("https://iven.example/{}", "a".repeat(60));
    let mut values = values(json!({ "title": "Rappel", "body": body, "actionUrl": link }));

    let words = write("reminder", Channel::Sms, "fr", &values);
    assert!(
        words.text.starts_with("Iven : Rappel : \"L'anniversaire\"")
            || words.text.starts_with("Iven : Rappel : \" L'anniversaire \" commence..."),
        "{}",
        words.text
    );
    assert!(words.text.ends_with(&link), "{}", words.text);
    assert!((140..=160).contains(&words.text.chars().count()), "{}", words.text);

    values.insert("body".to_owned(), json!("Demain."));
    let words = write("reminder", Channel::Sms, "fr", &values);
    assert_eq!(words.text, format!("Iven : Rappel : Demain. {link}"));
}

#[test]
fn what_cannot_be_filled_is_refused_by_name() {
    let folder = folder::of(&[("fr/party.push.txt", "{{ title }}\n{{ data.eventId + 1 }}\n")]);
    let files = Files::open(Some(folder.path()));
    // It is tried without an event, too.
    let faults = files.err().unwrap().to_string();
    assert!(faults.contains("party.push.txt:2: "), "{faults}");

    let sum = "{{ title }}\n{% if data.eventId %}{{ data.eventId + 1 }}{% endif %}\n";
    let folder = folder::of(&[("fr/party.push.txt", sum)]);
    let files = Files::open(Some(folder.path())).unwrap();
    let odd = values(json!({ "title": "a", "body": "b", "data": { "eventId": "x" } }));
    let refused = files.write("party", Channel::Push, None, &odd).unwrap_err();
    let PortError::Refused { code, message } = refused else { panic!("{refused:?}") };
    assert_eq!(code, "template_error");
    assert!(message.starts_with("the template fr/party.push.txt cannot be filled: "), "{message}");
}
