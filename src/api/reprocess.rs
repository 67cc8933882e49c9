//! `POST /v1/media/reprocess`: what newer settings ask to be made again.

use axum::{Json, extract::State, http::HeaderMap};
use bson::doc;
use jobs::{
    generate_thumbnails::GenerateThumbnails,
    job::Job,
    ports::{PicturedPlace, Ticket},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, access::Scope, activity, body::JsonBody, caller::Caller, problem::Problem};

/// Media that one call looks at, at most; the answer says whether there are more.
const MOST: u32 = 500;
/// What people wait for comes first.
const PRIORITY: u8 = 9;

/// Which media.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    recipe_older_than: u32,
    limit: Option<u32>,
    dry_run: Option<bool>,
    cursor: Option<String>,
}

/// Puts a job for each published medium whose pictures are older; one that has such a job already
/// gets no second one.
pub async fn reprocess(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Json<Value>, Problem> {
    caller.needs(Scope::Admin)?;
    let version = known(&api, wish.recipe_older_than)?;
    let after = wish.cursor.as_deref().map(parse_cursor).transpose()?;
    let limit = wish.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad("bad_parameter", "limit is not from 1 to 500"));
    }
    let page = api.tools.media.pictured_before(version, after, limit).await?;
    let mut queued = 0;
    if !wish.dry_run.unwrap_or(false) {
        for media_id in page.media.iter().copied() {
            let job = GenerateThumbnails { media_id, older_than: Some(version) };
            let ticket = Ticket { priority: PRIORITY, ..Ticket::of(&job)? };
            let (_, is_new) = api.tools.book.put(&ticket).await?;
            queued += u64::from(is_new);
        }
    }
    if queued > 0 {
        let about = doc! { "_id": i64::from(version), "kind": GenerateThumbnails::KIND };
        activity::note_of(&api, &headers, "reprocess", "recipe", &about).await?;
    }
    let (found, cursor) = (page.media.len(), page.next.map(cursor));
    Ok(Json(json!({ "found": found, "queued": queued, "cursor": cursor })))
}

/// Nothing can be made by a version that is still to come.
fn known(api: &Api, version: u32) -> Result<u32, Problem> {
    let ours = api.tools.recipe.version;
    if version <= ours {
        return Ok(version);
    }
    let detail = format!(
        "pictures are made by version {ours}: raise thumbnails.version, and restart, to have \
         newer ones"
    );
    Err(Problem::unprocessable("recipe_unknown", detail))
}

fn cursor(place: PicturedPlace) -> String {
    let version = place.version.map_or(String::new(), |version| version.to_string());
    format!("{version}-{}", place.id)
}

fn parse_cursor(cursor: &str) -> Result<PicturedPlace, Problem> {
    let parse = || {
        let (version, id) = cursor.split_once('-')?;
        let version = if version.is_empty() { None } else { Some(version.parse().ok()?) };
        Some(PicturedPlace { version, id: id.parse().ok()? })
    };
    parse().ok_or_else(|| Problem::bad("bad_parameter", "cursor is none that a page gave out"))
}
