//! Jobs in the transactions of other services.

use bson::{Document, doc, oid::ObjectId};
use iven_worker::adapters::{mongo, records::collections};
use mongodb::{Database, error::ErrorKind, error::WriteFailure};

use super::service::{Service, until};
use crate::servers::mongodb_url;

/// What the server says when its validator refuses a document.
const REFUSED: i32 = 121;

/// Writes an order and a job in one transaction; the job's id, with the transaction still open.
async fn order(database: &Database, session: &mut mongodb::ClientSession, name: &str) -> ObjectId {
    let id = ObjectId::new();
    let job = doc! { "_id": id, "kind": "sweep", "args": {}, "uniqueKey": name, "state": "new" };
    session.start_transaction().await.unwrap();
    let orders = database.collection("example_orders");
    orders.insert_one(doc! { "_id": name }).session(&mut *session).await.unwrap();
    database.collection("jobs").insert_one(job).session(&mut *session).await.unwrap();
    id
}

#[tokio::test]
async fn a_job_shares_the_fate_of_its_senders_transaction() {
    let (data, url) = (tempfile::tempdir().unwrap(), mongodb_url());
    let service = Service::start_with(data.path(), &[("MONGODB_URL", &url)]).await;
    let store = mongo::connect(&url, collections::ALL).await.unwrap();
    let database = store.database();
    database.create_collection("example_orders").await.unwrap();
    let jobs = database.collection::<Document>("jobs");
    let mut session = database.client().start_session().await.unwrap();

    let rolled_back = order(database, &mut session, "rolled back").await;
    session.abort_transaction().await.unwrap();
    let committed = order(database, &mut session, "committed").await;
    let before = jobs.find_one(doc! { "_id": committed }).await.unwrap();
    session.commit_transaction().await.unwrap();
    let malformed = doc! { "kind": "sweep", "args": 7, "state": "new" };
    let refused = jobs.insert_one(malformed).await.unwrap_err();

    until("the end of the job", async || {
        let job = jobs.find_one(doc! { "_id": committed }).await.unwrap()?;
        (job.get_str("state").unwrap() == "done").then_some(())
    })
    .await;
    assert_eq!(before, None, "nobody sees it before it is there");
    assert_eq!(jobs.find_one(doc! { "_id": rolled_back }).await.unwrap(), None);
    let ErrorKind::Write(WriteFailure::WriteError(refused)) = &*refused.kind else {
        panic!("{refused}")
    };
    assert_eq!(refused.code, REFUSED, "{refused:?}");
    assert_eq!(service.terminate().await.code(), Some(0));
    database.drop().await.unwrap();
}
