//! Signed links: whoever holds one reads that item's bytes until it expires, without a header. The signature covers
//! item, use, expiry, signer and the signer's link epoch, so a link dies with the item, the account and a new password.
//! Whom a link belongs to is told by its signature alone: deliveries are counted before the database is asked.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mv_blobs::RootKey;
use mv_core::media::Media;
use mv_core::user::User;
use mv_core::{Caller, Error, MediaId, Timestamp, UserId};
use mv_store::Conn;
use uuid::Uuid;

use super::read::{Original, manifest_of};
use crate::pictures::{Ask, PREVIEW, THUMBNAIL};
use crate::{App, Result};

/// What is signed of a link to the original.
pub const CONTENT: &str = "content";

/// Links stay the same for this many seconds and live at most twice as long, so that browsers can cache (contract section 4).
const WINDOW: i64 = 3600;
/// The same of links to small pictures, whose bytes never change.
const PICTURE_WINDOW: i64 = 86_400;
/// Flags, expiry, signer, the signer's link epoch, MAC.
const TOKEN_BYTES: usize = 1 + 4 + 16 + 4 + 16;

/// What a link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkUse {
    /// The browser saves the file instead of showing it.
    pub download: bool,
}

/// What a link leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkTo {
    /// The original.
    Content(LinkUse),
    /// A small picture.
    Picture(Ask),
    /// What moves or sounds.
    Moving(Moving),
}

/// Forms of an item that play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// What browsers can play of a film or a song.
    Playback,
    /// The film inside a motion photo.
    Motion,
}

impl Moving {
    /// The last part of its address, which is what is signed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Playback => "playback",
            Self::Motion => "motion",
        }
    }

    /// Reads what `as_str` gave.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Playback, Self::Motion].into_iter().find(|moving| moving.as_str() == text)
    }
}

/// Signs and reads links.
pub(crate) struct Links {
    key: hmac::Key,
    base: String,
}

/// A link's token, read but not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    flags: u8,
    expires: u32,
    user: UserId,
    epoch: u32,
    mac: [u8; 16],
}

impl Token {
    fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == TOKEN_BYTES)?;
        let (flags, rest) = bytes.split_first_chunk::<1>()?;
        let (expires, rest) = rest.split_first_chunk::<4>()?;
        let (user, rest) = rest.split_first_chunk::<16>()?;
        let (epoch, mac) = rest.split_first_chunk::<4>()?;
        Some(Self {
            flags: flags[0],
            expires: u32::from_be_bytes(*expires),
            user: UserId::from_uuid(Uuid::from_bytes(*user)),
            epoch: u32::from_be_bytes(*epoch),
            mac: mac.try_into().ok()?,
        })
    }

    fn bytes(&self) -> [u8; TOKEN_BYTES] {
        let mut bytes = [0; TOKEN_BYTES];
        let signer = self.user.uuid();
        let parts: [&[u8]; 5] =
            [&[self.flags], &self.expires.to_be_bytes(), signer.as_bytes(), &self.epoch.to_be_bytes(), &self.mac];
        for (place, byte) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }

    fn ends(&self) -> Timestamp {
        Timestamp::from_seconds(i64::from(self.expires))
    }
}

