//! The scenarios: what is asked, of whom, and how often at once.
//! Promise: every subject gets the same contents from the same client; a scenario first settles the disk.
//! Not here: rounds and their order (`rounds`), targets (`targets`).

mod accounts;
mod addresses;
mod downloads;
mod fan_out;
mod large;
mod pages;
mod pictures;
pub(crate) mod product;
mod start;
mod uploads;
mod webhooks;

use crate::client::Load;
use crate::content::Pool;
use crate::error::{Error, Result};
use crate::figures::Figures;
use crate::limits::Limit;
use crate::machine;
use crate::peers;
use crate::settings::Settings;
use crate::subject::Subject;

pub(crate) use pages::Place;

/// Size of a small file, and how many of them each subject holds for the download scenarios.
pub(crate) const SMALL: usize = 20 * 1024;
/// See [`SMALL`].
pub(crate) const SMALL_FILES: u64 = 500;
const MEDIUM: usize = 200 * 1024;

/// Names of the subjects that are no peers.
pub(crate) const PRODUCT: &str = "product";
/// The bare axum server.
pub(crate) const BARE: &str = "bare axum";
/// The bare hub.
pub(crate) const HUB: &str = "tokio hub";
/// The bare hub that writes together what waits for one socket: what the product does as well.
pub(crate) const HUB_TOGETHER: &str = "tokio hub, writing together";
/// The machine itself.
pub(crate) const LIMIT: &str = "limit";

/// One scenario.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Scenario {
    /// One of the machine's limits.
    Limit(Limit),
    /// Multipart uploads of so many bytes over so many connections.
    Upload(usize, usize),
    /// One large file in one request.
    UploadLarge,
    /// The same by tus in chunks of 8 MiB.
    UploadTus,
    /// 50 uploads of a fifth of the large file at once: memory.
    UploadMany,
    /// Downloads of small files over so many connections.
    Download(usize),
    /// The large file, one connection.
    DownloadLarge,
    /// Random ranges of 1 MiB of it, 8 connections.
    Ranges,
    /// A thumbnail that was made before over 8 connections, or an original of its size.
    Thumbnail(bool),
    /// The caller's own record over so many connections.
    OwnUser(usize),
    /// A page of 20 from a library of so many items, 8 connections.
    Page(Place, u64),
    /// A million addresses that ask once or twice each: memory.
    Addresses,
    /// Logins over 4 connections, with a bystander asking for its own record.
    Login,
    /// Events to so many sockets, as fast as they go.
    FanOut(usize),
    /// 20 events a second to 1000 sockets.
    FanOutPaced,
    /// So many sockets that hear nothing: memory.
    IdleSockets(usize),
    /// Deliveries to one webhook from a backlog.
    Webhooks,
    /// A thousand deliveries a second: how late.
    WebhooksPaced,
    /// Collections changed over 8 connections, each change told to a webhook or to none.
    Changes(bool),
    /// From the start to the first good answer; idle memory; size of the program. Items in the library.
    Start(u64),
}

/// What every scenario needs.
pub(crate) struct Context<'a> {
    /// The command line.
    pub(crate) settings: &'a Settings,
    /// Where contents are drawn from; at least as long as the large file.
    pub(crate) pool: &'a Pool,
    /// The library of the list scenarios, once there is one.
    pub(crate) library: Option<pages::Library>,
}

impl Context<'_> {
    /// A load on `subject` as the settings say.
    fn load<'b>(&'b self, subject: &Subject) -> Load<'b> {
        Load {
            address: subject.server.address(),
            pid: subject.server.pid(),
            disk: &self.settings.work,
            warm_up: self.settings.warm_up(),
            measured: self.settings.measured(),
        }
    }
}

impl Scenario {
    /// All of them, in the order in which they run; the list scenarios up to `items`.
    pub(crate) fn all(items: u64) -> Vec<Scenario> {
        use Scenario::{
            Addresses, Changes, Download, DownloadLarge, FanOut, IdleSockets, Login, OwnUser, Page, Ranges, Start,
            Upload, UploadLarge,
        };
        let limit = Scenario::Limit;
        let mut all = vec![
            Start(0),
            limit(Limit::Loopback),
            limit(Limit::HashAndSeal),
            OwnUser(1),
            OwnUser(64),
            Addresses,
            limit(Limit::Argon2),
            Login,
            FanOut(1000),
            FanOut(10_000),
            Scenario::FanOutPaced,
            IdleSockets(10_000),
            Scenario::Webhooks,
            Scenario::WebhooksPaced,
            Changes(false),
            Changes(true),
            limit(Limit::Sync(1)),
            limit(Limit::Sync(8)),
            limit(Limit::Sync(64)),
            limit(Limit::FileAlone(SMALL)),
            Upload(SMALL, 1),
            Upload(SMALL, 8),
            limit(Limit::FilesGrouped(SMALL)),
            Upload(SMALL, 64),
            limit(Limit::FileAlone(MEDIUM)),
            Upload(MEDIUM, 1),
            Upload(MEDIUM, 8),
            limit(Limit::FilesGrouped(MEDIUM)),
            Upload(MEDIUM, 64),
            Download(1),
            Download(64),
            Scenario::Thumbnail(false),
            Scenario::Thumbnail(true),
            limit(Limit::LargeBuffered),
            limit(Limit::LargeDirect),
            UploadLarge,
            Scenario::UploadTus,
            Scenario::UploadMany,
            DownloadLarge,
            Ranges,
        ];
        for size in [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|size| *size <= items) {
            all.extend([Place::First, Place::Cursor, Place::Middle, Place::Last].map(|place| Page(place, size)));
            all.push(Start(size));
        }
        all
    }

