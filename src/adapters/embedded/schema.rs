//! The data file: how it is opened, what is in it, how it becomes what the program declares.

use std::path::Path;

use jobs::ports::PortError;
use rusqlite::{Connection, params};

use super::index::is_built;
use super::store::{Store, fault};
use crate::adapters::documents::{Collection, Index};

/// The format of tables and keys. A file of another format is refused, never guessed at.
const FORMAT: i32 = 1;
/// "iven" in ASCII: tells our files from other SQLite files.
const APPLICATION: i32 = 0x6976_656e;
/// Tables are found by number and by `_id`; an index by its key and then by number.
const INDEXES: &str = "CREATE TABLE \"indexes of collections\" \
    (name TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID";
/// So many statements stay prepared: about five for each of some fifty tables.
const STATEMENTS: usize = 256;

/// The SQL name of a collection's table.
pub(super) fn table(of: &Collection) -> String {
    format!("\"{}\"", of.name)
}

/// The SQL name of an index's table.
pub(super) fn index_table(of: &Collection, index: &Index) -> String {
    format!("\"{}\"", index_name(of, index))
}

fn index_name(of: &Collection, index: &Index) -> String {
    format!("{}/{}", of.name, index.name)
}

/// A connection with our settings; `readable` ones are refused every write.
pub(super) fn connect(file: &Path, readable: bool) -> Result<Connection, PortError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(file)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Nobody else has the file, so a lock is ever only our own checkpoint's.
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        // FULL: what was answered survives a power cut. No mmap: with it a disk error is a signal
        // that ends the process, without it an error that can be said. The cache is in KiB: after
        // most commits SQLite looks through all of it (`pcache1TruncateUnsafe`), and the system
        // has the pages, too.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -8192; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 2000;
             PRAGMA journal_size_limit = 67108864;",
        )?;
        connection.pragma_update(None, "query_only", readable)?;
        Ok(connection)
    };
    open().map_err(|error| {
        PortError::Unavailable(format!("{} cannot be opened: {error}", file.display()))
    })
}

/// Makes a new file ours, and refuses one that is not of our format.
pub(super) fn begin(
    connection: &Connection,
    file: &Path,
    collections: &[Collection],
) -> Result<(), PortError> {
    let read = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (format, application) =
        (read("user_version").map_err(fault)?, read("application_id").map_err(fault)?);
    let tables = "SELECT count(*) FROM sqlite_schema";
    let empty = connection.query_row(tables, [], |row| row.get::<_, i64>(0)).map_err(fault)? == 0;
    if empty && format == 0 && application == 0 {
        let create = format!(
            "BEGIN; {INDEXES}; PRAGMA application_id = {APPLICATION}; \
             PRAGMA user_version = {FORMAT}; COMMIT"
        );
        connection.execute_batch(&create).map_err(fault)?;
    } else if application != APPLICATION || format != FORMAT {
        let message = format!(
            "{} has format {format} of {application:#x}, this program reads only format {FORMAT} \
             of {APPLICATION:#x}",
            file.display()
        );
        return Err(PortError::refused("unknown_format", message));
    }
    forget_stale(connection, collections).map_err(fault)
}

/// Drops the indexes that this program does not declare or declares otherwise. It will not keep
/// them up to date, so nobody may find them later and trust them.
fn forget_stale(connection: &Connection, collections: &[Collection]) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare("SELECT name, definition FROM \"indexes of collections\"")?;
    let known = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let declared: Vec<(String, String)> =
        all(collections).map(|(of, index)| (index_name(of, index), definition(index))).collect();
    for (name, _) in known.iter().filter(|index| !declared.contains(index)) {
        let quoted = name.replace('"', "\"\"");
        connection.execute_batch(&format!("BEGIN; DROP TABLE IF EXISTS \"{quoted}\""))?;
        connection.execute("DELETE FROM \"indexes of collections\" WHERE name = ?", [name])?;
        connection.execute_batch("COMMIT")?;
    }
    Ok(())
}

/// Creates what is declared and not there; a line for each thing done.
pub(super) fn migrate(
    store: &Store<'_>,
    collections: &[Collection],
) -> Result<Vec<String>, PortError> {
    let mut done = Vec::new();
    for of in collections {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?";
        if store.one(sql, [of.name], |_| Ok(()))?.is_none() {
            let columns = "n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, doc BLOB NOT NULL";
            let create = format!("CREATE TABLE {} ({columns})", table(of));
            store.connection.execute_batch(&create).map_err(fault)?;
            done.push(format!("created collection {}", of.name));
        }
    }
    for (of, index) in all(collections) {
        let name = index_name(of, index);
        let sql = "SELECT 1 FROM \"indexes of collections\" WHERE name = ?";
        if store.one(sql, [&name], |_| Ok(()))?.is_some() {
            continue;
        }
        done.push(build(store, of, index)?);
        let sql = "INSERT INTO \"indexes of collections\" (name, definition) VALUES (?, ?)";
        store.execute(sql, params![name, definition(index)]).map_err(fault)?;
    }
    Ok(done)
}

fn build(store: &Store<'_>, of: &Collection, index: &'static Index) -> Result<String, PortError> {
    if !is_built(index) {
        return Ok(format!("left out index {} of {}: only MongoDB has it", index.name, of.name));
    }
    let primary = if index.unique { "key" } else { "key, doc" };
    let create = format!(
        "CREATE TABLE {} (key BLOB NOT NULL, doc INTEGER NOT NULL, PRIMARY KEY ({primary})) \
         WITHOUT ROWID",
        index_table(of, index)
    );
    store.connection.execute_batch(&create).map_err(fault)?;
    let filled = store.fill(of, index)?;
    let with = if filled == 0 { String::new() } else { format!(" over {filled} documents") };
    Ok(format!("created index {} of {}{with}", index.name, of.name))
}

fn all(collections: &[Collection]) -> impl Iterator<Item = (&Collection, &'static Index)> {
    collections.iter().flat_map(|of| of.indexes.iter().map(move |index| (of, index)))
}

/// What decides which keys an index holds.
fn definition(index: &Index) -> String {
    let Index { keys, unique, only, option, .. } = index;
    format!("{keys:?} unique={unique} only={only:?} {option:?}")
}
