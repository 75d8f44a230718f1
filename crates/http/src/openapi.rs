//! The description of the API (OpenAPI 3.1), made from the code that serves: paths from the routes, models from the
//! types. Here are only the parts that belong to no route.

use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use crate::areas;
use crate::error::ErrorEnvelope;
use crate::wire::event::{
    EventCollection, EventCollectionMedia, EventMedia, EventMediaDeleted, EventMediaFailed, EventUser, EventWebhook,
    WebhookBody, webhooks,
};

/// Title, servers, security; the routes add themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Media Vault",
        description = "A self-hosted home for photos, videos and files. Every answer is in an envelope: `success`, `data` or `error`, and `meta`.",
        license(name = "MIT OR Apache-2.0")
    ),
    servers((url = "/api/v1", description = "This server"), (url = "/v1", description = "The same routes")),
    components(schemas(
        ErrorEnvelope, WebhookBody<EventMedia>, WebhookBody<EventMediaDeleted>, WebhookBody<EventMediaFailed>, WebhookBody<EventCollection>,
        WebhookBody<EventCollectionMedia>, WebhookBody<EventUser>, WebhookBody<EventWebhook>
    )),
    security(("bearer" = [])),
    modifiers(&Common)
)]
pub struct ApiDescription;

struct Common;

impl Modify for Common {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        openapi.webhooks = Some(webhooks());
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let bearer = bearer.description(Some(
            "The access token that login gives, an API key (`mvk_`), or for uploads an upload token (`mvu_`). The scopes are \
             those that a key needs.",
        ));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let key = ApiKeyValue::with_description("X-API-Key", "An API key (`mvk_`), instead of `Authorization`.");
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let cookie = ApiKeyValue::with_description(
            "__Host-mediavault_refresh",
            "The refresh token as a login with `mode=cookie` sets it, for pages that this server serves. Over plain HTTP on loopback it is called `mediavault_refresh`.",
        );
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let signature = ApiKeyValue::with_description("sig", "The signature of a link, as `urls.content` holds it.");
        let ticket = ApiKeyValue::with_description("ticket", "A ticket of `POST /events/ticket`; works once.");
        components.add_security_scheme("ticket", SecurityScheme::ApiKey(ApiKey::Query(ticket)));
        components.add_security_scheme("signature", SecurityScheme::ApiKey(ApiKey::Query(signature)));
    }
}

/// Every operation may answer with an error in the envelope.
pub fn with_errors(mut openapi: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorEnvelope"))).build();
    let error = ResponseBuilder::new()
        .description("An error: `error.code` says which, `error.details` names each field at fault.")
        .content("application/json", content)
        .build();
    for item in openapi.paths.paths.values_mut() {
        for operation in areas::operations(item) {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(error.clone()));
        }
    }
    openapi
}
