//! Webhooks and what was sent to them (contract section 6).

use std::sync::OnceLock;

use axum::extract::State;
use axum::response::Response;
use mv_app::webhooks::manage::{MadeWebhook, NewWebhook, RotatedSecret, WebhookPatch};
use mv_core::webhook::{Delivery, DeliveryStatus, Webhook};
use mv_core::{DeliveryId, Error, Problems, Timestamp, WebhookId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope, NoContent, PageEnvelope};
use crate::error::ApiError;
use crate::extract::body::{Json, nullable};
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::creating::{Creating, CreationKey, IdempotencyParameter, Made};
use crate::extract::page::Paged;
use crate::extract::path::Path;
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::state::AppState;

/// What a webhook is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "url": "https://example.com/hooks/media", "events": ["media.*", "collection.created"] }))]
pub struct CreateWebhook {
    /// Where deliveries go: http or https, a host of the public internet.
    url: String,
    /// Which types of events, 1 to 32: `media.uploaded` and the like, `media.*`, or `*` for all.
    events: Vec<String>,
    /// For people: at most 500 characters.
    description: Option<String>,
    /// `own` (the default), or `all` for everybody's events: administrators only.
    scope: Option<String>,
}

/// What is changed of a webhook; members that are left out stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateWebhook {
    /// Another receiver; what waits goes there.
    url: Option<String>,
    /// Other types of events.
    events: Option<Vec<String>>,
    /// Another text; null is none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// Off: what waits is given up, and nothing more is sent. On: what happens from then on is sent.
    enabled: Option<bool>,
}

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookOut {
    /// Its id.
    #[schema(example = "whk_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Where deliveries go.
    url: String,
    /// Which types of events.
    events: Vec<String>,
    /// For people.
    description: Option<String>,
    /// `own` or `all`.
    scope: &'static str,
    /// Whether deliveries are made.
    enabled: bool,
    /// Why the server switched it off: `gone` (it answered 410) or `failing` (nothing but failures for five days).
    disabled_reason: Option<&'static str>,
    /// Since when it has done nothing but fail.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A new webhook with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedWebhook {
    #[serde(flatten)]
    about: WebhookOut,
    /// What signs its deliveries (Standard Webhooks), shown this once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct RotatedWebhookSecret {
    /// What signs from now on, shown this once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
    /// Until when the one before signs too.
    #[schema(value_type = String, format = DateTime)]
    previous_until: Timestamp,
}

