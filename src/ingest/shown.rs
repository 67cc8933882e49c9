//! What people see of a file on its way: a bar on a terminal, lines elsewhere.
#![expect(clippy::indexing_slicing, reason = "a JSON value without the name answers null")]

use std::{io::IsTerminal, path::Path};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

/// The steps in the order in which they can end first.
const STEPS: [&str; 4] = ["upload", "virusScanning", "metadataExtraction", "thumbnailGeneration"];

/// How far a file is.
pub struct Shown {
    bar: Option<ProgressBar>,
    name: String,
}

impl Shown {
    /// The file at this path.
    pub fn new(bars: &MultiProgress, path: &Path) -> Self {
        let name = plain(&path.file_name().unwrap_or_default().to_string_lossy());
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = bars.add(ProgressBar::new(100));
            let style = ProgressStyle::with_template("{prefix:30!} {bar:30} {pos:>3} % {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(name.clone());
            bar
        });
        Self { bar, name }
    }

    /// So much of it is sent.
    pub fn percent(&self, percent: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(percent),
            None => eprintln!("{}: {percent} %", self.name),
        }
    }

    /// The steps that have ended so far; on a terminal only, elsewhere it would be noise.
    pub fn steps(&self, steps: &Value) {
        let Some(bar) = &self.bar else { return };
        let done = STEPS.iter().filter(|name| steps[**name]["completed"] == true);
        bar.set_message(done.copied().collect::<Vec<_>>().join(" "));
    }

    /// How it ended.
    pub fn end(&self, ending: &str) {
        match &self.bar {
            Some(bar) => bar.abandon_with_message(ending.to_owned()),
            None => eprintln!("{}: {ending}", self.name),
        }
    }
}

/// How a medium ended, with the codes of the steps that did not end well.
pub fn ending(media: &Value) -> String {
    let mut ending = media["processingStatus"].as_str().unwrap_or("unknown").to_owned();
    if media["degraded"] == true {
        ending.push_str(", degraded");
    }
    let mut codes: Vec<&str> = Vec::new();
    for code in STEPS.iter().filter_map(|name| code(&media["processingSteps"][*name])) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    match codes.as_slice() {
        [] => ending,
        codes => format!("{ending}: {}", codes.join(", ")),
    }
}

/// Why a step did not end well. A scan that finds something has no error: it did its work.
fn code(step: &Value) -> Option<&str> {
    step["error"]["code"].as_str().or((step["result"] == "infected").then_some("infected"))
}

/// A name without what a terminal would obey: control characters and turned directions.
pub fn plain(name: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = name.chars().map(|c| match c.is_control() || turns(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_ending_says_why() {
        let failed = |code: &str| json!({ "error": { "code": code } });
        for (media, said) in [
            (json!({ "processingStatus": "completed" }), "completed"),
            (
                json!({ "processingStatus": "failed", "processingSteps": {
                    "upload": failed("unsupported_type") } }),
                "failed: unsupported_type",
            ),
            (
                json!({ "processingStatus": "failed", "processingSteps": {
                    "virusScanning": { "result": "infected" } } }),
                "failed: infected",
            ),
            (
                json!({ "processingStatus": "completed", "degraded": true, "processingSteps": {
                    "virusScanning": { "result": "clean" },
                    "metadataExtraction": failed("unsupported_format"),
                    "thumbnailGeneration": failed("unsupported_format") } }),
                "completed, degraded: unsupported_format",
            ),
        ] {
            assert_eq!(ending(&media), said);
        }
    }

    #[test]
    fn a_terminal_obeys_no_name() {
        assert_eq!(plain("é a.jpg"), "é a.jpg");
        assert_eq!(plain("a\u{1b}[2J\n\u{202e}b"), "a\\u{1b}[2J\\u{a}\\u{202e}b");
    }
}