    /// Its name in the report.
    pub(crate) fn name(self) -> String {
        let kibibytes = |bytes: usize| format!("{} KiB", bytes / 1024);
        match self {
            Scenario::Limit(Limit::Loopback) => "loopback TCP, one stream".to_owned(),
            Scenario::Limit(Limit::HashAndSeal) => "SHA-256 then AES-256-GCM, one core".to_owned(),
            Scenario::Limit(Limit::Argon2) => "Argon2id m=19456 t=2, one core".to_owned(),
            Scenario::Limit(Limit::Sync(threads)) => format!("4 KiB append and fdatasync, {threads} threads"),
            Scenario::Limit(Limit::FileAlone(size)) => format!("durable file alone, {}", kibibytes(size)),
            Scenario::Limit(Limit::FilesGrouped(size)) => format!("durable files grouped, {}", kibibytes(size)),
            Scenario::Limit(Limit::LargeBuffered) => "large file written and synced, buffered".to_owned(),
            Scenario::Limit(Limit::LargeDirect) => "large file written and synced, O_DIRECT".to_owned(),
            Scenario::Upload(size, connections) => format!("upload {}, c={connections}", kibibytes(size)),
            Scenario::UploadLarge => "upload large file".to_owned(),
            Scenario::UploadTus => "upload large file by tus".to_owned(),
            Scenario::UploadMany => "upload 50 files at once".to_owned(),
            Scenario::Download(connections) => format!("download 20 KiB, c={connections}"),
            Scenario::Thumbnail(false) => "content of a thumbnail's size, c=8".to_owned(),
            Scenario::Thumbnail(true) => "thumbnail made before, c=8".to_owned(),
            Scenario::DownloadLarge => "download large file".to_owned(),
            Scenario::Ranges => "ranges of 1 MiB, c=8".to_owned(),
            Scenario::OwnUser(connections) => format!("own user, c={connections}"),
            Scenario::Page(place, items) => format!("list of 20 in {items}, {}, c=8", place.name()),
            Scenario::Addresses => "a million addresses".to_owned(),
            Scenario::Login => "login, c=4".to_owned(),
            Scenario::FanOut(sockets) => format!("fan-out to {sockets} sockets"),
            Scenario::FanOutPaced => "20 events a second to 1000 sockets".to_owned(),
            Scenario::IdleSockets(sockets) => format!("{sockets} idle sockets"),
            Scenario::Webhooks => "webhooks from a backlog".to_owned(),
            Scenario::WebhooksPaced => "webhooks at 1000 a second".to_owned(),
            Scenario::Changes(false) => "collections changed, no webhook, c=8".to_owned(),
            Scenario::Changes(true) => "collections changed, each to a webhook, c=8".to_owned(),
            Scenario::Start(0) => "start".to_owned(),
            Scenario::Start(items) => format!("start with {items} items"),
        }
    }

    /// The subjects that take part, in the order of even rounds.
    pub(crate) fn subjects(self) -> Vec<&'static str> {
        let peers = |names: &[usize]| names.iter().filter_map(|at| peers::NAMES.get(*at).copied()).collect::<Vec<_>>();
        // Positions in peers::NAMES: 0 PocketBase, 1 and 2 SeaweedFS, 3 nginx, 4 and 5 Express, 6 tus-node, 7 ws.
        let (own, rest): (&[&'static str], _) = match self {
            Scenario::Limit(_) => (&[LIMIT], Vec::new()),
            Scenario::Upload(..) => (&[PRODUCT, BARE], peers(&[0, 1, 2, 4, 5])),
            Scenario::UploadLarge => (&[PRODUCT, BARE], peers(&[0, 1, 2, 4])),
            Scenario::UploadTus => (&[PRODUCT], peers(&[6])),
            Scenario::UploadMany | Scenario::Addresses | Scenario::Thumbnail(_) => (&[PRODUCT], Vec::new()),
            Scenario::Download(_) | Scenario::DownloadLarge | Scenario::Ranges => (&[PRODUCT], peers(&[0, 1, 3, 4])),
            Scenario::OwnUser(_) => (&[PRODUCT, BARE], peers(&[0, 3, 4])),
            Scenario::Page(Place::First, 100_000) => (&[PRODUCT, BARE], peers(&[0])),
            Scenario::Page(Place::Cursor, 100_000) => (&[PRODUCT], peers(&[0])),
            Scenario::Page(..) => (&[PRODUCT], Vec::new()),
            Scenario::Login => (&[PRODUCT], peers(&[0])),
            Scenario::FanOut(_) => (&[PRODUCT, HUB, HUB_TOGETHER], peers(&[7])),
            Scenario::FanOutPaced | Scenario::IdleSockets(_) => (&[PRODUCT, HUB], peers(&[7])),
            Scenario::Webhooks | Scenario::WebhooksPaced | Scenario::Changes(_) => (&[PRODUCT], Vec::new()),
            Scenario::Start(0) => (&[PRODUCT, BARE], peers(&[0, 1, 3, 4, 6])),
            Scenario::Start(_) => (&[PRODUCT], Vec::new()),
        };
        own.iter().copied().chain(rest).collect()
    }

