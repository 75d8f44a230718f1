//! What is written to people: plain text, nothing loaded from anywhere, and not a word that a user chose, so that nobody
//! can have the server say something for them.

/// A mail that the server writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Letter {
    /// A link to a new password.
    Reset {
        /// The account's address.
        to: String,
        /// The link.
        url: String,
    },
    /// A link that proves a new address.
    Confirm {
        /// The new address.
        to: String,
        /// The link.
        url: String,
    },
    /// To the old address, that a new one was asked for.
    AddressChange {
        /// The old address.
        to: String,
        /// Where the server is.
        origin: String,
    },
}

impl Letter {
    /// Whom it goes to.
    pub(crate) fn to(&self) -> &str {
        match self {
            Self::Reset { to, .. } | Self::Confirm { to, .. } | Self::AddressChange { to, .. } => to,
        }
    }

    /// Its subject.
    pub(crate) const fn subject(&self) -> &'static str {
        match self {
            Self::Reset { .. } => "A new password for your Media Vault account",
            Self::Confirm { .. } => "Confirm your new e-mail address",
            Self::AddressChange { .. } => "Your e-mail address is about to change",
        }
    }

    /// Its text; every link stands on a line of its own.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Reset { url, .. } => format!(
                "Somebody asked for a new password for your Media Vault account.\n\n\
                 To choose one, open this link within an hour. It works once:\n\n{url}\n\n\
                 If that was not you, do nothing: your password stays as it is.\n"
            ),
            Self::Confirm { url, .. } => format!(
                "Somebody wants to use this address for a Media Vault account.\n\n\
                 To confirm that it was you, open this link within a day. It works once:\n\n{url}\n\n\
                 If that was not you, do nothing.\n"
            ),
            Self::AddressChange { origin, .. } => format!(
                "Somebody who knows your password asked to give your Media Vault account another\n\
                 e-mail address. It changes as soon as the new address is confirmed.\n\n\
                 If that was not you, change your password now. That also stops the change:\n\n{origin}\n"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stand_alone_and_lines_are_short() {
        let url = format!("https://vault.example.org/reset#token={}", "x".repeat(43));
        let to = "ann@example.com".to_owned();
        for letter in [
            Letter::Reset { to: to.clone(), url: url.clone() },
            Letter::Confirm { to: to.clone(), url: url.clone() },
            Letter::AddressChange { to: to.clone(), origin: url.clone() },
        ] {
            let text = letter.text();
            assert!(text.lines().any(|line| line == url), "{text}");
            assert!(text.lines().filter(|line| *line != url).all(|line| line.len() <= 80), "{text}");
            assert!(!text.contains(&to) && letter.to() == to);
        }
    }
}
