//! How the server would walk: shown by a test of every query that the product makes.

use bson::{Document, doc};
use jobs::ports::PortError;

use super::{Mongo, answer, words};
use crate::adapters::documents::{Collection, Query};

impl Mongo {
    /// The server's plan for this query, as `explain` gives it; nothing is read.
    pub async fn plan(
        &self,
        of: &'static Collection,
        query: &Query,
    ) -> Result<Document, PortError> {
        let index = query.index(of)?;
        let find = doc! {
            "find": of.name,
            "filter": words::walked(index, query),
            "sort": words::sorted(index, query),
            "hint": index.name,
            "limit": i64::from(query.limit),
        };
        let explain = doc! { "explain": find, "verbosity": "queryPlanner" };
        let plan = answer(of.name, self.database.run_command(explain)).await?;
        Ok(plan.get_document("queryPlanner").cloned().unwrap_or_default())
    }
}
