//! Operators' own templates: they win, and broken ones are refused.

use std::fs;

use iven_worker::adapters::templates::Files;
use jobs::{model::Channel, ports::Templates};
use tempfile::TempDir;

use super::{full, least};

/// A folder with these files.
pub fn of(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// What is wrong with these files, without the name of their folder.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let folder = of(files);
    let faults = Files::open(Some(folder.path())).err().map_or(Vec::new(), |faults| faults.0);
    let place = format!("{}/", folder.path().display());
    faults.iter().map(|fault| fault.replace(&place, "")).collect()
}

const TEXT: &str = "{{ title }}\n{{ body }}\n";
const PAGE: &str = "<mjml lang=\"de\"><mj-body><mj-section><mj-column><mj-text>{{ body }}</mj-text>\
    </mj-column></mj-section></mj-body></mjml>\n";

#[test]
fn an_operator_s_file_is_taken_in_place_of_ours() {
    let folder = of(&[
        ("fr/reminder.push.txt", "Ne manquez pas {{ title }}\r\n{{ body }}\r\n"),
        ("fr/footer.txt", "Association Iven\n"),
        ("de/default.email.txt", TEXT),
        ("de/default.email.mjml", PAGE),
        ("de-AT/default.push.txt", "Servus {{ title }}\n{{ body }}"),
        ("README.md", "{{"),
        (".hidden/a.b.c.txt", "{{"),
    ]);
    let files = Files::open(Some(folder.path())).unwrap();
    let write = |name, channel, locale| files.write(name, channel, locale, &least()).unwrap();

    let push = write("reminder", Channel::Push, None);
    assert_eq!((&*push.title, &*push.text), ("Ne manquez pas Un titre", "Un texte."));
    let mail = write("reminder", Channel::Email, None);
    assert!(mail.text.ends_with("Association Iven"), "{}", mail.text);
    assert!(mail.html.contains("Vous recevez ce message"), "the other parts are still ours");
    let german = write("reminder", Channel::Email, Some("de_DE"));
    assert_eq!((&*german.language, &*german.text), ("de", "Un texte."));
    assert_eq!(write("reminder", Channel::Push, Some("de-AT")).title, "Servus Un titre");
    assert_eq!(write("reminder", Channel::Push, Some("de-at")).language, "de-AT");
    assert_eq!(write("reminder", Channel::Push, Some("de")).language, "fr");
    assert!(files.languages().contains("de-AT") && files.names().contains("reminder"));
}

#[test]
fn a_broken_file_is_refused_with_its_line() {
    let page = |inside: &str| format!("<mjml>\n<mj-body>\n{inside}\n</mj-body>\n</mjml>\n");
    let mail = |inside: &str| {
        let files = [("fr/party.email.txt", TEXT), ("fr/party.email.mjml", &page(inside))];
        faults(&files).join("|")
    };
    let push = |text: &str| faults(&[("fr/party.push.txt", text)]).join("|");

    for (fault, begins) in [
        (push("a\n\n{{ title"), "fr/party.push.txt:3: syntax error"),
        (push("{{ title }\n"), "fr/party.push.txt:1: syntax error"),
        (push("a\n{% if title %}\nb\n"), "fr/party.push.txt:2: syntax error"),
        (push("{% if title %}\nb\n{% endif %}"), "fr/party.push.txt:3: syntax error"),
        (push("a\n\n{{ titel }}\n"), "fr/party.push.txt:3: there is no value `titel`"),
        (push("a\n{{ body | shout }}\n"), "fr/party.push.txt:2: unknown filter"),
        (push("a\n{% include \"b.txt\" %}\n"), "fr/party.push.txt:2: there is no part b.txt"),
        (push("a\nb {% include \"b.txt\" %}\n"), "fr/party.push.txt:2: an include stands in"),
        (push("a\n{% include \"../../x.txt\" %}"), "fr/party.push.txt:2: there is no part"),
        (mail("<mj-section>"), "fr/party.email.mjml:4: </mj-body> where </mj-section> has to be"),
        (mail("\n<mj-text>a</mj-txt>"), "fr/party.email.mjml:4: </mj-txt> where </mj-text> has"),
        (mail("\n<mj-include path=\"head.txt\" />"), "fr/party.email.mjml:4: includes no"),
        (mail("<mj-txt>a</mj-txt>"), "fr/party.email.mjml:1: an element that MJML does not have"),
        (mail("<mj-text>\n{{ bod }}</mj-text>"), "fr/party.email.mjml:4: there is no value `bod`"),
        (mail("<mj-button href=\"{{ a or 'b' }}\">c</mj-button>"), "fr/party.email.mjml:3: there"),
    ] {
        assert!(fault.starts_with(begins), "`{fault}` and not `{begins}`");
    }
}

