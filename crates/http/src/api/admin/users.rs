//! Accounts, as administrators see and change them.

use std::sync::OnceLock;

use axum::extract::State;
use axum::response::Response;
use mv_app::accounts::administration::{Administered, RightsPatch};
use mv_app::accounts::register::NewAccount;
use mv_core::user::{User, UserFilter, check_quota, check_role};
use mv_core::{Error, Problems, Role, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope, NoContent, PageEnvelope};
use crate::error::ApiError;
use crate::extract::body::{Json, nullable};
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::creating::{Creating, IdempotencyParameter, Made};
use crate::extract::page::Paged;
use crate::extract::path::Path;
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::user::UserOut;

/// An account as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdministeredUser)]
pub struct AdministeredOut {
    #[serde(flatten)]
    user: UserOut,
    /// May not log in nor be acted for.
    disabled: bool,
    /// What it holds.
    usage: HeldOut,
}

/// What an account holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldByUser)]
pub struct HeldOut {
    /// Items in the library.
    items: u64,
    /// Their bytes.
    bytes: u64,
    /// Items in the trash.
    trash_items: u64,
    /// Their bytes; they count in the quota.
    trash_bytes: u64,
}

impl From<Administered> for AdministeredOut {
    fn from(it: Administered) -> Self {
        let usage = HeldOut {
            items: it.held.items,
            bytes: it.held.bytes,
            trash_items: it.held.trash_items,
            trash_bytes: it.held.trash_bytes,
        };
        Self { disabled: it.user.disabled, user: it.user.into(), usage }
    }
}

/// Which accounts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct UsersParameters {
    /// Page number, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Accounts on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
    /// Where to go on: `meta.pagination.next_cursor` of the page before. Not together with `page`.
    cursor: Option<String>,
    /// The address begins so, whatever the case.
    email: Option<String>,
    /// `user` or `admin`.
    role: Option<String>,
    /// Disabled ones, or the others.
    disabled: Option<bool>,
}

/// Which accounts, and which page of them.
pub struct Wanted {
    filter: UserFilter,
    paged: Paged,
}

impl Parameters for UsersParameters {
    type Read = Wanted;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Wanted, Error> {
        let mut problems = Problems::default();
        let paged = Paged::read(pairs, &mut problems);
        let filter = UserFilter {
            email: pairs.parse("email", &mut problems, |text| match text.chars().count() {
                1..=254 => Ok(text.to_owned()),
                _ => Err(Error::invalid("email", "Must be 1 to 254 characters")),
            }),
            role: pairs.parse("role", &mut problems, check_role),
            disabled: pairs.flag("disabled", &mut problems),
        };
        problems.finish()?;
        Ok(Wanted { filter, paged })
    }
}

/// All accounts, newest first.
#[utoipa::path(get, path = "/admin/users", operation_id = "admin.users.list", tag = "admin", params(UsersParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<AdministeredOut>)))]
pub async fn list(
    State(state): State<AppState>,
    Query(Wanted { filter, paged }): Query<UsersParameters>,
    Auth(auth, _): Auth<area::Admin>,
) -> Result<PageEnvelope<AdministeredOut>, ApiError> {
    let found = state.app.list_users(&auth.caller, filter, paged.page, paged.cursor.clone()).await?;
    let users = found.users.into_iter().map(AdministeredOut::from).collect();
    Ok(paged.answer("/admin/users", users, found.total, found.next_cursor))
}

/// An account for somebody else.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeUser {
    /// The address, also the login name.
    email: String,
    /// 8 to 256 characters, none of the most common passwords.
    password: String,
    /// A second login name: 2 to 32 of letters, digits, `.`, `_`, `-`.
    username: Option<String>,
    /// What others see.
    display_name: Option<String>,
    /// `user` (the default) or `admin`.
    role: Option<String>,
    /// Bytes that it may hold; null is no limit. Without it the default of the settings.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u64>)]
    quota_bytes: Option<Option<u64>>,
}

/// Make an account, also where registration is closed.
#[utoipa::path(post, path = "/admin/users", operation_id = "admin.users.create", tag = "admin", request_body = MakeUser, params(IdempotencyParameter),
    responses((status = 201, description = "The account.", body = Envelope<AdministeredOut>)))]
pub async fn create(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Admin>,
    Sender(client): Sender,
    Creating { body, key }: Creating<MakeUser>,
) -> Result<Response, ApiError> {
    let mut problems = Problems::default();
    let rights = RightsPatch {
        role: body.role.and_then(|role| problems.check(check_role(&role))),
        quota_bytes: quota(body.quota_bytes, &mut problems),
        disabled: None,
    };
    problems.finish()?;
    let account = NewAccount {
        email: body.email,
        password: body.password,
        username: body.username,
        display_name: body.display_name,
        id: None,
    };
    let make = |creation| state.app.make_user(&auth.caller, &client, (account, rights), creation);
    key.make(&state.app, auth.caller.user(), "admin.users.create", shown, make).await
}

