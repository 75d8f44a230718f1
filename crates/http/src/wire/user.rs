//! Accounts as their owners see them.

use mv_core::Timestamp;
use mv_core::user::User;
use serde::Serialize;
use utoipa::ToSchema;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserOut {
    /// Its id.
    #[schema(example = "user_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// The address, also the login name.
    pub email: String,
    /// A second login name.
    pub username: Option<String>,
    /// What others see.
    pub display_name: Option<String>,
    /// `user` or `admin`.
    #[schema(value_type = String)]
    pub role: &'static str,
    /// IANA name, for local times without an offset.
    pub time_zone: String,
    /// Bytes that the account may hold; null is no limit.
    pub quota_bytes: Option<u64>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the profile last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<User> for UserOut {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            username: user.username,
            display_name: user.display_name,
            role: user.role.as_str(),
            time_zone: user.time_zone,
            quota_bytes: user.quota_bytes,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
