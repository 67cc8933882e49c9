//! Makes the server have what the program declares; never drops anything.

use std::collections::HashSet;
use std::time::Duration;

use jobs::ports::PortError;
use mongodb::error::Error;
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};

use super::error::{code, fault};
use super::{validators, words};
use crate::adapters::documents::{Collection, Index, IndexOption};

/// Somebody else created the collection meanwhile: all workers migrate when they start.
const NAMESPACE_EXISTS: i32 = 48;
/// An index of this name or with these keys is there and is another one.
const OTHER_INDEX: [i32; 2] = [85, 86];

/// Creates what is not there; a line for each thing done or left out.
pub(super) async fn migrate(
    database: &Database,
    collections: &[Collection],
) -> Result<Vec<String>, PortError> {
    let there = database.list_collection_names().await;
    let there = there.map_err(|error| fault("the database", &error))?;
    let (mut done, mut conflicts) = (Vec::new(), Vec::new());
    for of in collections {
        if !there.iter().any(|name| name == of.name) {
            create(database, of, &mut done).await?;
        }
        done.extend(validators::set(database, of.name).await?);
        let names = database.collection::<bson::Document>(of.name).list_index_names().await;
        let names: HashSet<String> =
            names.map_err(|error| fault(of.name, &error))?.into_iter().collect();
        for index in of.indexes {
            if wanted_only(index) && names.contains(index.name) {
                // The server adds versions to these and may not know its own again.
                continue;
            }
            match build(database, of, index).await? {
                Built::Fine if names.contains(index.name) => {}
                Built::Fine => done.push(format!("created index {} of {}", index.name, of.name)),
                Built::LeftOut(line) => done.push(line),
                Built::Conflict(line) => conflicts.push(line),
            }
        }
    }
    if conflicts.is_empty() {
        return Ok(done);
    }
    // All of them at once: whoever has to mend them wants to do it once.
    Err(PortError::refused("index_conflict", conflicts.join("; ")))
}

async fn create(
    database: &Database,
    of: &Collection,
    done: &mut Vec<String>,
) -> Result<(), PortError> {
    match database.create_collection(of.name).await {
        Ok(()) => done.push(format!("created collection {}", of.name)),
        Err(error) if code(&error) == Some(NAMESPACE_EXISTS) => {}
        Err(error) => return Err(fault(of.name, &error)),
    }
    Ok(())
}

/// How building an index went.
enum Built {
    Fine,
    LeftOut(String),
    Conflict(String),
}

async fn build(database: &Database, of: &Collection, index: &Index) -> Result<Built, PortError> {
    let documents = database.collection::<bson::Document>(of.name);
    match documents.create_index(model(index)).await {
        Ok(_) => Ok(Built::Fine),
        Err(error) => refused(of, index, &error),
    }
}

/// What an index that could not be built means.
fn refused(of: &Collection, index: &Index, error: &Error) -> Result<Built, PortError> {
    let name = format!("index {} of {}", index.name, of.name);
    if code(error).is_some_and(|code| OTHER_INDEX.contains(&code)) {
        return Ok(Built::Conflict(format!(
            "{name} exists with another name or other options: drop it, and migrate again"
        )));
    }
    match fault(of.name, error) {
        // 67 and 115 from servers that do not have such indexes; 16755 for places that are none.
        PortError::Refused { message, .. } if wanted_only(index) => {
            tracing::warn!(index = index.name, collection = of.name, "an index is left out");
            Ok(Built::LeftOut(format!("left out {name}: {message}")))
        }
        PortError::Refused { message, .. } => {
            let message = format!("{name} cannot be built: {message}");
            Err(PortError::refused("index_refused", message))
        }
        PortError::Conflict(_) => {
            Err(PortError::Conflict(format!("{name} cannot be unique: two documents share a key")))
        }
        other => Err(other),
    }
}

/// Whether the product works without it.
fn wanted_only(index: &Index) -> bool {
    matches!(index.option, IndexOption::Text(_) | IndexOption::Sphere)
}

fn model(index: &Index) -> IndexModel {
    // What is not declared is not mentioned, as in an index that was created by hand.
    let options = IndexOptions::builder()
        .name(index.name.to_owned())
        .unique(index.unique.then_some(true))
        .partial_filter_expression(words::partial(index))
        .sparse((index.option == IndexOption::Sparse).then_some(true))
        .expire_after((index.option == IndexOption::Expires).then_some(Duration::ZERO))
        .default_language(match index.option {
            IndexOption::Text(language) => Some(language.to_owned()),
            _ => None,
        })
        .build();
    IndexModel::builder().keys(words::keys(index)).options(options).build()
}
