//! Every query that the product makes is a walk along the index that it names.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bson::{Bson, DateTime, Document};
use iven_worker::adapters::{
    documents::{Change, Collection, Documents, Guard, Mark, Query, Taken},
    mongo::{self, Mongo},
    records::collections,
};
use jobs::ports::PortError;
use serde_json::{Value, json};

use crate::{
    house::{Ground, House, fixture},
    servers::mongodb_url,
};

/// MongoDB, which is asked for the plan of each query before it is made.
struct Explained {
    store: Mongo,
    walked: Mutex<BTreeSet<String>>,
}

impl Explained {
    async fn explain(&self, of: &'static Collection, query: &Query) {
        let plan = self.store.plan(of, query).await.unwrap();
        let stages = plan.get_document("winningPlan").unwrap().to_string();
        let index = format!("\"indexName\": \"{}\"", query.index);
        assert!(stages.contains(&index) && !stages.contains("COLLSCAN"), "{query:?}: {stages}");
        self.walked.lock().unwrap().insert(format!("{}.{}", of.name, query.index));
    }
}

#[async_trait]
impl Documents for Explained {
    async fn insert(&self, of: &'static Collection, document: Document) -> Result<(), PortError> {
        self.store.insert(of, document).await
    }

    async fn get(&self, of: &'static Collection, id: &Bson) -> Result<Option<Document>, PortError> {
        self.store.get(of, id).await
    }

    async fn get_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
    ) -> Result<Vec<Document>, PortError> {
        self.store.get_many(of, ids).await
    }

    async fn patch(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
        change: Change,
    ) -> Result<Option<Document>, PortError> {
        self.store.patch(of, id, guard, change).await
    }

    async fn patch_many(
        &self,
        of: &'static Collection,
        ids: &[Bson],
        guard: Guard,
        change: Change,
    ) -> Result<u64, PortError> {
        self.store.patch_many(of, ids, guard, change).await
    }

    async fn take(
        &self,
        of: &'static Collection,
        query: Query,
        guard: Guard,
        change: Change,
        mark: Mark,
    ) -> Result<Taken, PortError> {
        self.explain(of, &query).await;
        self.store.take(of, query, guard, change, mark).await
    }

    async fn find(
        &self,
        of: &'static Collection,
        query: Query,
    ) -> Result<Vec<Document>, PortError> {
        self.explain(of, &query).await;
        self.store.find(of, query).await
    }

    async fn count(&self, of: &'static Collection, query: Query) -> Result<u64, PortError> {
        self.explain(of, &query).await;
        self.store.count(of, query).await
    }

    async fn delete(
        &self,
        of: &'static Collection,
        id: &Bson,
        guard: Guard,
    ) -> Result<bool, PortError> {
        self.store.delete(of, id, guard).await
    }

    async fn expire(&self, of: &'static Collection, now: DateTime) -> Result<u64, PortError> {
        self.store.expire(of, now).await
    }

    async fn migrate(&self) -> Result<Vec<String>, PortError> {
        self.store.migrate().await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.store.ping().await
    }
}

#[tokio::test]
async fn every_query_walks_along_its_index() {
    let store = mongo::connect(&mongodb_url(), collections::ALL).await.unwrap();
    let store = Arc::new(Explained { store, walked: Mutex::default() });
    let ground = Ground::over(tempfile::tempdir().unwrap(), store.clone()).await;
    let objects = ground.objects.clone();
    let house = House::with(Arc::new(ground), store.clone(), objects, "");

    let media = house.media("a.jpg", &fixture("images/gps_iphone.jpg")).await;
    house.drain().await;
    house.recover().await;
    house.parts.scheduler().define().await.unwrap();
    house.parts.scheduler().round().await.unwrap();
    house.parts.arrivals.take_in(9).await.unwrap();
    let about = format!("ref=event_media:{media}");
    let filters = ["state=dead", "kind=sweep", "queue=scan", "error=timeout", &about, "state=new"];
    for filter in filters {
        let (status, page) = house.ask("GET", &format!("/v1/jobs?{filter}"), Value::Null).await;
        assert!(status.is_success(), "{page}");
    }
    let job = json!({ "kind": "sweep", "args": {}, "uniqueKey": "one", "limitKey": "a" });
    for _ in 0..2 {
        house.ask("POST", "/v1/jobs", job.clone()).await;
    }
    house.drain().await;
    for path in ["/v1/queues", "/v1/workers", "/v1/schedules", "/v1/media?eventId=1"] {
        let (status, answer) = house.ask("GET", path, Value::Null).await;
        assert!(status.is_success(), "{answer}");
    }

    let wish = json!({ "recipeOlderThan": 1 });
    let (status, answer) = house.ask("POST", "/v1/media/reprocess", wish).await;
    assert!(status.is_success(), "{answer}");

    let walked = store.walked.lock().unwrap().clone();
    let of_jobs = ["claim", "scheduled", "leases", "arrivals", "ref", "state_queue", "state_kind"];
    for index in of_jobs {
        assert!(walked.contains(&format!("jobs.{index}")), "{index} is not among {walked:#?}");
    }
    assert!(walked.contains("event_media.thumbnail_recipe"), "{walked:#?}");
    assert!(walked.len() >= 15, "{walked:#?}");
    store.store.database().drop().await.unwrap();
}
