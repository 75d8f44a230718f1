//! The mail server that the settings name, and one mail handed to it.
//! Promise: no address or answer of the server, which may repeat one, gets into an error; no step takes for ever.

use std::fmt;
use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use mv_core::{EventId, Mint};

use super::letter::Letter;

/// How long connecting to the server may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the whole of handing a mail over may take: greeting, TLS, login, the mail itself.
const HAND_OVER: Duration = Duration::from_secs(60);

/// A mail server and who writes.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Smtp")
    }
}

/// The settings name no mail server, or no sender.
#[derive(Debug, thiserror::Error)]
pub enum BadSmtp {
    /// The address of the server.
    #[error("not the address of a mail server")]
    Url,
    /// The sender.
    #[error("not a mailbox such as Media Vault <vault@example.org>")]
    From,
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSent {
    #[error("the address or the text cannot be written as a mail")]
    Unwritable,
    #[error("the server answered {0}")]
    Answer(String),
    #[error("the server took longer than {} seconds", HAND_OVER.as_secs())]
    TooSlow,
    #[error("the server cannot be reached")]
    Unreachable(#[source] lettre::transport::smtp::Error),
}

impl NotSent {
    /// Whether it may work later.
    pub(crate) fn may_work_later(&self) -> bool {
        match self {
            Self::Unwritable => false,
            // RFC 5321 section 4.2.1: 4yz is for now, 5yz for good.
            Self::Answer(code) => !code.starts_with('5'),
            Self::TooSlow | Self::Unreachable(_) => true,
        }
    }
}

impl Smtp {
    /// From `smtp://` or `smtps://` with host and, where needed, port, user and password; `?tls=required` or
    /// `?tls=opportunistic` make an `smtp://` connection switch to TLS. `from` is an address, with a name or without.
    ///
    /// # Errors
    /// `BadSmtp`.
    pub fn new(url: &str, from: &str) -> Result<Self, BadSmtp> {
        if !url.starts_with("smtp://") && !url.starts_with("smtps://") {
            return Err(BadSmtp::Url);
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| BadSmtp::Url)?;
        let from: Mailbox = from.parse().map_err(|_| BadSmtp::From)?;
        Ok(Self { transport: builder.timeout(Some(CONNECT)).build(), from })
    }

    /// Hands a mail over.
    pub(super) async fn send(&self, letter: &Letter, mint: &Mint) -> Result<(), NotSent> {
        let message = self.message(letter, mint).ok_or(NotSent::Unwritable)?;
        match tokio::time::timeout(HAND_OVER, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(match error.status() {
                Some(code) => NotSent::Answer(code.to_string()),
                None => NotSent::Unreachable(error),
            }),
            Err(_) => Err(NotSent::TooSlow),
        }
    }

    /// The mail as it is written (RFC 5322). The address is parsed anew, so whatever an account has been given, nothing
    /// of it becomes another header; `Auto-Submitted` keeps holiday notices from answering (RFC 3834 section 5).
    fn message(&self, letter: &Letter, mint: &Mint) -> Option<Message> {
        let to: Address = letter.to().parse().ok()?;
        let id = format!("<{}@{}>", mint.id::<mv_core::id::EventKind>() as EventId, self.from.email.domain());
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject())
            .message_id(Some(id))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(plain(letter.text()))
            .ok()
    }
}

/// The text as it stands, so that a link stays whole also for who reads the raw mail: RFC 5322 section 2.1.1 allows lines
/// of 998 characters, while lettre would fold those of more than 76.
fn plain(text: String) -> Body {
    if text.is_ascii() && text.lines().all(|line| line.len() <= 998) {
        let lines = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit);
    }
    Body::new(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use mv_core::SystemClock;
    use mv_core::entropy::SystemEntropy;

    #[test]
    fn takes_addresses_of_mail_servers_only() {
        let from = "Media Vault <vault@example.org>";
        for good in
            ["smtp://localhost:2525", "smtps://u:p%40ss@mail.example.org", "smtp://mail.example.org?tls=required"]
        {
            assert!(Smtp::new(good, from).is_ok(), "{good}");
        }
        for bad in ["", "mail.example.org", "http://mail.example.org", "smtp://", "smtp://h?tls=maybe"] {
            assert!(matches!(Smtp::new(bad, from), Err(BadSmtp::Url)), "{bad}");
        }
        for bad in ["", "vault", "a@b\r\nBcc: c@d.de", "a@b.de, c@d.de"] {
            assert!(matches!(Smtp::new("smtp://h", bad), Err(BadSmtp::From)), "{bad}");
        }
        assert!(Smtp::new("smtp://h", "vault@example.org").is_ok());
    }

    #[test]
    fn no_address_becomes_a_header() {
        let smtp = Smtp::new("smtp://h", "vault@example.org").unwrap();
        let mint = Mint::new(Arc::new(SystemClock::default()), Arc::new(SystemEntropy));
        for to in ["a@b.de\r\nBcc: c@d.de", "a@b.de\nX: y", "a@b.de, c@d.de", "a@b.de>\r\nDATA", "\"x\r\n\"@b.de"] {
            assert!(smtp.message(&Letter::Reset { to: to.into(), url: "u".into() }, &mint).is_none(), "{to:?}");
        }
        let letter = Letter::Reset { to: "jürgen@bücher.de".into(), url: "u".into() };
        let text = String::from_utf8(smtp.message(&letter, &mint).unwrap().formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let mut names: Vec<&str> = head.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        names.sort_unstable();
        let known = [
            "Auto-Submitted",
            "Content-Transfer-Encoding",
            "Content-Type",
            "Date",
            "From",
            "MIME-Version",
            "Message-ID",
            "Subject",
            "To",
        ];
        assert_eq!(names.iter().filter(|name| !known.contains(name)).count(), 0, "{head}");
        assert!(names.len() >= 8, "{head}");
        let long = "https://vault.example.org/reset#token=".to_owned() + &"x".repeat(100);
        let letter = Letter::Reset { to: "a@b.de".into(), url: long.clone() };
        let text = String::from_utf8(smtp.message(&letter, &mint).unwrap().formatted()).unwrap();
        assert!(text.contains(&format!("\r\n\r\n{long}\r\n")), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn only_answers_for_good_are_final() {
        assert!(!NotSent::Answer("550".into()).may_work_later() && NotSent::Answer("451".into()).may_work_later());
        assert!(NotSent::TooSlow.may_work_later() && !NotSent::Unwritable.may_work_later());
    }
}
