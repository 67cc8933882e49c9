//! Who has what of a medium: by its visibility, its downloads, its deletion, and who asks.

use axum::{body::Body, http::StatusCode};
use jobs::model::Visibility;
use serde_json::{Value, json};

use super::access::{LATER, Town, token};

/// Somebody who asks.
struct Person {
    who: &'static str,
    credential: String,
    /// May look into the event of the medium.
    invited: bool,
    uploader: bool,
    service: bool,
}

fn people(town: &Town) -> Vec<Person> {
    let person = |who, sub: &str, event: i64, upload: Option<&str>| Person {
        who,
        credential: token(json!({ "sub": sub, "events": [event], "upload": upload, "exp": LATER })),
        invited: event == 1 && upload.is_none(),
        uploader: sub == "42",
        service: false,
    };
    let service = Person {
        who: "a service",
        credential: "a key for reading".to_owned(),
        invited: true,
        uploader: false,
        service: true,
    };
    vec![
        service,
        person("the uploader", "42", 1, None),
        person("a guest of the event", "43", 1, None),
        person("the uploader in another event", "42", 2, None),
        person("a guest of another event", "43", 2, None),
        person("the uploader with a token for one upload", "42", 1, Some(&town.upload)),
    ]
}

/// What the document says.
#[derive(Debug, Clone, Copy)]
struct Said {
    visibility: Visibility,
    downloadable: bool,
    deleted: bool,
}

/// The statuses of the document, the file, a thumbnail and the event's list, and whether the medium
/// is in the list.
type Answers = ([u16; 4], bool);

fn promised(person: &Person, said: Said) -> Answers {
    let Said { visibility, downloadable, deleted } = said;
    if person.service {
        return ([200; 4], !deleted);
    }
    let private = visibility == Visibility::Private;
    let shown = person.invited && !deleted && (!private || person.uploader);
    let seen = if shown { 200 } else { 404 };
    let file = if shown && !downloadable && !person.uploader { 403 } else { seen };
    ([seen, file, seen, if person.invited { 200 } else { 404 }], shown)
}

async fn answers(town: &Town, person: &Person) -> Answers {
    let ask = async |path: String| {
        let credential = Some(person.credential.as_str());
        Town::send(&town.house, "GET", &path, credential, Body::empty()).await
    };
    let media = format!("/v1/media/{}", town.media);
    let mut statuses = [0; 4];
    let mut listed = false;
    let paths = [
        media.clone(),
        format!("{media}/file"),
        format!("{media}/thumbnails/320"),
        "/v1/media?eventId=1".to_owned(),
    ];
    for (path, place) in paths.into_iter().zip(&mut statuses) {
        let (status, body): (StatusCode, Value) = ask(path).await;
        *place = status.as_u16();
        if let Some(items) = body["items"].as_array() {
            listed = items.iter().any(|item| item["_id"] == town.media.to_string());
        }
    }
    (statuses, listed)
}

#[tokio::test]
async fn everybody_has_of_a_medium_what_its_document_allows_and_no_more() {
    let town = Town::new().await;
    let people = people(&town);
    let store = &town.house.parts.tools.media;

    for visibility in [Visibility::Public, Visibility::EventParticipants, Visibility::Private] {
        for (downloadable, deleted) in [(true, false), (false, false), (true, true), (false, true)]
        {
            let before = town.house.read(town.media).await;
            let mut after = before.clone();
            (after.visibility, after.downloadable) = (visibility, downloadable);
            after.is_deleted = deleted;
            store.update(&before, after).await.unwrap();

            let said = Said { visibility, downloadable, deleted };
            for person in &people {
                let got = answers(&town, person).await;
                assert_eq!(got, promised(person, said), "{said:?} for {}", person.who);
            }
        }
    }
}