fn shown(made: &User) -> Made<AdministeredOut> {
    Made { data: Administered::from(made.clone()).into(), location: Some(format!("/api/v1/admin/users/{}", made.id)) }
}

fn quota(quota: Option<Option<u64>>, problems: &mut Problems) -> Option<Option<u64>> {
    quota.map(|bytes| bytes.and_then(|bytes| problems.check(check_quota(bytes))))
}

/// An account.
#[utoipa::path(get, path = "/admin/users/{id}", operation_id = "admin.users.get", tag = "admin",
    params(("id" = String, Path, description = "The account.")),
    responses((status = 200, description = "The account.", body = Envelope<AdministeredOut>)))]
pub async fn get(
    State(state): State<AppState>,
    Path(id): Path<UserId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Admin>,
) -> Result<Answer<AdministeredOut>, ApiError> {
    Ok(Answer::ok(state.app.administered(&auth.caller, id).await?.into()))
}

/// What to change: absent keeps (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "quota_bytes": 10_737_418_240_u64, "disabled": false }))]
pub struct UpdateUser {
    /// `user` or `admin`; cannot be cleared.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    role: Option<Option<String>>,
    /// Bytes that it may hold; null is no limit.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u64>)]
    quota_bytes: Option<Option<u64>>,
    /// Whether it is shut out; cannot be cleared.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<bool>)]
    disabled: Option<Option<bool>>,
}

impl UpdateUser {
    fn checked(self) -> Result<RightsPatch, Error> {
        let mut problems = Problems::default();
        let role: Option<Role> = match self.role {
            Some(None) => {
                problems.add("role", "Cannot be cleared");
                None
            }
            Some(Some(role)) => problems.check(check_role(&role)),
            None => None,
        };
        if self.disabled == Some(None) {
            problems.add("disabled", "Cannot be cleared");
        }
        let quota_bytes = quota(self.quota_bytes, &mut problems);
        problems.finish()?;
        Ok(RightsPatch { role, quota_bytes, disabled: self.disabled.flatten() })
    }
}

/// Change an account's rights. The last administrator stays one. A disabled account is out at the next request: its
/// sessions and signed links end for good, its keys and upload tokens rest until it is enabled again.
#[utoipa::path(patch, path = "/admin/users/{id}", operation_id = "admin.users.update", tag = "admin", request_body = UpdateUser,
    params(("id" = String, Path, description = "The account.")),
    responses((status = 200, description = "The account as it is now.", body = Envelope<AdministeredOut>)))]
pub async fn update(
    State(state): State<AppState>,
    Path(id): Path<UserId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Admin>,
    Sender(client): Sender,
    Json(body): Json<UpdateUser>,
) -> Result<Answer<AdministeredOut>, ApiError> {
    Ok(Answer::ok(state.app.change_user(&auth.caller, &client, id, body.checked()?).await?.into()))
}

/// What becomes of what the account holds.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct DeleteParameters {
    /// The account that gets items and collections; without it they are destroyed.
    #[param(example = "user_01h455vb4pex5vsknk084sn02q")]
    transfer_to: Option<String>,
}

impl Parameters for DeleteParameters {
    type Read = Option<UserId>;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Option<UserId>, Error> {
        let mut problems = Problems::default();
        let to = pairs.parse("transfer_to", &mut problems, |text| {
            text.parse().map_err(|_| Error::invalid("transfer_to", "Must be an id that begins with user_"))
        });
        problems.finish()?;
        Ok(to)
    }
}

/// Delete an account. It is shut out at once. Without `transfer_to` all that it holds is destroyed; with it, items and
/// collections go to that account, a large library piece by piece behind this answer. Its `external_id`s that the receiver
/// has already are cleared.
#[utoipa::path(delete, path = "/admin/users/{id}", operation_id = "admin.users.delete", tag = "admin",
    params(("id" = String, Path, description = "The account."), DeleteParameters),
    responses((status = 204, description = "The account is gone, or on its way.")))]
pub async fn delete(
    State(state): State<AppState>,
    Path(id): Path<UserId>,
    Query(transfer_to): Query<DeleteParameters>,
    Auth(auth, _): Auth<area::Admin>,
    Sender(client): Sender,
) -> Result<NoContent, ApiError> {
    state.app.delete_user(&auth.caller, &client, id, transfer_to).await?;
    Ok(NoContent)
}
