//! What a password must be. Not here: hashing (`app::auth::passwords`).

use crate::error::Error;

/// Checks a new password: 8 to 256 characters, whatever they are (ASVS 6.2.1, 6.2.9: no composition rules, no cut).
///
/// # Errors
/// `validation_error` on `field`.
pub fn check_password(field: &'static str, password: &str) -> Result<(), Error> {
    match password.chars().count() {
        8..=256 => Ok(()),
        _ => Err(Error::invalid(field, "Must be 8 to 256 characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        for (text, good) in
            [("1234567".into(), false), ("12345678".into(), true), ("ü".repeat(8), true), ("🔒".repeat(256), true), ("x".repeat(257), false)]
        {
            assert_eq!(check_password("password", &text).is_ok(), good, "{}", text.len());
        }
    }
}