    /// Measures it once on one subject.
    pub(crate) fn measure(self, subject: &mut Subject, context: &mut Context) -> Result<Figures> {
        subject.renew()?;
        machine::settle();
        match self {
            Scenario::Limit(_) => Err(Error::Missing("a limit has no subject".to_owned())),
            Scenario::Upload(size, connections) => uploads::small(subject, context, size, connections),
            Scenario::UploadLarge => large::one_request(subject, context),
            Scenario::UploadTus => large::tus(subject, context),
            Scenario::UploadMany => large::many(subject, context),
            Scenario::Download(connections) => downloads::small(subject, context, connections),
            Scenario::DownloadLarge => downloads::large(subject, context),
            Scenario::Ranges => downloads::ranges(subject, context),
            Scenario::Thumbnail(made) => pictures::measure(subject, context, made),
            Scenario::OwnUser(connections) => accounts::own_user(subject, context, connections),
            Scenario::Page(place, items) => pages::page(subject, context, place, items),
            Scenario::Addresses => addresses::measure(subject, context),
            Scenario::Login => accounts::login(subject, context),
            Scenario::FanOut(sockets) => fan_out::flood(subject, context, sockets),
            Scenario::FanOutPaced => fan_out::paced(subject),
            Scenario::IdleSockets(sockets) => fan_out::idle(subject, context, sockets),
            Scenario::Webhooks => webhooks::backlog(subject, context),
            Scenario::WebhooksPaced => webhooks::paced(subject, context),
            Scenario::Changes(told) => webhooks::changes(subject, context, told),
            Scenario::Start(items) => start::measure(subject, context, items),
        }
    }
}

/// Asks the same thing over and over, and wants the same status and, if given, the same length each time: but for a few
/// bytes, since times are written with as many digits as they need.
struct Repeat {
    request: crate::client::Request,
    status: u16,
    length: Option<u64>,
}

impl crate::client::Exchange for Repeat {
    fn next(&mut self) -> (crate::client::Request, crate::client::Keep) {
        (self.request.clone(), crate::client::Keep::Nothing)
    }

    fn judge(&mut self, answer: &crate::client::Answer) -> std::result::Result<(), String> {
        if answer.status == self.status && self.length.is_none_or(|length| length.abs_diff(answer.length) <= 8) {
            Ok(())
        } else {
            Err(answer.summary())
        }
    }
}

/// `connections` exchanges that all ask `request`; it is asked once beforehand, to know the right answer's length.
fn repeated(
    subject: &Subject,
    request: &crate::client::Request,
    connections: usize,
) -> Result<Vec<Box<dyn crate::client::Exchange>>> {
    let answer = crate::client::ask(subject.server.address(), request, crate::client::Keep::Body)?;
    if answer.status != 200 {
        return Err(Error::Missing(format!("{}: {}: {}", subject.name, request.line(), answer.summary())));
    }
    let one = || Repeat { request: request.clone(), status: 200, length: Some(answer.length) };
    Ok((0..connections).map(|_| Box::new(one()) as Box<dyn crate::client::Exchange>).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_subjects_exist() {
        let all = Scenario::all(1_000_000);
        let names: BTreeSet<String> = all.iter().map(|scenario| scenario.name()).collect();
        assert_eq!(names.len(), all.len());
        for scenario in all {
            for subject in scenario.subjects() {
                let known =
                    [PRODUCT, BARE, HUB, HUB_TOGETHER, LIMIT].contains(&subject) || peers::NAMES.contains(&subject);
                assert!(known, "{subject} in {}", scenario.name());
            }
        }
    }

    #[test]
    fn fewer_items_mean_fewer_list_scenarios() {
        let pages = |items| Scenario::all(items).iter().filter(|one| matches!(one, Scenario::Page(..))).count();
        assert_eq!((pages(0), pages(10_000), pages(1_000_000)), (0, 8, 16));
    }
}
