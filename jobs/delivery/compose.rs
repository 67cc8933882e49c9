//! The words of one message: what templates are told, and which links may stand in it.

use serde_json::{Value, json};

use super::{App, Needs, Turn, receipts};
use crate::{
    model::{Channel, Notification},
    ports::{PortError, Values, Words},
};

/// At most so many notifications are listed in one message.
const LISTED: usize = 20;
/// The template of messages that gather several notifications.
const DIGEST: &str = "digest";

/// The words of a notification for its channel, together with those of the others that are gathered
/// with it.
pub fn words(turn: &Turn<'_>, gathered: &[Notification]) -> Result<Words, PortError> {
    let Turn { needs, notification, channel, user } = turn;
    let locale = notification.locale.as_deref();
    let locale = locale.or_else(|| user.as_ref().and_then(|user| user.locale.as_deref()));
    let values = values(turn, gathered);
    let own = notification.template_id.as_deref().unwrap_or(&notification.kind);
    let name = if gathered.is_empty() { own } else { DIGEST };
    needs.templates.write(name, *channel, locale, &values)
}

/// The place on a page of the product that the notification leads to.
pub fn action_url(app: &App, notification: &Notification) -> Option<String> {
    let said = notification.data.action_url.as_deref()?.trim();
    if said.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let is_ours = said.starts_with('/') && !said.starts_with("//") && !said.starts_with("/\\");
    match (is_ours, app.url.as_str()) {
        (true, "") => None,
        (true, url) => Some(format!("{url}{said}")),
        // Whoever writes notifications may name other pages, but nothing that a click would run.
        (false, _) => said.starts_with("https://").then(|| said.to_owned()),
    }
}

/// Where one click ends mails like this one.
pub fn unsubscribe(needs: &Needs, notification: &Notification) -> String {
    let token = receipts::unsubscribe(&needs.seals, notification);
    format!("{}/v1/unsubscribe/{token}", needs.links.public_url)
}

fn values(turn: &Turn<'_>, gathered: &[Notification]) -> Values {
    let Turn { needs, notification, channel, user } = turn;
    let line = |each: &Notification| {
        let action = action_url(&needs.app, each);
        json!({ "title": each.title, "body": each.body, "actionUrl": action })
    };
    let mut values = Values::new();
    let mut put = |name: &str, value: Value| values.insert(name.to_owned(), value);
    put("title", notification.title.as_str().into());
    put("body", notification.body.as_str().into());
    put("appName", needs.app.name.as_str().into());
    put("data", data(notification));
    put("actionUrl", json!(action_url(&needs.app, notification)));
    if let Some(user) = user {
        put("user", json!({ "fname": user.fname, "lname": user.lname, "username": user.username }));
    }
    if *channel == Channel::Email {
        put("unsubscribeUrl", unsubscribe(needs, notification).into());
    }
    if !gathered.is_empty() {
        let all = std::iter::once(notification).chain(gathered);
        put("count", (gathered.len() + 1).into());
        put("items", all.take(LISTED).map(line).collect());
    }
    values
}

/// The seed's `data` and whatever else the writer gave, as templates read it.
fn data(notification: &Notification) -> Value {
    let data = bson::serialize_to_bson(&notification.data);
    data.map_or(Value::Null, crate::json::value_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::explain::tests::notification;

    #[test]
    fn a_link_leads_to_the_product_or_to_a_safe_page_or_nowhere() {
        let (name, url) = ("Iven".to_owned(), "https://app.example.org".to_owned());
        let app = App { name, url, report_wait: std::time::Duration::ZERO };
        let none = App { url: String::new(), ..app.clone() };
        let link = |app: &App, said: &str| {
            let mut of = notification();
            of.data.action_url = Some(said.to_owned());
            action_url(app, &of)
        };

        assert_eq!(link(&app, "/events/1").unwrap(), "https://app.example.org/events/1");
        assert_eq!(link(&app, "https://example.com/a").unwrap(), "https://example.com/a");
        assert_eq!(link(&none, "/events/1"), None);
        for odd in
            ["javascript:alert(1)", "//evil.example", "/\\evil.example", "http://a", "/a\nb", ""]
        {
            assert_eq!(link(&app, odd), None, "{odd}");
        }
    }
}
