//! The one who asks, and what may be seen of a document.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use bson::DateTime;
use jobs::{
    model::{EventId, Media, Upload, UserId, Visibility},
    ports::{LiveEvent, Room},
};

use super::{Api, access::Scope, problem::Problem};

/// The one who asks.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A service of ours, with these scopes.
    Service(Vec<Scope>),
    /// An end user.
    Person(Person),
}

/// An end user, by the token.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// Whose events' media may be seen.
    pub events: Vec<EventId>,
    /// Only this upload.
    pub upload: Option<String>,
    /// For what.
    pub scopes: Vec<Scope>,
    /// Until when.
    pub ends_at: DateTime,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let caller = match bearer(parts)? {
            Some(credential) => api.access.caller(Some(&credential)),
            None => match token(parts) {
                Some(token) => api.access.person(token).map(Self::Person),
                None => api.access.caller(None),
            },
        };
        caller.ok_or_else(|| {
            let detail = "a valid key or token is needed: Authorization: Bearer ...";
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        })
    }
}

/// The credential in the header.
fn bearer(parts: &Parts) -> Result<Option<String>, Problem> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let bearer = value.to_str().ok().and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim().to_owned())
    });
    bearer.map(Some).ok_or_else(|| {
        let detail = "the header Authorization is not of the form Bearer KEY";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    })
}

/// The token in the address, where a header cannot be sent. Addresses stand in the logs of proxies:
/// a token ends soon, the key of a service does not, so keys are not taken from here.
fn token(parts: &Parts) -> Option<&str> {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').find_map(|pair| pair.strip_prefix("token="))
}

impl Caller {
    /// Refuses whoever lacks `scope`.
    pub fn needs(&self, scope: Scope) -> Result<(), Problem> {
        let scopes = match self {
            Self::Service(scopes) => scopes,
            Self::Person(person) => &person.scopes,
        };
        if scopes.contains(&scope) || (self.is_service() && scopes.contains(&Scope::Admin)) {
            return Ok(());
        }
        let name = format!("{scope:?}").to_lowercase();
        let detail = format!("this key or token does not have the scope {name}");
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
    }

    fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// The end user who asks.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Person(person) => Some(person.id),
            Self::Service(_) => None,
        }
    }

    /// Refuses whoever may not send parts of a file whose event is said later.
    pub fn sends_parts(&self) -> Result<(), Problem> {
        self.needs(Scope::Upload)?;
        match self {
            Self::Person(person) if person.upload.is_some() || person.events.is_empty() => {
                let detail = "this token allows no new uploads";
                Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
            }
            _ => Ok(()),
        }
    }

    /// Refuses whoever may not upload as `user` into `event`.
    pub fn uploads_as(&self, user: UserId, event: EventId) -> Result<(), Problem> {
        self.needs(Scope::Upload)?;
        let Self::Person(person) = self else { return Ok(()) };
        if person.id == user && person.events.contains(&event) && person.upload.is_none() {
            return Ok(());
        }
        let detail = "this token does not allow uploads as this user into this event";
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
    }

    /// Whether the caller may see and feed this upload.
    pub fn owns(&self, upload: &Upload) -> bool {
        match self {
            Self::Service(_) => true,
            Self::Person(person) => {
                let bound = person.upload.as_ref().is_none_or(|only| *only == upload.upload_id.0);
                // A part of a file has no event yet.
                let event = upload.is_partial() || person.events.contains(&upload.event_id);
                bound && event && person.id == upload.user_id
            }
        }
    }

    /// Whether the caller may know of this medium.
    pub fn sees(&self, media: &Media) -> bool {
        match self {
            Self::Service(_) => true,
            Self::Person(person) => {
                let invited = person.events.contains(&media.event_id) && person.upload.is_none();
                let own = person.id == media.uploaded_by;
                let shown = match media.visibility {
                    Visibility::Public | Visibility::EventParticipants => true,
                    Visibility::Private => own,
                };
                invited && shown && !media.is_deleted
            }
        }
    }

    /// Whether the caller may have the original file of a medium that is seen.
    pub fn downloads(&self, media: &Media) -> bool {
        match self {
            Self::Service(_) => true,
            Self::Person(person) => media.downloadable || person.id == media.uploaded_by,
        }
    }

    /// Whether the caller may know of this while it happens.
    pub fn hears(&self, event: &LiveEvent) -> bool {
        match self {
            Self::Service(_) => true,
            Self::Person(person) => {
                let invited = event.event.is_none_or(|event| person.events.contains(&event));
                invited && (person.id == event.user || !event.is_private)
            }
        }
    }

    /// Refuses whoever may not hear anything of a room.
    pub fn enters_room(&self, room: Room) -> Result<(), Problem> {
        match room {
            Room::Event(event) => self.enters(event),
            Room::User(user) => match self {
                Self::Person(person) if person.id != user || person.upload.is_some() => {
                    Err(Problem::not_found("user"))
                }
                _ => Ok(()),
            },
        }
    }

    /// When its credential ends, if it does.
    pub fn ends_at(&self) -> Option<DateTime> {
        match self {
            Self::Person(person) => Some(person.ends_at),
            Self::Service(_) => None,
        }
    }

    /// Refuses whoever may not look at the media of `event`.
    pub fn enters(&self, event: EventId) -> Result<(), Problem> {
        match self {
            Self::Person(person) if !person.events.contains(&event) || person.upload.is_some() => {
                Err(Problem::not_found("event"))
            }
            _ => Ok(()),
        }
    }
}
