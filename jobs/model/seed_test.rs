//! The seed's own examples, read into our types and written back: nothing is lost or changed.

use std::fmt::Debug;

use bson::{Bson, Document};
use serde::{Serialize, de::DeserializeOwned};

use super::{Activity, Album, Media, Message, Notification, Upload};

const SEED: &str = include_str!("../../fixtures/mongodb-schema.fr.md");

/// The seed's example documents, in order.
fn examples() -> Vec<Document> {
    let blocks = SEED.split("```javascript\n").skip(1);
    let code = blocks.filter_map(|rest| rest.split("```").next());
    code.filter(|code| code.starts_with('{')).map(read).collect()
}

/// Reads a literal of MongoDB's shell.
fn read(literal: &str) -> Document {
    let dates = calls(literal, "ISODate", |_, date| {
        // Where the seed only hints at a date, any will do.
        let date = if date == "..." { "2024-01-15T14:45:00Z" } else { date };
        format!("{{\"$date\": \"{date}\"}}")
    });
    let ids = calls(&dates, "ObjectId", |count, _| {
        // Each id is another one, so that two fields cannot be mixed up unnoticed.
        format!("{{\"$oid\": \"65a54000{count:016x}\"}}")
    });
    json5::from_str(&ids).unwrap_or_else(|error| panic!("{error}\n{ids}"))
}

/// Replaces each `name("argument")` by what `value` makes of its number and argument.
fn calls(text: &str, name: &str, value: impl Fn(usize, &str) -> String) -> String {
    let begin = format!("{name}(\"");
    let mut pieces = text.split(&begin);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for (count, piece) in pieces.enumerate() {
        let (argument, rest) = piece.split_once("\")").expect("a call that ends");
        out += &value(count, argument);
        out += rest;
    }
    out
}

/// Whether two values are the same to MongoDB: numbers by value (30 equals 30.0), fields in order.
fn same(left: &Bson, right: &Bson) -> bool {
    match (left, right) {
        (Bson::Document(left), Bson::Document(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|((a, x), (b, y))| a == b && same(x, y))
        }
        (Bson::Array(left), Bson::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(x, y)| same(x, y))
        }
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
    }
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(number) => Some(f64::from(*number)),
        // The seed's integers are far below 2^53.
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}

fn assert_kept<T: Serialize + DeserializeOwned + PartialEq + Debug>(example: &Document) {
    let value: T = bson::deserialize_from_document(example.clone()).unwrap();
    let written = bson::serialize_to_document(&value).unwrap();

    assert!(
        same(&Bson::Document(example.clone()), &Bson::Document(written.clone())),
        "the seed says\n{example:#}\nand we write\n{written:#}"
    );

    // Also as bytes, which is how the stores hand documents over.
    let again: T = bson::deserialize_from_slice(&bson::serialize_to_vec(&value).unwrap()).unwrap();
    assert_eq!(again, value);
}

#[test]
fn every_example_of_the_seed_is_read_and_written_back_unchanged() {
    let [message, notification, activity, upload, media, album]: [Document; 6] =
        examples().try_into().expect("six examples");

    assert_kept::<Message>(&message);
    assert_kept::<Notification>(&notification);
    assert_kept::<Activity>(&activity);
    assert_kept::<Upload>(&upload);
    assert_kept::<Media>(&media);
    assert_kept::<Album>(&album);
}

#[test]
fn the_reader_sees_what_the_seed_shows() {
    let examples = examples();

    let message = &examples[0];
    assert_eq!(message.get_i64("senderId").unwrap(), 42);
    assert_eq!(message.get_array("reactions").unwrap().len(), 2);
    assert_eq!(message.get("deletedBy"), Some(&Bson::Null));
    let sent = message.get_datetime("createdAt").unwrap();
    assert_eq!(sent.try_to_rfc3339_string().unwrap(), "2024-01-15T14:30:00Z");
    let replied = message.get_document("metadata").unwrap().get_object_id("replyTo").unwrap();
    assert_ne!(replied, message.get_object_id("_id").unwrap());

    assert_eq!(examples[3].get_array("chunks").unwrap().len(), 2);
    assert!(examples[4].get_document("s3Info").unwrap().contains_key("presignedUrls"));
}

#[test]
fn a_lost_moved_or_changed_field_is_noticed() {
    let seed = read("{a: 1, b: {c: null, d: [1, 2]}}");
    let same_as_seed = |literal| same(&seed.clone().into(), &read(literal).into());

    assert!(same_as_seed("{a: 1.0, b: {c: null, d: [1, 2.0]}}"));
    assert!(!same_as_seed("{a: 2, b: {c: null, d: [1, 2]}}"));
    assert!(!same_as_seed("{a: 1, b: {d: [1, 2]}}"));
    assert!(!same_as_seed("{a: 1, b: {c: null, d: [1]}}"));
    assert!(!same_as_seed("{a: 1, b: {d: [1, 2], c: null}}"));
    assert!(!same_as_seed("{a: '1', b: {c: null, d: [1, 2]}}"));
}

#[test]
fn an_unknown_state_is_refused_by_name() {
    let mut notification = examples().remove(1);
    notification.insert("status", "asleep");

    let error = bson::deserialize_from_document::<Notification>(notification).unwrap_err();

    let sentence = error.to_string();
    assert!(sentence.contains("unknown variant `asleep`, expected one of `pending`"), "{sentence}");
}

#[test]
fn the_seed_s_own_short_insert_of_a_message_can_be_read() {
    let short = read(
        r#"{_id: ObjectId("x"), eventId: 1, senderId: 42, type: "text", content: "Salut !",
            senderInfo: {username: "arthur_dev", fname: "Arthur", lname: "Jaffre", avatarUrl: ""},
            createdAt: ISODate("...")}"#,
    );

    let message: Message = bson::deserialize_from_document(short).unwrap();

    assert_eq!(message.content, "Salut !");
    assert!(message.reactions.is_empty());
}

#[test]
fn what_else_a_writer_put_into_a_notification_s_data_is_kept() {
    let mut notification = examples().remove(1);
    let data = notification.get_document_mut("data").unwrap();
    data.insert("eventTitle", "Anniversaire Marie");
    data.insert("albumId", bson::oid::ObjectId::from_bytes([7; 12]));
    data.insert("startsAt", bson::DateTime::from_millis(1_705_330_200_000));
    data.insert("nested", bson::doc! {"guests": [1_i64, 2_i64], "host": Bson::Null});

    assert_kept::<Notification>(&notification);
}
