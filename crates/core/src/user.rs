//! Accounts and the rules of their names. Not here: passwords (`password.rs`), sessions (`session.rs`).

use crate::caller::Role;
use crate::error::Error;
use crate::id::UserId;
use crate::time::Timestamp;

/// An account. The password's hash never leaves `store::users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// As the user wrote it.
    pub email: String,
    /// A second login name, if chosen.
    pub username: Option<String>,
    /// What others see.
    pub display_name: Option<String>,
    /// What the account may do.
    pub role: Role,
    /// IANA name, for local times without an offset.
    pub time_zone: String,
    /// Bytes the account may hold; `None` is no limit.
    pub quota_bytes: Option<u64>,
    /// Grows when every signed link of the user must die (password change).
    pub link_epoch: i64,
    /// May not log in nor be acted for.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the profile last changed.
    pub updated_at: Timestamp,
}

/// The form of a login name that is compared: trimmed and lower case.
pub fn fold_login(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Checks an e-mail address: `local@domain`, at most 254 characters (RFC 5321 section 4.5.3.1),
/// no white space, quotes or control characters; whether it is reachable is not asked.
///
/// # Errors
/// `validation_error` on `email`.
pub fn check_email(email: &str) -> Result<String, Error> {
    let bad = || Error::invalid("email", "Must be a valid email address");
    let (local, domain) = email.rsplit_once('@').ok_or_else(bad)?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"\"(),:;<>[\\]@".contains(c);
    let dots = |part: &str| !part.starts_with('.') && !part.ends_with('.') && !part.contains("..");
    let label = |l: &str| !l.is_empty() && l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-');
    let sound = email.len() <= 254
        && (1..=64).contains(&local.len())
        && local.chars().all(plain)
        && dots(local)
        && domain.split('.').all(label)
        && domain.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
    if sound { Ok(email.to_owned()) } else { Err(bad()) }
}

/// Checks a username: 2 to 32 of letters, digits, `.`, `_`, `-`, beginning with a letter or digit; so it
/// can never be taken for an e-mail address.
///
/// # Errors
/// `validation_error` on `username`.
pub fn check_username(name: &str) -> Result<String, Error> {
    let sound = (2..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if sound {
        Ok(name.to_owned())
    } else {
        Err(Error::invalid(
            "username",
            "Must be 2 to 32 of letters, digits, '.', '_' and '-', beginning with a letter or digit",
        ))
    }
}

/// Checks a display name: 1 to 100 characters without control characters.
///
/// # Errors
/// `validation_error` on `display_name`.
pub fn check_display_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(Error::invalid("display_name", "Must be 1 to 100 characters without control characters"))
    }
}

/// Checks the name of a time zone against the IANA database; gives it as it is written there.
///
/// # Errors
/// `validation_error` on `time_zone`.
pub fn check_time_zone(name: &str) -> Result<String, Error> {
    let zone = jiff::tz::TimeZone::get(name).ok().filter(|zone| !zone.is_unknown());
    match zone.as_ref().and_then(jiff::tz::TimeZone::iana_name) {
        Some(known) => Ok(known.to_owned()),
        None => Err(Error::invalid("time_zone", "Must be a time zone of the IANA database, such as Europe/Berlin")),
    }
}

/// Reads a role's name.
///
/// # Errors
/// `validation_error` on `role`.
pub fn check_role(name: &str) -> Result<Role, Error> {
    [Role::User, Role::Admin]
        .into_iter()
        .find(|role| role.as_str() == name)
        .ok_or_else(|| Error::invalid("role", "Must be user or admin"))
}

/// Checks a quota: whole bytes that the databases can count (at most 2^63 - 1).
///
/// # Errors
/// `validation_error` on `quota_bytes`.
pub fn check_quota(bytes: u64) -> Result<u64, Error> {
    if i64::try_from(bytes).is_ok() {
        Ok(bytes)
    } else {
        Err(Error::invalid("quota_bytes", "Must be at most 9223372036854775807, or null for no limit"))
    }
}

/// Which accounts an administrator's list holds; all of it must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct UserFilter {
    /// The address begins so, whatever the case.
    pub email: Option<String>,
    /// With this role.
    pub role: Option<Role>,
    /// Disabled ones, or the others.
    pub disabled: Option<bool>,
}

/// Whether new accounts may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// By anybody.
    Open,
    /// By whoever has an invite.
    Invite,
    /// By administrators alone; invites do not open it.
    Closed,
}

impl Registration {
    /// As settings and `GET /server` write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_addresses() {
        for good in ["user@example.com", "a+b@x.org", "jürgen@bücher.de", "x@localhost", "a.b.c@d-e.f"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        let long = format!("a@{}.com", "b".repeat(260));
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c.de",
            "a@b..c",
            ".a@b.c",
            "a.@b.c",
            "a@b@c",
            "\"q\"@b.c",
            "a@b\r\nBcc: x@y.z",
            "a@-b.c",
            "a@b.c ",
            "a@[127.0.0.1]",
            &long,
        ] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn usernames_never_look_like_addresses() {
        for good in ["al", "alice", "A.b_c-9"] {
            assert!(check_username(good).is_ok(), "{good}");
        }
        for bad in ["a", "", "a@b", ".ab", "-ab", "ä12", "a b", &"x".repeat(33)] {
            assert!(check_username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn time_zones() {
        assert!(check_time_zone("Europe/Berlin").is_ok());
        assert!(check_time_zone("UTC").is_ok());
        assert_eq!(check_time_zone("america/new_york").unwrap(), "America/New_York");
        assert!(check_time_zone("Etc/Unknown").is_err());
        assert!(check_time_zone("Mars/Olympus").is_err());
        assert!(check_time_zone("../etc/passwd").is_err());
    }
}
