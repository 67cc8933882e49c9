//! `openapi.json` says of every route what the router does.

use iven_worker::api::ROUTES;
use serde_json::Value;

#[test]
fn the_description_has_every_route_and_no_other() {
    let text = include_str!("../../../src/api/openapi.json");
    let description: Value = serde_json::from_str(text).unwrap();

    let mut described: Vec<String> = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().filter(|name| *name != "parameters");
        described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let mut routed: Vec<String> =
        ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    described.sort();
    routed.sort();
    assert_eq!(described, routed);
}
