//! What webhooks are told, as the description shows it. The bodies themselves are written by `core::event`, once for every
//! way out; the tests hold them against these shapes.

use mv_core::Timestamp;
use serde::Serialize;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, Paths, PathsBuilder, Ref, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

/// The body of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookBody<D> {
    /// The type.
    #[schema(example = "media.uploaded")]
    event: String,
    /// What it tells of.
    data: D,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

/// An item that something happened to.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventMedia {
    /// The item's id.
    id: String,
    /// `image`, `video`, `audio`, `document` or `other`.
    r#type: String,
    /// Whose it is.
    user_id: String,
}

/// An item that was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventMediaDeleted {
    /// The item's id.
    id: String,
    /// `image`, `video`, `audio`, `document` or `other`.
    r#type: String,
    /// Whose it is.
    user_id: String,
    /// Whether it is gone; else it is in the trash.
    permanent: bool,
}

/// An item whose file could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventMediaFailed {
    /// The item's id.
    id: String,
    /// `image`, `video`, `audio`, `document` or `other`.
    r#type: String,
    /// Whose it is.
    user_id: String,
    /// Why.
    error: EventMediaError,
}

/// Why an item's file could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventMediaError {
    /// As in the item's `processing.error`.
    #[schema(example = "damaged")]
    code: String,
}

/// A collection that something happened to.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventCollection {
    /// The collection's id.
    id: String,
    /// `collection`.
    r#type: String,
    /// Whose it is.
    user_id: String,
}

/// A collection whose items changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventCollectionMedia {
    /// The collection's id.
    id: String,
    /// `collection`.
    r#type: String,
    /// Whose it is.
    user_id: String,
    /// The items that were put in or taken out.
    media_ids: Vec<String>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventUser {
    /// The account's id.
    id: String,
    /// `user`.
    r#type: String,
    /// The same id.
    user_id: String,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventWebhook {
    /// The webhook's id.
    id: String,
    /// `webhook`.
    r#type: String,
    /// Whose it is.
    user_id: String,
    /// Why it was switched off, `gone` or `failing`; not in a test.
    reason: Option<String>,
}

/// A type of event: its name, its model, and what it says.
type Kind = (&'static str, String, &'static str);

/// The model's name, as `utoipa` writes generic ones.
fn model<D: ToSchema>() -> String {
    format!("WebhookBody_{}", D::name())
}

/// Every type that webhooks are told.
fn kinds() -> [Kind; 15] {
    let media = model::<EventMedia>();
    let collection = model::<EventCollection>();
    let contents = model::<EventCollectionMedia>();
    let user = model::<EventUser>();
    let webhook = model::<EventWebhook>();
    [
        ("media.uploaded", media.clone(), "An item was stored."),
        (
            "media.processed",
            media.clone(),
            "An item's file was looked at; what it says and its small pictures are there.",
        ),
        ("media.failed", model::<EventMediaFailed>(), "An item's file could not be read to the end."),
        ("media.updated", media.clone(), "What is known of an item was changed."),
        ("media.deleted", model::<EventMediaDeleted>(), "An item went into the trash, or is gone."),
        ("media.restored", media, "An item came back from the trash."),
        ("user.registered", user.clone(), "An account was made. To webhooks of scope `all` only."),
        ("user.deleted", user, "An account was deleted. To webhooks of scope `all` only."),
        ("collection.created", collection.clone(), "A collection was made."),
        ("collection.updated", collection.clone(), "A collection was changed."),
        ("collection.deleted", collection, "A collection was deleted; its items stay."),
        ("collection.media_added", contents.clone(), "Items were put into a collection."),
        ("collection.media_removed", contents, "Items were taken out of a collection."),
        ("webhook.disabled", webhook.clone(), "The server switched a webhook off."),
        ("webhook.test", webhook, "Nothing happened: somebody tests the webhook."),
    ]
}

/// The section `webhooks` of the description: what a receiver gets, by type.
pub fn webhooks() -> Paths {
    let header = |name: &str, text: &str| {
        let described = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).description(Some(text));
        described.required(Required::True).schema(Some(String::schema())).build()
    };
    let headers = [
        header("webhook-id", "The event's id: the same on every try, so that duplicates can be told."),
        header("webhook-timestamp", "When this try began, in seconds since 1970."),
        header(
            "webhook-signature",
            "Standard Webhooks: `v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`; two while secrets overlap.",
        ),
    ];
    let mut paths = PathsBuilder::new();
    for (name, model, text) in kinds() {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(model))).build();
        let body =
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build();
        let answer = ResponseBuilder::new().description("Any 2xx is success; 410 switches the webhook off.").build();
        let operation = OperationBuilder::new()
            .description(Some(text))
            .parameters(Some(headers.clone()))
            .request_body(Some(body))
            .response("2XX", answer)
            .build();
        paths = paths.path(name, PathItem::new(HttpMethod::Post, operation));
    }
    paths.build()
}

#[cfg(test)]
mod tests {
    use mv_core::event::Happened;

    use super::kinds;

    #[test]
    fn every_type_is_described() {
        let known = kinds();
        let described: Vec<_> = known.iter().map(|(name, ..)| *name).filter(|name| *name != "webhook.test").collect();
        assert_eq!(described, Happened::NAMES);
    }
}
