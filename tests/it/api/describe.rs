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

#[test]
fn the_description_says_which_scope_a_route_asks_for() {
    let text = include_str!("../../../src/api/openapi.json");
    let description: Value = serde_json::from_str(text).unwrap();

    for route in ROUTES {
        let said = &description["paths"][route.path][route.method.to_lowercase()];
        let scope = route.scope.map(|scope| serde_json::to_value(scope).unwrap());
        assert_eq!(said.get("x-scope"), scope.as_ref(), "{route:?}");
        assert_eq!(said.get("security").is_some(), scope.is_some(), "{route:?}");
    }
    let open = ROUTES.iter().filter(|route| route.scope.is_none());
    let free = open.clone().filter(|route| route.path.starts_with("/v1"));
    let free: Vec<_> = free.map(|route| (route.method, route.path)).collect();
    let expected = [
        ("POST", "/v1/receipts/{token}"),
        ("GET", "/v1/unsubscribe/{token}"),
        ("POST", "/v1/unsubscribe/{token}"),
        ("OPTIONS", "/v1/tus"),
    ];
    assert_eq!(free, expected, "every other /v1 call needs a key");
    let readme = include_str!("../../../README.md");
    assert!(open.clone().all(|route| readme.contains(&format!("`{}`", route.path))));
}

/// What may be left out may be null, as the handlers take it; `events` of a token is a list.
#[test]
fn the_description_lets_what_may_be_left_out_be_null() {
    let text = include_str!("../../../src/api/openapi.json");
    let description: Value = serde_json::from_str(text).unwrap();
    let mut strict = Vec::new();

    for route in ROUTES {
        let said = &description["paths"][route.path][route.method.to_lowercase()];
        let schema = &said["requestBody"]["content"]["application/json"]["schema"];
        let named =
            schema["$ref"].as_str().and_then(|to| description.pointer(to.trim_matches('#')));
        let schema = named.unwrap_or(schema);
        let needed = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, said) in schema["properties"].as_object().into_iter().flatten() {
            let null = |list: &Value, null: Value| {
                list.as_array().is_some_and(|list| list.contains(&null))
            };
            let is_free = null(&said["type"], "null".into()) || null(&said["enum"], Value::Null);
            if !needed.contains(&name.as_str().into()) && !is_free {
                strict.push(format!("{} {name}", route.path));
            }
        }
    }

    assert_eq!(strict, ["/v1/tokens events"]);
}
