//! What others write, heard from the server's change stream: a hint that spares waiting.

use std::future::pending;
use std::time::Duration;

use bson::{Document, doc};
use jobs::ports::PortError;
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ChangeStreamEvent;

use super::{CALL_TIME, Mongo, answer, error::fault};
use crate::adapters::documents::Collection;

/// The server holds its answer back so long while there is no news: one call in this time is all
/// that an idle stream costs.
const SILENCE: Duration = Duration::from_secs(20);
/// How soon a broken stream is opened again; each time without news in between twice as late.
const AGAIN_FIRST: Duration = Duration::from_millis(250);
/// But no later than this.
const AGAIN_LAST: Duration = Duration::from_secs(30);

type News = ChangeStream<ChangeStreamEvent<Document>>;

impl Mongo {
    /// Calls `heard` with each of these `values` that `field` takes in a document of `of`, also
    /// with each of them whenever some may have been missed. Without `values`, with an empty text
    /// each time that the field is written. `open` is told whether anything would be heard. Never
    /// returns: where the server has no change streams, that is said once, and nothing is heard.
    pub async fn listen(
        &self,
        of: &'static Collection,
        field: &str,
        values: &[&str],
        heard: impl Fn(&str) + Send + Sync,
        open: impl Fn(bool) + Send + Sync,
    ) {
        let mut pause = AGAIN_FIRST;
        loop {
            let error = match self.news(of, field, values).await {
                Ok(news) => {
                    tracing::debug!(collection = of.name, "the change stream is open");
                    values.iter().copied().for_each(&heard);
                    if values.is_empty() {
                        heard("");
                    }
                    open(true);
                    let error = pass_on(of, news, (field, values), &heard, &mut pause).await;
                    open(false);
                    error
                }
                Err(PortError::Refused { message, .. }) => {
                    tracing::info!("no change streams, so {} is polled alone: {message}", of.name);
                    pending().await
                }
                Err(error) => error,
            };
            tracing::warn!(%error, "the change stream broke, polling goes on meanwhile");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(AGAIN_LAST);
        }
    }

    /// From now on; not from where a broken one stood, because whoever hears looks for himself.
    async fn news(&self, of: &Collection, field: &str, values: &[&str]) -> Result<News, PortError> {
        let put = format!("fullDocument.{field}");
        let changed = format!("updateDescription.updatedFields.{field}");
        let is_wanted = if values.is_empty() {
            doc! { "$exists": true }
        } else {
            doc! { "$in": values }
        };
        let wanted = doc! { "$match": { "$or": [
            { "operationType": { "$in": ["insert", "replace"] }, put: is_wanted.clone() },
            { "operationType": "update", changed: is_wanted },
        ] } };
        let documents = self.collection(of);
        answer(of.name, documents.watch().pipeline([wanted]).max_await_time(SILENCE)).await
    }
}

/// Passes on what is heard until the stream breaks; why it did.
async fn pass_on(
    of: &Collection,
    mut news: News,
    (field, values): (&str, &[&str]),
    heard: &(impl Fn(&str) + Sync),
    pause: &mut Duration,
) -> PortError {
    while news.is_alive() {
        // A connection can be dead without a word.
        let event = match tokio::time::timeout(SILENCE + CALL_TIME, news.next_if_any()).await {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => return fault(of.name, &error),
            Err(_) => return PortError::Unavailable("MongoDB's change stream is dead".to_owned()),
        };
        *pause = AGAIN_FIRST;
        let Some(event) = event else { continue };
        if values.is_empty() {
            heard("");
        } else if let Some(value) = value(&event, field) {
            heard(value);
        }
    }
    PortError::Unavailable("MongoDB has closed the change stream".to_owned())
}

/// What the field is now.
fn value<'event>(event: &'event ChangeStreamEvent<Document>, field: &str) -> Option<&'event str> {
    let updated = event.update_description.as_ref().map(|update| &update.updated_fields);
    event.full_document.as_ref().or(updated)?.get_str(field).ok()
}
