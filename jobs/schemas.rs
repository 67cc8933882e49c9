//! What other programs may write into a job's `args`, said from the jobs' own types.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use ts_rs::{Config, TS};

use crate::job::Job;

macro_rules! described {
    ($($job:ty),+ $(,)?) => {
        /// A JSON Schema (2020-12) of `{kind, args}`, one alternative a kind.
        pub fn json_schema() -> Value {
            let mut generator = SchemaSettings::draft2020_12().into_generator();
            let kinds = vec![$(json!({
                "type": "object",
                "title": <$job as Job>::KIND,
                "required": ["kind", "args"],
                "properties": {
                    "kind": { "const": <$job as Job>::KIND },
                    "args": generator.subschema_for::<$job>(),
                },
            })),+];
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": "A job of iven-worker",
                "oneOf": kinds,
                "$defs": generator.take_definitions(true),
            })
        }

        /// The same as TypeScript declarations.
        pub fn typescript() -> String {
            let config = Config::default();
            let mut types = String::from("// What iven-worker does, and with which arguments.\n");
            $(types += &format!("\nexport {}\n", <$job as TS>::decl(&config));)+
            let kinds = [$(format!(
                "  | {{ kind: \"{}\"; args: {} }}",
                <$job as Job>::KIND,
                <$job as TS>::name(&config),
            )),+];
            types + "\n/** One job, as `POST /v1/jobs` and the collection `jobs` take it. */\n"
                + "export type Job =\n" + &kinds.join("\n") + ";\n"
        }
    };
}

crate::every_job!(described);
