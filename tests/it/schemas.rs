//! What other programs compile against is what the jobs' own types say.

use jobs::schemas;

const SCHEMA: &str = include_str!("../../jobs/types/job.schema.json");
const TYPESCRIPT: &str = include_str!("../../jobs/types/job.d.ts");

#[test]
fn the_json_schema_of_jobs_is_true() {
    let shipped: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();

    assert_eq!(
        shipped,
        schemas::json_schema(),
        "`iven-worker types json > jobs/types/job.schema.json` makes it anew"
    );
}

#[test]
fn the_typescript_declarations_of_jobs_are_true() {
    assert_eq!(
        TYPESCRIPT,
        schemas::typescript(),
        "`iven-worker types typescript > jobs/types/job.d.ts` makes them anew"
    );
}
