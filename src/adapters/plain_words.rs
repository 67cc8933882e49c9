//! Messages as their writer gave them.

use jobs::{
    model::Channel,
    ports::{PortError, Templates, Values, Words},
};

/// Writes the title and the body, and nothing around them.
pub struct PlainWords;

impl Templates for PlainWords {
    fn write(
        &self,
        _: &str,
        _: Channel,
        _: Option<&str>,
        values: &Values,
    ) -> Result<Words, PortError> {
        let text = |name: &str| {
            let text = values.get(name).and_then(|value| value.as_str());
            text.unwrap_or_default().to_owned()
        };
        let (title, text) = (text("title"), text("body"));
        Ok(Words { title, text, html: String::new(), language: "fr".to_owned() })
    }
}