/// A delivery of an event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryOut {
    /// Its id.
    #[schema(example = "dlv_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The event's id, which is the header `webhook-id`: the same on every try and redelivery.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    event_id: String,
    /// The event's type.
    #[schema(example = "media.uploaded")]
    event: String,
    /// `pending`, `succeeded` or `failed`.
    status: &'static str,
    /// Tries so far.
    attempts: u32,
    /// When it is tried next; null where it has ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// When the last try began.
    #[schema(value_type = Option<String>, format = DateTime)]
    attempted_at: Option<Timestamp>,
    /// How long the last try took.
    duration_ms: Option<u64>,
    /// The status of the last try's answer; null where none came.
    response_status: Option<u16>,
    /// The beginning of that answer's body, at most 1 KiB.
    response_body: Option<String>,
    /// Why no answer came: `blocked`, `name_not_found`, `connect_failed`, `tls_failed`, `timed_out`, `connection_lost`,
    /// `bad_answer`; or `webhook_off` where the webhook was switched off meanwhile.
    error: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Webhook> for WebhookOut {
    fn from(it: Webhook) -> Self {
        Self {
            id: it.id.to_string(),
            url: it.url,
            events: it.events.names().to_vec(),
            description: it.description,
            scope: if it.all { "all" } else { "own" },
            enabled: it.enabled,
            disabled_reason: it.disabled_reason.map(|reason| reason.as_str()),
            failing_since: it.failing_since,
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

impl From<Delivery> for DeliveryOut {
    fn from(it: Delivery) -> Self {
        Self {
            id: it.id.to_string(),
            event_id: it.event_id.to_string(),
            event: it.kind,
            status: it.status.as_str(),
            attempts: it.attempts,
            next_attempt_at: it.next_at,
            attempted_at: it.attempted_at,
            duration_ms: it.duration_ms,
            response_status: it.response_status,
            response_body: it.response_part,
            error: it.failure,
            created_at: it.created_at,
        }
    }
}

impl CreateWebhook {
    fn checked(self) -> Result<NewWebhook, Error> {
        let all = match self.scope.as_deref() {
            None | Some("own") => false,
            Some("all") => true,
            Some(_) => return Err(Error::invalid("scope", "Must be own or all")),
        };
        Ok(NewWebhook { url: self.url, events: self.events, description: self.description, all })
    }
}

/// Make a webhook: a POST for each event that its owner's things see, from now on. Deliveries are signed as Standard
/// Webhooks says, tried for three days, and come at least once.
#[utoipa::path(post, path = "/webhooks", operation_id = "webhooks.create", tag = "webhooks", params(IdempotencyParameter),
    request_body = CreateWebhook, responses((status = 201, description = "The webhook.", body = Envelope<CreatedWebhook>)))]
pub async fn create(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
    Sender(client): Sender,
    Creating { body, key }: Creating<CreateWebhook>,
) -> Result<Response, ApiError> {
    let wanted = body.checked()?;
    let make = |creation| state.app.create_webhook(&auth.caller, wanted, &client, creation);
    let show = |(made, secret): &MadeWebhook| Made {
        location: Some(format!("/api/v1/webhooks/{}", made.id)),
        data: CreatedWebhook { about: made.clone().into(), secret: secret.clone() },
    };
    key.make(&state.app, auth.caller.user(), "webhooks.create", show, make).await
}

/// The caller's webhooks, newest first. There are at most 100.
#[utoipa::path(get, path = "/webhooks", operation_id = "webhooks.list", tag = "webhooks",
    responses((status = 200, description = "All of them.", body = Envelope<Vec<WebhookOut>>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
) -> Result<Answer<Vec<WebhookOut>>, ApiError> {
    let found = state.app.list_webhooks(&auth.caller).await?;
    Ok(Answer::ok(found.into_iter().map(WebhookOut::from).collect()))
}

/// A webhook.
#[utoipa::path(get, path = "/webhooks/{id}", operation_id = "webhooks.get", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 200, description = "The webhook.", body = Envelope<WebhookOut>)))]
pub async fn get(
    State(state): State<AppState>,
    Path(id): Path<WebhookId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
) -> Result<Answer<WebhookOut>, ApiError> {
    Ok(Answer::ok(state.app.webhook(&auth.caller, id).await?.into()))
}

/// Change a webhook. Switched on again, it begins with a clean slate.
#[utoipa::path(patch, path = "/webhooks/{id}", operation_id = "webhooks.update", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")), request_body = UpdateWebhook,
    responses((status = 200, description = "The webhook as it is now.", body = Envelope<WebhookOut>)))]
pub async fn update(
    State(state): State<AppState>,
    Path(id): Path<WebhookId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
    Sender(client): Sender,
    Json(body): Json<UpdateWebhook>,
) -> Result<Answer<WebhookOut>, ApiError> {
    let UpdateWebhook { url, events, description, enabled } = body;
    let patch = WebhookPatch { url, events, description, enabled };
    Ok(Answer::ok(state.app.change_webhook(&auth.caller, id, patch, &client).await?.into()))
}

/// Delete a webhook with its deliveries; what waits is not sent.
#[utoipa::path(delete, path = "/webhooks/{id}", operation_id = "webhooks.delete", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 204, description = "Done.")))]
pub async fn delete(
    State(state): State<AppState>,
    Path(id): Path<WebhookId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
    Sender(client): Sender,
) -> Result<NoContent, ApiError> {
    state.app.delete_webhook(&auth.caller, id, &client).await?;
    Ok(NoContent)
}

/// Send a test to a webhook: an event of type `webhook.test`, whatever types it asked for. What came of it is in the log
/// of deliveries.
#[utoipa::path(post, path = "/webhooks/{id}/test", operation_id = "webhooks.test", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id."), IdempotencyParameter),
    responses((status = 201, description = "The delivery, not yet tried.", body = Envelope<DeliveryOut>)))]
