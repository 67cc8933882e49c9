//! Keeps the indexes of a document up to date.

use jobs::ports::PortError;
use rusqlite::params;
use smallvec::SmallVec;

use super::{
    index::{self, Keys},
    key::Bytes,
    schema,
    statements::{Name, Op},
    store::{Store, fault, taken},
};
use crate::adapters::documents::{Collection, Index, fields::Fields};

/// A key that was put into an index, or taken out of it.
struct Moved {
    index: &'static Index,
    key: Bytes,
    is_added: bool,
}

impl Store<'_> {
    /// Brings these indexes up to date with a document; when one refuses, all are as before.
    pub(super) fn reindex(
        &self,
        of: &Collection,
        number: i64,
        before: Option<&Fields<'_>>,
        after: Option<&Fields<'_>>,
        indexes: &[&'static Index],
    ) -> Result<(), PortError> {
        let mut moved = SmallVec::<[Moved; 8]>::new();
        let done = indexes.iter().filter(|index| index::is_built(index)).try_for_each(|index| {
            let keys = |document: Option<&Fields<'_>>| {
                document.map_or(Ok(Keys::new()), |document| index::keys(index, document))
            };
            let (old, new) = (keys(before)?, keys(after)?);
            if old == new {
                return Ok(());
            }
            let gone = old.iter().filter(|key| new.binary_search(key).is_err());
            let come = new.iter().filter(|key| old.binary_search(key).is_err());
            for (key, is_added) in gone.map(|key| (key, false)).chain(come.map(|key| (key, true))) {
                let one = Moved { index, key: key.clone(), is_added };
                self.move_key(of, number, &one)?;
                moved.push(one);
            }
            Ok(())
        });
        if done.is_err() {
            for one in moved.into_iter().rev() {
                self.move_key(of, number, &Moved { is_added: !one.is_added, ..one })?;
            }
        }
        done
    }

    fn move_key(&self, of: &Collection, number: i64, one: &Moved) -> Result<(), PortError> {
        let index = one.index;
        let table = || schema::index_table(of, index);
        if one.is_added {
            let sql = || format!("INSERT INTO {} (key, doc) VALUES (?, ?)", table());
            let words =
                || format!("another document of {} has the same key in {}", of.name, index.name);
            self.statements.with(Name::on(of, index, Op::AddKey), sql, |add| {
                add.execute(params![one.key.as_slice(), number])
                    .map_err(|error| taken(error, words))
            })?;
        } else {
            let sql = || format!("DELETE FROM {} WHERE key = ? AND doc = ?", table());
            self.statements.with(Name::on(of, index, Op::DropKey), sql, |drop_key| {
                drop_key.execute(params![one.key.as_slice(), number]).map_err(fault)
            })?;
        }
        Ok(())
    }
}