impl Links {
    pub(crate) fn new(root: &RootKey, public_url: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, root.subkey("signed-links").bytes());
        Self { key, base: format!("{}/api/v1/media/", public_url.trim_end_matches('/')) }
    }

    /// The link that lists show; only who may read all that is theirs makes links.
    pub(crate) fn content(&self, caller: &Caller, id: MediaId, now: Timestamp) -> Option<String> {
        self.sign(caller, id, &LinkTo::Content(LinkUse::default()), window_end(now))
    }

    /// The links to the pictures that lists show: thumbnail and preview.
    pub(crate) fn pictures(&self, caller: &Caller, id: MediaId, now: Timestamp) -> Option<(String, String)> {
        let ends = end_of_window(now, PICTURE_WINDOW);
        let picture = |size| self.sign(caller, id, &LinkTo::Picture(Ask::Thumbnail(size)), ends);
        Some((picture(THUMBNAIL)?, picture(PREVIEW)?))
    }

    /// A link until then (Unix seconds).
    fn sign(&self, caller: &Caller, id: MediaId, to: &LinkTo, expires: i64) -> Option<String> {
        let (user, link_epoch) = (caller.user(), caller.link_epoch()?);
        let (what, path, flags) = match to {
            LinkTo::Content(used) => (CONTENT.to_owned(), "/content?".to_owned(), u8::from(used.download)),
            LinkTo::Picture(ask) => (ask.link_name(), ask.path_and_query(), 0),
            LinkTo::Moving(moving) => (moving.as_str().to_owned(), format!("/{}?", moving.as_str()), 0),
        };
        let expires = u32::try_from(expires).ok()?;
        let mut token = Token { flags, expires, user, epoch: u32::try_from(link_epoch).ok()?, mac: [0; 16] };
        token.mac = self.mac(id, &what, &token);
        let mut url = String::with_capacity(self.base.len() + path.len() + 100);
        url.push_str(&self.base);
        url.push_str(&id.to_string());
        url.push_str(&path);
        url.push_str("sig=");
        URL_SAFE_NO_PAD.encode_string(token.bytes(), &mut url);
        Some(url)
    }

    /// The token, if this server has signed it for this item and this use: it may have expired or ended since.
    fn genuine(&self, id: MediaId, what: &str, token: &str) -> Option<Token> {
        let token = Token::read(token)?;
        constant_time::verify_slices_are_equal(&self.mac(id, what, &token), &token.mac).ok()?;
        Some(token)
    }

    fn mac(&self, id: MediaId, what: &str, token: &Token) -> [u8; 16] {
        let Token { flags, expires, user, epoch, .. } = token;
        let mut context = hmac::Context::with_key(&self.key);
        context.update(what.as_bytes());
        context.update(id.uuid().as_bytes());
        context.update(&[*flags]);
        context.update(&expires.to_be_bytes());
        context.update(user.uuid().as_bytes());
        context.update(&epoch.to_be_bytes());
        let mut mac = [0u8; 16];
        for (kept, byte) in mac.iter_mut().zip(context.sign().as_ref()) {
            *kept = *byte;
        }
        mac
    }
}

/// When the links of this moment end: the end of the next window.
fn window_end(now: Timestamp) -> i64 {
    end_of_window(now, WINDOW)
}

fn end_of_window(now: Timestamp, window: i64) -> i64 {
    (now.seconds() + window).div_euclid(window) * window
        + if (now.seconds() + window).rem_euclid(window) == 0 { 0 } else { window }
}

/// Changes whenever the links of this caller's items do.
pub(crate) fn epoch(caller: &Caller, now: Timestamp) -> String {
    let epoch = caller.link_epoch().unwrap_or(0);
    format!("{}-{epoch}", window_end(now) / WINDOW)
}

