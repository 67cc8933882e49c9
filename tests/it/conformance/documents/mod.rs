//! The document port on its engines.

mod agree;
mod edits;
mod embedded;
mod finds;
mod guards;
mod mongo;
mod writes;

use std::sync::Arc;

use bson::Document;
use iven_worker::adapters::documents::{
    Collection, Documents, Index, IndexOption, Only, Order, Query,
};
use iven_worker::adapters::embedded::{self as engine, Embedded};
use iven_worker::adapters::mongo::{self as mongo_engine, Mongo};

use crate::servers::mongodb_url;

/// What a case is given: a migrated store that is empty.
pub type Store = Arc<dyn Documents>;

const fn index(name: &'static str, keys: &'static [(&'static str, Order)]) -> Index {
    Index { name, keys, unique: false, only: &[], option: IndexOption::Plain }
}

/// A collection with every kind of index that a repository may declare.
pub static THINGS: Collection = Collection {
    name: "things",
    indexes: &[
        index("by_n", &[("n", Order::Asc)]),
        index("by_kind_n", &[("kind", Order::Asc), ("n", Order::Desc)]),
        index("by_kind_m_n", &[("kind", Order::Asc), ("m", Order::Desc), ("n", Order::Asc)]),
        index("by_tag_n", &[("tags", Order::Asc), ("n", Order::Asc)]),
        index("by_part", &[("parts.no", Order::Asc), ("parts.size", Order::Asc)]),
        index("by_first_part", &[("parts.0.no", Order::Asc)]),
        Index {
            only: &[("state", Only::Is("ready")), ("n", Only::Exists)],
            ..index("ready_by_n", &[("n", Order::Asc)])
        },
        Index {
            unique: true,
            only: &[("name", Only::Exists)],
            ..index("one_name", &[("name", Order::Asc)])
        },
        Index {
            option: IndexOption::Sparse,
            ..index("with_mark", &[("mark", Order::Asc), ("mark2", Order::Asc)])
        },
        Index { option: IndexOption::Expires, ..index("expiry", &[("expireAt", Order::Asc)]) },
        Index {
            option: IndexOption::Text("english"),
            ..index("words", &[("title", Order::Asc), ("text", Order::Asc)])
        },
        Index { option: IndexOption::Sphere, ..index("place", &[("place", Order::Asc)]) },
    ],
};

/// A second collection, which must not mix with the first.
pub static OTHERS: Collection =
    Collection { name: "others", indexes: &[index("by_n", &[("n", Order::Asc)])] };

/// All collections of these tests.
pub static ALL: &[Collection] = &[
    Collection { name: THINGS.name, indexes: THINGS.indexes },
    Collection { name: OTHERS.name, indexes: OTHERS.indexes },
];

/// Runs each case on each engine.
macro_rules! on_every_engine {
    ($($case:ident),* $(,)?) => {
        mod on_embedded {
            $(
                #[tokio::test]
                async fn $case() {
                    let home = crate::conformance::documents::EmbeddedHome::new().await;
                    super::$case(home.store.clone()).await;
                }
            )*
        }

        mod on_mongo {
            $(
                #[tokio::test]
                async fn $case() {
                    let home = crate::conformance::documents::MongoHome::new().await;
                    super::$case(home.store.clone()).await;
                    home.finish().await;
                }
            )*
        }
    };
}
use on_every_engine;

/// An embedded store in a folder that goes with it.
pub struct EmbeddedHome {
    /// The store.
    pub store: Arc<Embedded>,
    /// Its data folder.
    pub folder: tempfile::TempDir,
}

impl EmbeddedHome {
    /// Empty and migrated.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = engine::open(folder.path(), ALL).unwrap();
        store.migrate().await.unwrap();
        Self { store: Arc::new(store), folder }
    }
}

/// A database of its own on the server of the run.
pub struct MongoHome {
    /// The store.
    pub store: Arc<Mongo>,
}

impl MongoHome {
    /// Empty and migrated.
    pub async fn new() -> Self {
        let store = mongo_engine::connect(&mongodb_url(), ALL).await.unwrap();
        store.migrate().await.unwrap();
        Self { store: Arc::new(store) }
    }

    /// Leaves nothing behind; a case that fails leaves its database to look at.
    pub async fn finish(self) {
        self.store.database().drop().await.unwrap();
    }
}

/// The `_id`s that a query finds, in its order.
pub async fn ids(store: &Store, query: Query) -> Vec<String> {
    let found = store.find(&THINGS, query).await.unwrap();
    found.iter().map(|document| document.get_str("_id").unwrap().to_owned()).collect()
}

/// Inserts all of these.
pub async fn insert_all(store: &Store, documents: impl IntoIterator<Item = Document>) {
    for document in documents {
        store.insert(&THINGS, document).await.unwrap();
    }
}