#[test]
fn what_is_wrong_in_a_part_is_said_of_the_part() {
    let files =
        [("fr/footer.txt", "a\n{{ bdoy }}\n"), ("en/footer.txt", "{% include \"footer.txt\" %}")];

    let faults = faults(&files);

    assert!(faults.iter().any(|fault| fault.starts_with("fr/footer.txt:2: there is no value")));
    let circle = "en/footer.txt:1: parts include each other in a circle";
    assert!(faults.iter().any(|fault| fault == circle), "{faults:?}");
}

#[test]
fn a_file_with_a_wrong_name_is_not_overlooked() {
    for (name, fault) in [
        ("fr/party.mail.txt", "is for `mail`, which is no channel: push, email, in_app, sms"),
        ("fr/party.push.mjml", "is MJML, which only mails can show"),
        ("party.push.txt", "is a message and lies in no folder of a language"),
        ("fr/a.b.push.txt", "is not called NAME.CHANNEL.txt, NAME.email.mjml or NAME.mjml"),
        ("fr/fête.push.txt", "has a name of other characters than a-z, A-Z, 0-9, _ and -"),
    ] {
        assert_eq!(faults(&[(name, TEXT)]), [format!("{name}:1: {fault}")]);
    }
    let lonely =
        "fr/party.email.txt:1: has no fr/party.email.mjml beside it, and a mail needs both";
    assert_eq!(faults(&[("fr/party.email.txt", TEXT)]), [lonely]);
    let large = "a".repeat(300_000);
    let fault = "fr/party.push.txt:1: has 300000 bytes; a template has at most 262144";
    assert_eq!(faults(&[("fr/party.push.txt", &large)]), [fault]);
    let twice = faults(&[("de/a.push.txt", TEXT), ("DE/a.push.txt", TEXT)]);
    assert_eq!(twice, ["the folder de is there in capitals and in small"]);
    assert!(Files::open(Some("/nowhere/at/all".as_ref())).is_err());
}

#[test]
fn a_file_of_other_bytes_is_refused() {
    let folder = of(&[]);
    fs::create_dir(folder.path().join("fr")).unwrap();
    fs::write(folder.path().join("fr/party.push.txt"), [0xFF, 0xFE, 0]).unwrap();

    let faults = Files::open(Some(folder.path())).err().unwrap().0;

    assert!(faults[0].contains("fr/party.push.txt:1: "), "{faults:?}");
}

#[test]
fn all_pages_can_be_looked_at() {
    let files = Files::open(None).unwrap();

    let pages = files.pages(None).unwrap();
    let french = files.pages(Some("fr-CA")).unwrap();

    assert_eq!(pages.len(), 8 * 2 * 5 + 1);
    assert_eq!(french.len(), 8 * 5 + 1);
    let index = &pages.iter().find(|page| page.name == "index.html").unwrap().html;
    let linked = |name: &str| index.contains(&format!("src=\"{name}\""));
    assert!(pages.iter().all(|page| page.name == "index.html" || linked(&page.name)));
    assert!(pages.iter().all(|page| !page.name.contains('/')));
    assert!(full().len() > least().len());
}
