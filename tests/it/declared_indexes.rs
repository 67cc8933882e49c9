//! The declared collections are the seed's: each `createIndex` of its text is found, unchanged.

use bson::{Document, doc};
use iven_worker::adapters::{
    documents::{Collection, Index, IndexOption, Order},
    records::collections::ALL,
};

const SEED: &str = include_str!("../../fixtures/mongodb-schema.fr.md");

/// Every `db.<collection>.createIndex(keys, options)` of the seed.
fn seed_indexes() -> Vec<(String, Document, Document)> {
    let calls = SEED.split("\ndb.").skip(1);
    let call = |text: &str| {
        let (collection, rest) = text.split_once(".createIndex(").expect("a call");
        let arguments = rest.split_once("})").expect("a call that ends").0;
        let both = json5::from_str::<[Document; 2]>(&format!("[{arguments}}}]"));
        let [keys, mut options] = both.unwrap_or_else(|error| panic!("{error}: {arguments}"));
        // How it is built, not what it is; MongoDB has ignored it since 4.2.
        options.remove("background");
        (collection.to_owned(), keys, options)
    };
    calls.map(call).collect()
}

/// A declared index in MongoDB's words.
fn in_mongodb_s_words(index: &Index) -> (Document, Document) {
    let key = |(path, order): &(&str, Order)| match (index.option, order) {
        (IndexOption::Text(_), _) => doc! { *path: "text" },
        (IndexOption::Sphere, _) => doc! { *path: "2dsphere" },
        (_, Order::Asc) => doc! { *path: 1_i64 },
        (_, Order::Desc) => doc! { *path: -1_i64 },
    };
    let keys = index.keys.iter().flat_map(key).collect();
    let mut options = doc! { "name": index.name };
    match index.option {
        IndexOption::Plain => {}
        IndexOption::Sparse | IndexOption::Sphere => _ = options.insert("sparse", true),
        IndexOption::Expires => _ = options.insert("expireAfterSeconds", 0_i64),
        IndexOption::Text(language) => _ = options.insert("default_language", language),
    }
    if index.unique {
        options.insert("unique", true);
    }
    if !index.only.is_empty() {
        options.insert("partialFilterExpression", format!("{:?}", index.only));
    }
    (keys, options)
}

/// Options have no order.
fn sorted(options: Document) -> Document {
    let mut options: Vec<_> = options.into_iter().collect();
    options.sort_by(|(left, _), (right, _)| left.cmp(right));
    options.into_iter().collect()
}

fn declared(name: &str) -> &'static Collection {
    ALL.iter().find(|of| of.name == name).unwrap_or_else(|| panic!("{name} is not declared"))
}

#[test]
fn every_index_of_the_seed_is_declared_as_the_seed_says() {
    let seed = seed_indexes();

    assert_eq!(seed.len(), 18);
    for (collection, keys, options) in seed {
        let name = options.get_str("name").unwrap().to_owned();
        let index = declared(&collection).indexes.iter().find(|index| index.name == name);
        let index = index.unwrap_or_else(|| panic!("{collection}.{name} is not declared"));

        let (our_keys, our_options) = in_mongodb_s_words(index);

        // Compared as lists, because the order of the keys is part of an index.
        let (keys, our_keys): (Vec<_>, Vec<_>) =
            (keys.into_iter().collect(), our_keys.into_iter().collect());
        assert_eq!(our_keys, keys, "keys of {collection}.{name}");
        assert_eq!(sorted(our_options), sorted(options), "options of {collection}.{name}");
    }
}

#[test]
fn every_collection_of_the_seed_is_declared() {
    let numbered = |line: &&str| {
        line.strip_prefix("### ").is_some_and(|title| title.starts_with(char::is_numeric))
    };
    let titles = SEED.lines().filter(numbered);
    let collections: Vec<_> = titles.filter_map(|line| line.split("**").nth(1)).collect();

    assert_eq!(collections.len(), 6, "{collections:?}");
    for name in collections {
        declared(name);
    }
}

#[test]
fn names_are_unique_and_what_expires_has_one_key() {
    let mut names = Vec::new();
    for of in ALL {
        names.push(of.name.to_owned());
        names.extend(of.indexes.iter().map(|index| format!("{}.{}", of.name, index.name)));

        for index in of.indexes {
            assert!(!index.keys.is_empty(), "{}.{}", of.name, index.name);
            // MongoDB's rule, which only the server would tell otherwise.
            let expires = index.option == IndexOption::Expires;
            assert!(!expires || index.keys.len() == 1, "{}.{}", of.name, index.name);
            // MongoDB refuses an index that is both.
            let sparse = matches!(index.option, IndexOption::Sparse | IndexOption::Sphere);
            assert!(!sparse || index.only.is_empty(), "{}.{}", of.name, index.name);
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