/// A link that was asked for.
#[derive(Debug, Clone)]
pub struct LinkMade {
    /// Which item.
    pub id: MediaId,
    /// The link.
    pub url: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl App {
    /// Links for the caller's items in the library, each for its use, until `expires_in` seconds from now.
    ///
    /// # Errors
    /// `not_found` naming the first item that is not the caller's.
    pub async fn make_links(
        &self,
        caller: &Caller,
        items: Vec<(MediaId, LinkTo)>,
        expires_in: u32,
    ) -> Result<Vec<LinkMade>> {
        let who = caller.user();
        let ids: Vec<MediaId> = items.iter().map(|(id, _)| *id).collect();
        let held = self.store.read(move |db| mv_store::media::live_among(db, who, &ids)).await?;
        let expires_at = Timestamp::from_seconds(self.now().seconds() + i64::from(expires_in));
        let mut made = Vec::with_capacity(items.len());
        for (place, (id, to)) in items.into_iter().enumerate() {
            if !held.iter().any(|(known, _)| *known == id) {
                return Err(Error::not_found().with(format!("items[{place}].id"), "No such item").into());
            }
            let url = self.links.sign(caller, id, &to, expires_at.seconds()).ok_or_else(Error::not_found)?;
            made.push(LinkMade { id, url, expires_at });
        }
        Ok(made)
    }

    /// Who has signed this link to the item, told by the signature alone; nobody where it is not genuine or has expired.
    /// Whether the link still opens anything is another question. `what` is `CONTENT` or a picture's `link_name`.
    pub fn link_signer(&self, id: MediaId, what: &str, token: &str) -> Option<UserId> {
        self.links.genuine(id, what, token).filter(|token| self.now() < token.ends()).map(|token| token.user)
    }

    /// Opens an item's bytes for whoever holds a link to them. Returns also the link's use and end.
    ///
    /// # Errors
    /// `unauthorized` where the link is not genuine or has expired; `not_found` where the item is gone or in the trash.
    pub async fn open_by_link(&self, id: MediaId, token: &str) -> Result<(Original, LinkUse, Timestamp)> {
        let token = self.current_link(id, CONTENT, token)?;
        let user = token.user;
        let asked = token.clone();
        let read = move |db: &Conn| -> Result<_> {
            let media = linked(db, &asked, id)?;
            let manifest = manifest_of(db, &media)?;
            Ok((media, manifest))
        };
        let (media, manifest) = self.store.read(read).await?;
        mv_core::access::owned(&Caller::Link { user }, media.owner_id, mv_core::access::Need::Content)?;
        let original = self.original(media, manifest).await?;
        Ok((original, LinkUse { download: token.flags & 1 == 1 }, token.ends()))
    }

    /// The item that a link to one of its pictures leads to, and when the link ends.
    ///
    /// # Errors
    /// As of `open_by_link`.
    pub(crate) async fn media_by_link(&self, id: MediaId, what: &str, token: &str) -> Result<(Media, Timestamp)> {
        let token = self.current_link(id, what, token)?;
        let (user, ends) = (token.user, token.ends());
        let media = self.store.read(move |db: &Conn| linked(db, &token, id)).await?;
        mv_core::access::owned(&Caller::Link { user }, media.owner_id, mv_core::access::Need::Content)?;
        Ok((media, ends))
    }

    fn current_link(&self, id: MediaId, what: &str, token: &str) -> Result<Token> {
        let token = self.links.genuine(id, what, token).filter(|token| self.now() < token.ends());
        Ok(token.ok_or_else(bad_link)?)
    }
}

fn bad_link() -> Error {
    Error::unauthorized("The link is not valid or has expired")
}

/// The item in the library that a genuine link leads to, if its signer may still sign.
fn linked(db: &Conn, token: &Token, id: MediaId) -> Result<Media> {
    let current = |user: &User| !user.disabled && user.link_epoch == i64::from(token.epoch);
    mv_store::users::find(db, token.user)?.filter(current).ok_or_else(bad_link)?;
    let media = mv_store::media::find_for(db, token.user, id)?.filter(|media| media.deleted_at.is_none());
    Ok(media.ok_or_else(Error::not_found)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::{Role, SessionId};

    fn caller(link_epoch: i64) -> Caller {
        let session = SessionId::from_uuid(Uuid::from_u128(5));
        Caller::Session { user: UserId::from_uuid(Uuid::from_u128(9)), session, role: Role::User, link_epoch }
    }

    #[test]
    fn links_stay_for_a_window_and_live_between_one_and_two() {
        let links = Links::new(&RootKey::from_bytes([1; 32]), "http://127.0.0.1:8080/");
        let id = MediaId::from_uuid(Uuid::from_u128(7));
        let at = |seconds| Timestamp::from_seconds(1_700_000_000 / WINDOW * WINDOW + seconds);
        let url = links.content(&caller(0), id, at(1)).unwrap();
        assert!(url.starts_with("http://127.0.0.1:8080/api/v1/media/media_") && url.contains("/content?sig="), "{url}");
        assert_eq!(links.content(&caller(0), id, at(WINDOW)).unwrap(), url);
        assert_ne!(links.content(&caller(0), id, at(WINDOW + 1)).unwrap(), url);
        assert_ne!(links.content(&caller(1), id, at(1)).unwrap(), url, "a new password makes other links");
        for second in [1, 1800, WINDOW] {
            let left = window_end(at(second)) - at(second).seconds();
            assert!((WINDOW..2 * WINDOW).contains(&left), "{left}");
        }
        assert_eq!(links.content(&Caller::Link { user: caller(0).user() }, id, at(1)), None);
    }

    #[test]
    fn tokens_read_back_and_odd_ones_do_not() {
        let links = Links::new(&RootKey::from_bytes([1; 32]), "http://h");
        let id = MediaId::from_uuid(Uuid::from_u128(7));
        let url = links.sign(&caller(3), id, &LinkTo::Content(LinkUse { download: true }), 99).unwrap();
        let token = url.split("sig=").nth(1).unwrap();
        let read_back = Token::read(token).unwrap();
        assert_eq!((read_back.flags, read_back.expires, read_back.user, read_back.epoch), (1, 99, caller(3).user(), 3));
        assert_eq!(links.genuine(id, CONTENT, token), Some(read_back.clone()));
        assert_eq!(links.genuine(MediaId::from_uuid(Uuid::from_u128(8)), CONTENT, token), None, "of another item");
        assert_eq!(links.genuine(id, "512", token), None, "of another use");
        for place in 0..TOKEN_BYTES {
            let mut bytes = read_back.bytes();
            bytes[place] ^= 1;
            assert_eq!(links.genuine(id, CONTENT, &URL_SAFE_NO_PAD.encode(bytes)), None, "byte {place} changed");
        }
        for bad in ["", "x", &token[1..], &format!("{token}AA"), &token.replace(|c: char| c.is_ascii_digit(), "!")] {
            assert_eq!(Token::read(bad), None, "{bad}");
        }
    }
}
