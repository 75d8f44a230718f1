//! The two tokens of a session: the access token, a JWT (RFC 7519) of one fixed algorithm, and the refresh token.
//! Both are derived from the session and its generation, so asking twice for a successor gives the very same one, and
//! the database holds nothing that would let its reader in.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use mv_blobs::RootKey;
use mv_core::session::{ACCESS_LIFE, Session};
use mv_core::{Error, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who makes the tokens, and for whom.
const ISSUER: &str = "mediavault";
const AUDIENCE: &str = "mediavault-api";
/// What stands before a refresh token, so that leaked ones are found.
const REFRESH_PREFIX: &str = "mvr_";
/// Session id, generation, MAC.
const REFRESH_BYTES: usize = 16 + 4 + 32;

/// The keys of access tokens: the first signs, all verify, so that keys are rotated without logging anyone out. Tokens
/// do not say which key signed them: there are few, and what nobody sends nobody can bend.
#[derive(PartialEq, Eq)]
pub struct JwtKeys(Vec<[u8; 32]>);

impl JwtKeys {
    /// From the keys in order, the signing one first; at least one.
    pub fn new(keys: Vec<[u8; 32]>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }
}

/// What an access token says (contract section 3); `gen` is the session's generation that it belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    jti: String,
    iat: i64,
    exp: i64,
    r#gen: u32,
    /// Never set here; what an operator's own tokens say is kept to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// What a genuine token stands for; whether its session lives is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// Whose it is.
    pub user: UserId,
    /// Of which session.
    pub session: SessionId,
    /// Of which generation of the session.
    pub generation: u32,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The keys as the library takes them.
struct Ring {
    keys: JwtKeys,
    signing: EncodingKey,
    verifying: Vec<DecodingKey>,
}

impl From<JwtKeys> for Ring {
    fn from(keys: JwtKeys) -> Self {
        let signing = EncodingKey::from_secret(keys.0.first().map_or(&[][..], |key| &key[..]));
        let verifying = keys.0.iter().map(|key| DecodingKey::from_secret(key)).collect();
        Self { keys, signing, verifying }
    }
}

/// Makes and checks both tokens.
pub struct Tokens {
    ring: RwLock<Arc<Ring>>,
    validation: Validation,
    header: Header,
    derive: hmac::Key,
}

impl Tokens {
    /// With the keys of access tokens; refresh tokens are derived from the root key.
    pub fn new(keys: JwtKeys, root: &RootKey) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Time is judged by the injected clock, in `check`.
        validation.validate_exp = false;
        Self {
            ring: RwLock::new(Arc::new(keys.into())),
            validation,
            header: Header::new(Algorithm::HS256),
            derive: hmac::Key::new(hmac::HMAC_SHA256, root.subkey("session-tokens").bytes()),
        }
    }

    /// Takes other keys from now on; says whether they differ from those before.
    pub(crate) fn replace_keys(&self, keys: JwtKeys) -> bool {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let differs = ring.keys != keys;
        if differs {
            *ring = Arc::new(keys.into());
        }
        differs
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The access token of a session's current generation, and when it expires: never later than the session.
    pub(crate) fn access(&self, session: &Session) -> crate::Result<(String, Timestamp)> {
        let expires_at = session.rotated_at.plus(ACCESS_LIFE).min(session.expires_at);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: session.user_id,
            sid: session.id,
            jti: URL_SAFE_NO_PAD
                .encode(self.mac("jti", session.id, session.generation).as_ref().get(..16).unwrap_or_default()),
            iat: session.rotated_at.seconds(),
            exp: expires_at.seconds(),
            r#gen: session.generation,
            nbf: None,
        };
        let token =
            jsonwebtoken::encode(&self.header, &claims, &self.ring().signing).map_err(crate::Error::internal)?;
        Ok((token, expires_at))
    }

    /// Checks an access token's signature, form and time.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Bearer, Error> {
        let bad = || Error::unauthorized("The access token is not valid");
        let claims = self
            .ring()
            .verifying
            .iter()
            .find_map(|key| jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok())
            .ok_or_else(bad)?
            .claims;
        let expires_at = Timestamp::from_seconds(claims.exp);
        let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
        if now >= expires_at || now.seconds() + 5 < begins {
            return Err(Error::unauthorized("The access token has expired"));
        }
        Ok(Bearer { user: claims.sub, session: claims.sid, generation: claims.r#gen, expires_at })
    }

    /// The refresh token of a session's generation.
    pub(crate) fn refresh(&self, id: SessionId, generation: u32) -> String {
        let mut bytes = Vec::with_capacity(REFRESH_BYTES);
        bytes.extend_from_slice(id.uuid().as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(self.mac("refresh", id, generation).as_ref());
        format!("{REFRESH_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The session and generation of a genuine refresh token.
    pub fn read_refresh(&self, token: &str) -> Option<(SessionId, u32)> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(REFRESH_PREFIX)?).ok()?;
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<4>()?;
        let (id, generation) = (SessionId::from_uuid(Uuid::from_bytes(*id)), u32::from_be_bytes(*generation));
        constant_time::verify_slices_are_equal(self.mac("refresh", id, generation).as_ref(), mac).ok()?;
        Some((id, generation))
    }

    fn mac(&self, purpose: &str, id: SessionId, generation: u32) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.derive);
        context.update(purpose.as_bytes());
        context.update(id.uuid().as_bytes());
        context.update(&generation.to_be_bytes());
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::session::SESSION_LIFE;

    fn tokens() -> Tokens {
        Tokens::new(JwtKeys::new(vec![[7; 32], [8; 32]]).unwrap(), &RootKey::from_bytes([1; 32]))
    }

    fn session(generation: u32) -> Session {
        let start = Timestamp::from_seconds(1_700_000_000);
        Session {
            id: SessionId::from_uuid(Uuid::from_u128(1)),
            user_id: UserId::from_uuid(Uuid::from_u128(2)),
            generation,
            rotated_at: start,
            expires_at: start.plus(SESSION_LIFE),
            revoked_at: None,
            created_at: start,
        }
    }

    #[test]
    fn the_same_generation_gives_the_same_tokens() {
        let (tokens, held) = (tokens(), session(3));
        let (one, expires_at) = tokens.access(&held).unwrap();
        assert_eq!(tokens.access(&held).unwrap().0, one);
        assert_ne!(tokens.access(&session(4)).unwrap().0, one);
        assert_eq!(expires_at.since(held.rotated_at), ACCESS_LIFE);
        let bearer = tokens.check(&one, held.rotated_at).unwrap();
        assert_eq!(bearer, Bearer { user: held.user_id, session: held.id, generation: 3, expires_at });
        assert!(tokens.check(&one, expires_at).is_err(), "expired");
        let refresh = tokens.refresh(held.id, 3);
        assert_eq!(tokens.read_refresh(&refresh), Some((held.id, 3)));
    }

    #[test]
    fn an_older_key_still_verifies_and_a_foreign_one_does_not() {
        let now = session(0).rotated_at;
        let old = Tokens::new(JwtKeys::new(vec![[8; 32]]).unwrap(), &RootKey::from_bytes([1; 32]));
        let foreign = Tokens::new(JwtKeys::new(vec![[9; 32]]).unwrap(), &RootKey::from_bytes([2; 32]));
        assert!(tokens().check(&old.access(&session(0)).unwrap().0, now).is_ok());
        assert!(tokens().check(&foreign.access(&session(0)).unwrap().0, now).is_err());
        let rotated = tokens();
        assert!(!rotated.replace_keys(JwtKeys::new(vec![[7; 32], [8; 32]]).unwrap()), "the same keys");
        assert!(rotated.replace_keys(JwtKeys::new(vec![[9; 32], [8; 32]]).unwrap()));
        assert!(rotated.check(&old.access(&session(0)).unwrap().0, now).is_ok());
        assert!(rotated.check(&rotated.access(&session(0)).unwrap().0, now).is_ok());
        assert!(tokens().check(&rotated.access(&session(0)).unwrap().0, now).is_err(), "another key signs now");
        assert!(rotated.check(&tokens().access(&session(0)).unwrap().0, now).is_err(), "the key that went");
        assert_eq!(tokens().read_refresh(&foreign.refresh(session(0).id, 0)), None);
    }

    #[test]
    fn forged_and_odd_tokens_are_refused() {
        let (tokens, now) = (tokens(), session(0).rotated_at);
        let (good, _) = tokens.access(&session(0)).unwrap();
        let parts: Vec<&str> = good.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let claims = |text: &str| {
            let body = format!("{}.{}", parts[0], URL_SAFE_NO_PAD.encode(text));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), body.as_bytes());
            format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag))
        };
        let real = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        assert!(tokens.check(&claims(&real), now).is_ok(), "the test signs as the server does");
        for bad in [
            String::new(),
            "a.b.c".into(),
            format!("{none}.{}.", parts[1]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}.{}x", parts[0], parts[1], parts[2]),
            format!("{good}.{good}"),
            claims(&real.replace(AUDIENCE, "other")),
            claims(&real.replace(r#""iss":"mediavault""#, r#""iss":"other""#)),
            claims(&real.replace("\"exp\":", "\"nope\":")),
            claims(&real.replace("\"sid\":", "\"nope\":")),
            claims("{}"),
        ] {
            assert!(tokens.check(&bad, now).is_err(), "{bad}");
        }
        let refresh = tokens.refresh(session(0).id, 0);
        for bad in ["", "mvr_", &refresh[4..], &refresh[..60], &format!("{refresh}A"), &refresh.replace("mvr_", "mvk_")]
        {
            assert_eq!(tokens.read_refresh(bad), None, "{bad}");
        }
    }
}
