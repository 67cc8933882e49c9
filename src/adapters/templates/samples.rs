//! Values to try templates with, and to show them.

use jobs::ports::Values;
use serde_json::{Value, json};

/// What is notified of: the types of the app's schema, and what the worker itself has to say.
pub const NAMES: [&str; 8] = [
    "default",
    "digest",
    "event_invite",
    "media_infected",
    "media_ready",
    "message",
    "reminder",
    "task_assigned",
];

/// What every notification has, and nothing else.
pub fn least() -> Values {
    object(json!({ "title": "Invitation", "body": "Marie" }))
}

/// Everything that a notification of this name can have.
pub fn full(name: &str, language: &str) -> Values {
    let french = language.starts_with("fr");
    let (title, body) = if french { in_french(name) } else { in_english(name) };
    let birthday = if french { "Anniversaire Marie" } else { "Marie’s birthday" };
    let cake = if french { "Commander le gâteau" } else { "Order the cake" };
    let items: Vec<Value> = ["event_invite", "task_assigned", "message"]
        .iter()
        .map(|name| {
            let (title, body) = if french { in_french(name) } else { in_english(name) };
            json!({ "title": title, "body": body, "actionUrl": "https://iven.example/events/1" })
        })
        .collect();
    object(json!({
        "title": title,
        "body": body,
        "data": {
            "eventId": 1,
            "senderId": 15,
            "taskId": 7,
            "messageId": 99,
            "actionUrl": "/events/1",
            "eventTitle": birthday,
            "senderName": "Arthur",
            "taskTitle": cake,
            "dueAt": "2024-01-20T18:00:00Z",
        },
        "user": { "fname": "Léa", "lname": "Martin", "username": "lea" },
        "actionUrl": "https://iven.example/events/1",
        "unsubscribeUrl": "https://iven.example/unsubscribe/4f9c1d",
        "appName": "Iven",
        "count": items.len(),
        "items": items,
    }))
}

/// Empty where the template has words of its own.
fn in_french(name: &str) -> (&'static str, &'static str) {
    match name {
        "event_invite" => ("Invitation événement", "Arthur vous a invité à 'Anniversaire Marie'"),
        "task_assigned" => {
            ("Nouvelle tâche", "Arthur vous confie la tâche «\u{A0}Commander le gâteau\u{A0}»")
        }
        "message" => ("Nouveau message", "Rendez-vous à 18\u{A0}h devant la salle\u{A0}?\nArthur"),
        "reminder" => ("Rappel", "«\u{A0}Anniversaire Marie\u{A0}» commence demain à 18\u{A0}h."),
        "digest" | "media_ready" | "media_infected" => ("", ""),
        _ => ("Du nouveau dans votre événement", "Le programme de la soirée est en ligne."),
    }
}

fn in_english(name: &str) -> (&'static str, &'static str) {
    match name {
        "event_invite" => ("Event invitation", "Arthur invited you to “Marie’s birthday”"),
        "task_assigned" => ("New task", "Arthur gave you the task “Order the cake”"),
        "message" => ("New message", "Shall we meet at 6 pm in front of the hall?\nArthur"),
        "reminder" => ("Reminder", "“Marie’s birthday” begins tomorrow at 6 pm."),
        "digest" | "media_ready" | "media_infected" => ("", ""),
        _ => ("News of your event", "The programme of the evening is online."),
    }
}

fn object(value: Value) -> Values {
    match value {
        Value::Object(values) => values,
        _ => Values::new(),
    }
}
