//! `schedules` on the command line, answered by the service that has the stores.

use super::{
    NOBODY,
    service::{Service, program, run, until},
};

#[tokio::test]
async fn the_sweep_is_listed_and_runs_at_once() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path()).await;
    let say = |words: &[&str]| run(program(data.path(), service.port), words);

    let listed = until("a planned sweep", async || {
        let said = say(&["schedules", "list"]);
        assert_eq!(said.status, Some(0), "{said:?}");
        said.out.contains("next 2").then_some(said)
    })
    .await;
    let as_json = say(&["schedules", "list", "--json"]);
    let ran = say(&["schedules", "run", "sweep"]);
    let unknown = say(&["schedules", "run", "no/such one"]);

    assert!(listed.out.starts_with("sweep "), "{listed:?}");
    assert_eq!(as_json.documents()[0][0]["cron"], "* * * * *", "{as_json:?}");
    assert_eq!(ran.documents()[0]["kind"], "sweep", "{ran:?}");
    assert_eq!(unknown.status, Some(1), "{unknown:?}");
    assert!(unknown.err.contains("there is no schedule no/such one (not_found)"), "{unknown:?}");
    let metrics = String::from_utf8(service.bytes("/metrics").await).unwrap();
    assert!(metrics.contains("schedule_lag_seconds_count{schedule=\"sweep\"}"), "{metrics}");
}

#[tokio::test]
async fn the_key_comes_from_the_settings_or_the_command_line() {
    let data = tempfile::tempdir().unwrap();
    let keys = r#"[
        { name = "reader", key = "a key for reading", scopes = ["read"] },
        { name = "operator", key = "a key of operators", scopes = ["admin"] },
    ]"#;
    let settings = [("IVEN__AUTH__KEYS", keys)];
    let service = Service::start_with(data.path(), &settings).await;
    let say = |words: &[&str]| run(program(data.path(), service.port), words);
    let say_with_settings = |words: &[&str]| {
        let mut program = program(data.path(), service.port);
        program.envs(settings);
        run(program, words)
    };

    let without = say(&["schedules", "list"]);
    let told = say(&["schedules", "list", "--key", "a key of operators"]);
    let known = say_with_settings(&["schedules", "list"]);
    let wrong = say_with_settings(&["schedules", "list", "--key", "a key for reading"]);

    let statuses = [&without, &told, &known, &wrong].map(|said| said.status);
    assert_eq!(statuses, [Some(1), Some(0), Some(0), Some(1)], "{without:?} {told:?} {known:?}");
    assert!(without.err.contains("(unauthorized)"), "{without:?}");
    assert!(wrong.err.contains("(forbidden)"), "{wrong:?}");
}

#[test]
fn without_a_service_it_says_how_to_start_one() {
    let data = tempfile::tempdir().unwrap();

    let said = run(program(data.path(), NOBODY), &["schedules", "list"]);

    assert_eq!((said.status, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.err.contains("no service answers at http://127.0.0.1:1"), "{said:?}");
}
