//! French as it is printed: no-break spaces before : ; ! ? and inside of « ».

use std::{fs, path::Path};

/// Where a plain space, or none, stands before a sign, in a line without addresses and code.
fn faults(line: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let text = without_code(line);
    let signs: Vec<char> = text.chars().collect();
    for (at, sign) in signs.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| signs[at]);
        let after = signs.get(at + 1).copied();
        let fine = |neighbour: Option<char>| matches!(neighbour, Some('\u{A0}' | '\u{202F}'));
        let wrong = match sign {
            ':' | ';' | '!' | '?' | '»' => !fine(before),
            '«' => !fine(after),
            '\'' => {
                before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic)
            }
            _ => false,
        };
        if wrong {
            faults.push(format!("`{sign}` in {text}"));
        }
    }
    faults
}

/// The words alone: no tags, no placeholders, and of blocks what they set.
fn without_code(line: &str) -> String {
    let mut text = line.to_owned();
    for (start, end) in [("{{", "}}"), ("{%", "%}"), ("<", ">")] {
        while let Some(from) = text.find(start) {
            let to = text[from..].find(end).map_or(text.len(), |to| from + to + end.len());
            // What is between quotes in a block is said to people.
            let said = if start == "<" { Vec::new() } else { quoted(&text[from..to]) };
            text.replace_range(from..to, &format!("\u{A0}{}", said.join("")));
        }
    }
    text
}

fn quoted(block: &str) -> Vec<&str> {
    block.split('"').skip(1).step_by(2).collect()
}

#[test]
fn the_french_files_have_no_break_spaces() {
    assert_eq!(faults("Adresse : {{ a }}").len(), 1);
    assert_eq!(faults("{% set a = \"Prêt !\" %}").len(), 1);
    assert_eq!(faults("l'événement « a »").len(), 3);
    assert_eq!(faults("Adresse\u{A0}: <a href=\"https://a\">«\u{A0}{{ b }}\u{A0}»</a>"), [""; 0]);

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/templates/files/fr");
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        looked_at += 1;
        let text = fs::read_to_string(entry.path()).unwrap();
        for (at, line) in text.lines().enumerate() {
            let name = entry.file_name().into_string().unwrap();
            wrong.extend(faults(line).iter().map(|fault| format!("{name}:{}: {fault}", at + 1)));
        }
    }
    assert!(looked_at > 30 && wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_file_is_built_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/templates");
    let table = fs::read_to_string(root.join("sources/built_in.rs")).unwrap();
    let mut there = Vec::new();
    for folder in ["", "fr/", "en/"] {
        for entry in fs::read_dir(root.join("files").join(folder)).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            there.extend(entry.path().is_file().then(|| format!("    \"{folder}{name}\",")));
        }
    }
    there.sort();

    let listed: Vec<&str> = table.lines().filter(|line| line.starts_with("    \"")).collect();

    assert_eq!(listed, there);
}
