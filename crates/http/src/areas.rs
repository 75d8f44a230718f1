//! Which part of the product each route belongs to, said in the description: taken from the types of the handler's own
//! parameters, so it cannot differ from what is asked. [`routes`] is used like the macro of `utoipa-axum` of that name.
//! Not here: asking (`extract::caller`), and who may enter what (`mv_core::access`).

use std::any::TypeId;

use mv_core::Scope;
use mv_core::access::Area;
use serde_json::Value;
use utoipa::openapi::SecurityRequirement;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem, Paths};

use crate::extract::caller::area;

/// The member of an operation that names its part: `anonymous`, `any`, `account`, `admin`, `upload`, or `scope:` with the
/// scopes that a key needs, a comma between them.
pub const EXTENSION: &str = "x-area";

/// Handlers of one path as routes, each described with the part that it belongs to.
macro_rules! routes {
    ($($handler:path),+ $(,)?) => {{
        let (schemas, _, methods) = ::utoipa_axum::routes!($($handler),+);
        let paths = [$($crate::areas::described(::utoipa_axum::routes!($handler).1, $handler)),+];
        (schemas, $crate::areas::joined(paths), methods)
    }};
}
pub(crate) use routes;

/// A handler, seen by the types of its parameters.
pub trait Handles<Parameters> {
    /// The part that it belongs to; `None` where it asks for no credentials.
    fn area() -> Option<Area>;
}

macro_rules! handles {
    ($($parameter:ident)*) => {
        impl<F, R, $($parameter: 'static),*> Handles<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> R,
        {
            fn area() -> Option<Area> {
                let parameters: &[TypeId] = &[$(TypeId::of::<$parameter>()),*];
                parameters.iter().copied().find_map(area::of_parameter)
            }
        }
    };
}

handles!(A);
handles!(A B);
handles!(A B C);
handles!(A B C D);
handles!(A B C D E);
handles!(A B C D E G);
handles!(A B C D E G H);
handles!(A B C D E G H I);
handles!(A B C D E G H I J);

/// Paths of one handler, described with the part that it belongs to and the scopes that a key needs for it.
pub fn described<P, H: Handles<P>>(mut paths: Paths, _: H) -> Paths {
    for operation in paths.paths.values_mut().flat_map(operations) {
        describe(operation, H::area());
    }
    paths
}

/// The paths of several handlers together.
pub fn joined<const N: usize>(each: [Paths; N]) -> Paths {
    let mut all = Paths::new();
    for (path, item) in each.into_iter().flat_map(|paths| paths.paths) {
        match all.paths.get_mut(&path) {
            Some(known) => known.merge_operations(item),
            None => drop(all.paths.insert(path, item)),
        }
    }
    all
}

/// The operations of a path.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, patch, delete, head, options, .. } = item;
    [get, put, post, patch, delete, head, options].into_iter().flatten()
}

fn describe(operation: &mut Operation, area: Option<Area>) {
    let extension = ExtensionsBuilder::new().add(EXTENSION, Value::String(area.map_or_else(anonymous, name))).build();
    match &mut operation.extensions {
        Some(known) => known.merge(extension),
        none => *none = Some(extension),
    }
    let declared = operation.security.take();
    operation.security = Some(match area {
        // Nothing is asked, or what is asked is not a caller; the handler's own words say what.
        None => declared.unwrap_or_else(|| vec![SecurityRequirement::default()]),
        Some(area) => ways_in(area).into_iter().chain(declared.unwrap_or_default()).collect(),
    });
}

fn anonymous() -> String {
    "anonymous".to_owned()
}

fn name(area: Area) -> String {
    match area {
        Area::Scoped(scopes) => {
            format!("scope:{}", scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(","))
        }
        Area::Upload => "upload".to_owned(),
        Area::Account => "account".to_owned(),
        Area::Any => "any".to_owned(),
        Area::Admin => "admin".to_owned(),
    }
}

/// How credentials may be sent for a part, and the scopes that a key needs there. Where no key gets in, there is no
/// way by key.
fn ways_in(area: Area) -> Vec<SecurityRequirement> {
    let way = |scheme: &str, scopes: &[Scope]| SecurityRequirement::new(scheme, scopes.iter().map(|it| it.as_str()));
    let scopes: &[Scope] = match area {
        Area::Account | Area::Admin => return vec![way("bearer", &[])],
        Area::Scoped(scopes) => scopes,
        Area::Upload => &[Scope::MediaWrite],
        Area::Any => &[],
    };
    vec![way("bearer", scopes), way("apiKey", scopes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_operation_says_who_may() {
        let description = serde_json::to_value(crate::router::description()).unwrap();
        let mut known = 0;
        for (path, item) in description["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(_, it)| it.is_object()) {
                let named =
                    operation[EXTENSION].as_str().unwrap_or_else(|| panic!("{method} {path} has no {EXTENSION}"));
                let open = operation["security"].as_array().unwrap().contains(&json!({}));
                assert_eq!(named == "anonymous", open, "{method} {path}: {named}, {}", operation["security"]);
                known += 1;
            }
        }
        assert!(known > 20, "{known}");
        let of = |pointer: &str| description.pointer(pointer).unwrap().clone();
        assert_eq!(of("/paths/~1media/get/x-area"), "scope:media:read");
        assert_eq!(of("/paths/~1media~1{id}/get/x-area"), "scope:media:read");
        assert_eq!(of("/paths/~1media~1{id}/patch/x-area"), "scope:media:write", "two methods of one path");
        assert_eq!(of("/paths/~1media~1upload/post/x-area"), "upload");
        assert_eq!(of("/paths/~1auth~1login/post/x-area"), "anonymous");
        assert_eq!(of("/paths/~1auth~1logout/post/x-area"), "account");
        assert_eq!(of("/paths/~1auth~1logout/post/security"), json!([{ "bearer": [] }]), "never by a key");
        let both = "/paths/~1collections~1{id}~1archive/get";
        assert_eq!(of(&format!("{both}/x-area")), "scope:media:read,collections:read");
        let needed = ["media:read", "collections:read"];
        assert_eq!(of(&format!("{both}/security")), json!([{ "bearer": needed }, { "apiKey": needed }]));
        assert_eq!(
            of("/paths/~1media~1{id}~1content/get/security"),
            json!([{ "bearer": ["media:read"] }, { "apiKey": ["media:read"] }, { "signature": [] }])
        );
    }
}
