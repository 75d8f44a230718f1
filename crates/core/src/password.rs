//! What a password must be. Not here: hashing (`app::auth::passwords`).

use crate::error::Error;

/// The 3000 that people use most and that are long enough, lower case, one a line (ASVS 6.2.4). They are the first ones
/// of Mark Burnett's count of leaked passwords, in the ranking that zxcvbn 4.4.2 (Dan Wheeler, MIT) publishes.
const MOST_COMMON: &str = include_str!("most_common_passwords.txt");

/// Checks a new password: 8 to 256 characters, whatever they are (ASVS 6.2.1, 6.2.9: no composition rules, no cut), and
/// none of the most common ones, whatever the case.
///
/// # Errors
/// `validation_error` on `field`.
pub fn check_password(field: &'static str, password: &str) -> Result<(), Error> {
    if !(8..=256).contains(&password.chars().count()) {
        return Err(Error::invalid(field, "Must be 8 to 256 characters"));
    }
    let folded = password.to_lowercase();
    if MOST_COMMON.lines().any(|common| common == folded) {
        return Err(Error::invalid(field, "Is one of the most common passwords"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        for (text, good) in [
            ("tmb3l0z".into(), false),
            ("tmb3l0zq".into(), true),
            ("ü".repeat(8), true),
            ("🔒".repeat(256), true),
            ("x".repeat(257), false),
        ] {
            assert_eq!(check_password("password", &text).is_ok(), good, "{}", text.len());
        }
    }

    #[test]
    fn the_most_common_are_refused_whatever_the_case() {
        assert_eq!(MOST_COMMON.lines().count(), 3000);
        assert!(MOST_COMMON.lines().all(|common| common.len() >= 8 && common == common.to_lowercase()));
        for common in ["password", "PassWord", "12345678", "qwertyuiop"] {
            assert!(check_password("password", common).is_err(), "{common}");
        }
        for other in ["passwords of mine", "yourpassword", "correct horse battery"] {
            assert!(check_password("password", other).is_ok(), "{other}");
        }
    }
}