pub async fn test(
    State(state): State<AppState>,
    Path(id): Path<WebhookId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
    key: CreationKey,
) -> Result<Response, ApiError> {
    let make = |creation| state.app.test_webhook(&auth.caller, id, creation);
    key.make(&state.app, auth.caller.user(), "webhooks.test", delivered, make).await
}

/// Give a webhook another secret. For 24 hours the one before signs too, so that receivers can change over.
#[utoipa::path(post, path = "/webhooks/{id}/rotate-secret", operation_id = "webhooks.rotateSecret", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id."), IdempotencyParameter),
    responses((status = 201, description = "The secret.", body = Envelope<RotatedWebhookSecret>)))]
pub async fn rotate_secret(
    State(state): State<AppState>,
    Path(id): Path<WebhookId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
    Sender(client): Sender,
    key: CreationKey,
) -> Result<Response, ApiError> {
    let make = |creation| state.app.rotate_webhook_secret(&auth.caller, id, &client, creation);
    let show = |(secret, until): &RotatedSecret| Made {
        location: None,
        data: RotatedWebhookSecret { secret: secret.clone(), previous_until: *until },
    };
    key.make(&state.app, auth.caller.user(), "webhooks.rotateSecret", show, make).await
}

/// Which deliveries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct DeliveriesParameters {
    /// Page number, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Deliveries on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
    /// Where to go on: `meta.pagination.next_cursor` of the page before. Not together with `page`.
    cursor: Option<String>,
    /// `pending`, `succeeded` or `failed`.
    status: Option<String>,
}

/// Which deliveries, and which page of them.
pub struct Wanted {
    status: Option<DeliveryStatus>,
    paged: Paged,
}

impl Parameters for DeliveriesParameters {
    type Read = Wanted;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Wanted, Error> {
        let mut problems = Problems::default();
        let paged = Paged::read(pairs, &mut problems);
        let status = pairs.parse("status", &mut problems, |text| {
            let bad = || Error::invalid("status", "Must be pending, succeeded or failed");
            DeliveryStatus::parse(text).ok_or_else(bad)
        });
        problems.finish()?;
        Ok(Wanted { status, paged })
    }
}

/// What was sent to a webhook and what came of it, newest first. Kept for `events.retention_days`.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", operation_id = "webhooks.deliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id."), DeliveriesParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<DeliveryOut>)))]
pub async fn deliveries(
    State(state): State<AppState>,
    Path(id): Path<WebhookId>,
    Query(Wanted { status, paged }): Query<DeliveriesParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
) -> Result<PageEnvelope<DeliveryOut>, ApiError> {
    let found = state.app.list_deliveries(&auth.caller, id, status, paged.page, paged.cursor.clone()).await?;
    let deliveries = found.deliveries.into_iter().map(DeliveryOut::from).collect();
    Ok(paged.answer(&format!("/webhooks/{id}/deliveries"), deliveries, found.total, found.next_cursor))
}

/// Send what was sent once more, as a delivery of its own: the same event, with the same `webhook-id`.
#[utoipa::path(post, path = "/webhooks/{id}/deliveries/{delivery_id}/redeliver", operation_id = "webhooks.redeliver",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id."), ("delivery_id" = String, Path, description = "The delivery's id."),
        IdempotencyParameter),
    responses((status = 201, description = "The new delivery, not yet tried.", body = Envelope<DeliveryOut>)))]
pub async fn redeliver(
    State(state): State<AppState>,
    Path((id, delivery)): Path<(WebhookId, DeliveryId)>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::WebhooksWrite>,
    key: CreationKey,
) -> Result<Response, ApiError> {
    let make = |creation| state.app.redeliver(&auth.caller, id, delivery, creation);
    key.make(&state.app, auth.caller.user(), "webhooks.redeliver", delivered, make).await
}

fn delivered(delivery: &Delivery) -> Made<DeliveryOut> {
    Made { data: delivery.clone().into(), location: None }
}
