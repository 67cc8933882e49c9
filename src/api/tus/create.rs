//! `POST /v1/tus`: a new upload, perhaps with its first bytes.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use jobs::{
    intake,
    model::{EventId, Transport, Tus, Upload, UserId, Visibility},
};

use super::{
    concat, expires, location, offset, set,
    words::{check_version, metadata, number, text, versioned},
    write,
};
use crate::api::{
    Api,
    access::Scope,
    caller::Caller,
    problem::Problem,
    wish::{Wish, is_another, is_same, upload},
};

/// `POST /v1/tus`
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(Scope::Upload)?;
    check_version(request.headers())?;
    let headers = request.headers().clone();
    let concat = text(&headers, "upload-concat");
    if let Some(of) = concat.and_then(|said| said.strip_prefix("final;")).map(str::to_owned) {
        let joining = api.clone();
        let join = async move { concat::join(&joining, &caller, &headers, &of).await };
        return Ok(created(&api.apart(join).await?));
    }
    let upload = announce(&api, &caller, &headers, length(&api, &headers)?, None).await?;
    if upload.size == 0 && upload.deferred.is_none() {
        write::empty(&api, &upload).await?;
        return Ok(created(&upload));
    }
    if text(&headers, "content-type") != Some("application/offset+octet-stream") {
        return Ok(created(&upload));
    }
    // A caller who hangs up must not leave what was put and not written down.
    let (appending, fresh) = (api.clone(), upload.clone());
    let first = async move { write::bring(&appending, &fresh, (0, None), request).await };
    let answer = match api.apart(first).await {
        Ok(whole) => {
            let mut response = created(&whole);
            set(&mut response, "upload-offset", &offset(&whole).to_string());
            return Ok(response);
        }
        Err(problem) => problem,
    };
    // It was made all the same, and the client may go on with it.
    let mut response = answer.into_response();
    location(&mut response, &upload);
    Ok(response)
}

fn created(upload: &Upload) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    location(&mut response, upload);
    expires(&mut response, upload);
    versioned(response)
}

/// The length of the file; `None` if it is said later.
fn length(api: &Api, headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let length = number(headers, "upload-length")?;
    match (length, text(headers, "upload-defer-length")) {
        (None, Some("1")) => Ok(None),
        (Some(length), None) => {
            api.limits.fit(length)?;
            Ok(Some(length))
        }
        _ => {
            let detail = "one of the headers Upload-Length and Upload-Defer-Length: 1 is needed";
            Err(Problem::bad("bad_header", detail))
        }
    }
}

/// The upload that the headers describe; under a key that is taken, the upload that has it.
pub async fn announce(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    length: Option<u64>,
    key: Option<String>,
) -> Result<Upload, Problem> {
    let header = text(headers, "upload-metadata").unwrap_or_default();
    let said = metadata(header)?;
    let value = |name: &str| said.get(name).filter(|value| !value.is_empty()).cloned();
    let number = |name: &str| value(name).and_then(|value| value.parse::<i64>().ok());
    let missing = |name: &str| {
        let detail = format!("the header Upload-Metadata has no whole number {name}");
        Problem::bad("bad_metadata", detail)
    };
    let concat = text(headers, "upload-concat").map(str::to_owned);
    let user = number("userId").map(UserId).or(caller.user());
    // Clients say of whom and of which event a file is when they put its parts together.
    let is_partial = concat.as_deref() == Some("partial");
    let (event_id, user_id) = if is_partial {
        caller.sends_parts()?;
        (EventId(1), UserId(1))
    } else {
        let event_id = EventId(number("eventId").ok_or_else(|| missing("eventId"))?);
        let user_id = user.ok_or_else(|| missing("userId"))?;
        caller.uploads_as(user_id, event_id)?;
        (event_id, user_id)
    };
    let visibility = value("visibility").map(|name| {
        let name = serde_json::Value::from(name);
        serde_json::from_value::<Visibility>(name).map_err(|_| {
            Problem::bad("bad_metadata", "visibility in Upload-Metadata is none that there is")
        })
    });
    let kind = value("filetype").or_else(|| value("type"));
    let wish = Wish {
        event_id,
        user_id,
        filename: value("filename").or_else(|| value("name")).unwrap_or_else(|| "file".to_owned()),
        mime_type: kind.unwrap_or_else(|| "application/octet-stream".to_owned()),
        // An empty file is announced, too, and a length may come later.
        size: length.unwrap_or(1).max(1),
        sha256: value("sha256"),
        album_id: value("albumId"),
        caption: value("caption"),
        tags: None,
        visibility: visibility.transpose()?,
        transport: None,
    };
    let mut upload = upload(api, wish, key.map(|key| format!("{user_id}:{key}"))).await?;
    upload.transport = Some(Transport::Tus);
    if length.unwrap_or(0) == 0 {
        (upload.size, upload.chunks) = (0, Vec::new());
    }
    upload.deferred = length.is_none().then_some(true);
    if is_partial {
        (upload.event_id, upload.user_id) = (EventId(0), caller.user().unwrap_or(UserId(0)));
    }
    let metadata = (!header.is_empty()).then(|| header.to_owned());
    upload.tus = Some(Tus { metadata, concat, ..Tus::default() });
    let kept = intake::open(&api.intake, upload.clone()).await?;
    if is_same(&kept, &upload) { Ok(kept) } else { Err(is_another()) }
}
