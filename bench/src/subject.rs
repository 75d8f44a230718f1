//! A subject: a running server and the few requests by which it takes and gives files.
//! Promise: product and peers are asked in their own dialect, by the same client and with the same contents; what was
//! uploaded is fetched back and compared byte for byte.
//! Not here: starting them (`scenarios::product`, `peers`).

use std::net::SocketAddr;
use std::sync::Arc;

use crate::client::{Answer, Keep, Request, ask};
use crate::content::Content;
use crate::error::{Error, Result};
use crate::process::Server;

/// How a subject takes a file in one request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// multipart/form-data with the part `file`.
    Multipart,
    /// The body as it is.
    Raw,
}

/// The requests of one subject. Cheap to clone: connections hold one each.
#[derive(Clone)]
pub(crate) struct Dialect {
    /// Header lines sent with every request (credentials), each with its CRLF.
    pub(crate) headers: Arc<str>,
    /// Path of an upload; `{number}` becomes a number never used before. Empty: takes no uploads.
    pub(crate) upload: &'static str,
    /// Where an upload of a large file goes, and how; `None`: in the same way as a small one.
    pub(crate) large: Form,
    /// From the answer to an upload (and its number) to the path of the stored file.
    pub(crate) stored_at: fn(&Answer, u64) -> Option<String>,
    /// Where tus uploads are created, for those who speak it.
    pub(crate) tus: Option<&'static str>,
    /// Path of the caller's own record.
    pub(crate) own_user: Option<Arc<str>>,
    /// Path and body of a login.
    pub(crate) login: Option<(&'static str, serde_json::Value)>,
}

impl Dialect {
    /// A dialect with nothing in it but the credentials.
    pub(crate) fn new(headers: &str) -> Dialect {
        Dialect {
            headers: headers.into(),
            upload: "",
            large: Form::Multipart,
            stored_at: |_, _| None,
            tus: None,
            own_user: None,
            login: None,
        }
    }

    /// The upload of `content` as number `number`.
    pub(crate) fn upload(&self, form: Form, content: Content, number: u64) -> Result<Request> {
        if self.upload.is_empty() {
            return Err(Error::Missing("takes no uploads".to_owned()));
        }
        let path = self.upload.replace("{number}", &number.to_string());
        Ok(match form {
            Form::Multipart => Request::multipart(&path, &self.headers, &format!("file-{number}.bin"), content),
            Form::Raw => {
                let headers = format!(
                    "{}Content-Type: application/octet-stream\r\n\
                     Content-Disposition: attachment; filename*=UTF-8''file-{number}.bin\r\n",
                    self.headers
                );
                Request::raw("POST", &path, &headers, content)
            }
        })
    }

    /// A GET with the subject's credentials.
    pub(crate) fn get(&self, path: &str) -> Request {
        Request::get(path, &self.headers)
    }
}

/// A file that a subject holds.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Where a GET finds it.
    pub(crate) path: String,
    /// Its length in bytes.
    pub(crate) size: u64,
    /// Its SHA-256.
    pub(crate) digest: [u8; 32],
}

/// A running server, what it is called, and what it holds for the download scenarios.
pub(crate) struct Subject {
    /// As it is called in the report.
    pub(crate) name: &'static str,
    /// The process. Dropped, it ends.
    pub(crate) server: Server,
    /// Its requests.
    pub(crate) dialect: Dialect,
    /// Signs in anew, where credentials run out during a run.
    pub(crate) sign_in: Option<fn(SocketAddr) -> Result<String>>,
    /// 20 KiB files to download.
    pub(crate) small: Vec<Stored>,
    /// The large file to download.
    pub(crate) large: Option<Stored>,
    /// From its start to its first good answer.
    pub(crate) ready: std::time::Duration,
    /// Resident memory in MiB before anything was asked.
    pub(crate) idle_mib: f64,
}

impl Subject {
    /// Uploads one file outside of any timed part.
    pub(crate) fn store(&self, form: Form, content: Content, number: u64) -> Result<Stored> {
        let (size, digest) = (content.len() as u64, content.digest());
        let request = self.dialect.upload(form, content, number)?;
        let answer = ask(self.server.address(), &request, Keep::Body)?;
        let path = (self.dialect.stored_at)(&answer, number).filter(|_| answer.status / 100 == 2);
        let path = path.ok_or_else(|| Error::Wrong(format!("{}: upload refused: {}", self.name, answer.summary())))?;
        Ok(Stored { path, size, digest })
    }

    /// Fetches a stored file and compares it with what was sent.
    pub(crate) fn verify(&self, stored: &Stored) -> Result<()> {
        let answer = ask(self.server.address(), &self.dialect.get(&stored.path), Keep::Digest)?;
        if answer.status == 200 && answer.length == stored.size && answer.digest == Some(stored.digest) {
            return Ok(());
        }
        Err(Error::Wrong(format!("{}: a stored file came back otherwise: {}", self.name, answer.summary())))
    }

    /// Signs in again where the subject's credentials run out.
    pub(crate) fn renew(&mut self) -> Result<()> {
        if let Some(sign_in) = self.sign_in {
            self.dialect.headers = sign_in(self.server.address())?.into();
        }
        Ok(())
    }
}
