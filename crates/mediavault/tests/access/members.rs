//! What a body may not choose (reliability section 4, row 3): members that the server decides are unknown in every route
//! but the few that name them on purpose; each is refused by its name and nothing is changed.

use mv_testkit::{Actor, on_both};
use serde_json::{Value, json};

use crate::matrix;
use crate::world::{World, fill, path_of};

const FORBIDDEN: [&str; 9] =
    ["role", "quota_bytes", "user_id", "owner_id", "id", "checksum", "disabled", "created_at", "version"];

/// The members that a schema knows.
fn known(description: &Value, schema: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = description.pointer(reference.trim_start_matches('#')).unwrap();
        return known(description, target);
    }
    let mut names: Vec<String> =
        schema["properties"].as_object().into_iter().flat_map(|members| members.keys().cloned()).collect();
    for kind in ["oneOf", "anyOf", "allOf"] {
        for part in schema[kind].as_array().into_iter().flatten() {
            names.extend(known(description, part));
        }
    }
    names
}

on_both!(nothing_is_chosen_that_the_server_decides, |server| async move {
    let world = World::new(server).await;
    let owner = world.person().await;
    let description = matrix::description();
    let (rows, mut asked) = (matrix::read(), 0);
    for (route, operation) in matrix::operations(&description) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let row = rows.get(&route).unwrap_or_else(|| panic!("{route} has no row"));
        let (method, template) = route.split_once(' ').unwrap();
        let by: Actor = match row.area.as_str() {
            "anonymous" => world.server.anonymous(),
            "admin" => world.root.clone(),
            _ => owner.clone(),
        };
        let body = row.body.as_deref().unwrap_or("{}");
        let path = path_of(template);
        let things = world.things(&[&path, body], &owner).await;
        let good: Value = serde_json::from_str(&fill(body, &things)).unwrap();
        let known = known(&description, schema);
        let before = world.state().await;
        for member in FORBIDDEN.iter().filter(|member| !known.iter().any(|name| name == *member)) {
            let mut bad = good.clone();
            bad[*member] = match *member {
                "role" => json!("admin"),
                "quota_bytes" | "version" => json!(1),
                "disabled" => json!(false),
                _ => json!("x"),
            };
            let request = by.request(method.parse().unwrap(), &fill(&path, &things)).json(&bad);
            let answer = by.send(request).await;
            let fields = answer.error(400, "validation_error");
            assert!(fields.iter().any(|field| field == member), "{route} with {member}: {fields:?}");
            asked += 1;
        }
        assert_eq!(world.state().await, before, "{route}");
    }
    assert!(asked > 50, "{asked}");
});
