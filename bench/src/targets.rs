//! What is good enough: ratios between product, peers and limits **of the same round**, with their floors.
//! Promise: a target is met by the median of the rounds' ratios; without both figures it is "not measured", never met.
//! Not here: absolute speeds. The few absolute targets (start, memory, size) say so in their wording.

use std::fmt::Write as _;

use crate::figures::{Metric, spread};
use crate::limits::Limit;
use crate::machine;
use crate::report::{Results, number};
use crate::scenarios::{BARE, HUB, LIMIT, PRODUCT, Place, SMALL, Scenario};

const MEDIUM: usize = 200 * 1024;
const POCKETBASE: &str = "PocketBase";
const SEAWEEDFS: &str = "SeaweedFS";
const SEAWEEDFS_SYNCED: &str = "SeaweedFS fsync";
const NGINX: &str = "nginx";
const EXPRESS: &str = "Express";
const EXPRESS_SYNCED: &str = "Express fsync";
const TUS: &str = "tus-node";
const WS: &str = "ws on Node";

/// A number of one round.
#[derive(Clone, Copy)]
enum Quantity {
    Of(Scenario, &'static str, Metric),
    /// The best of several subjects in one scenario.
    Best(Scenario, &'static [&'static str], Metric),
    Computed(fn(&Results, usize) -> Option<f64>),
    Fixed(f64),
}

/// Where the ratio must lie.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// One target.
struct Target {
    says: &'static str,
    ours: Quantity,
    against: Quantity,
    bound: Bound,
}

impl Quantity {
    fn of_round(self, results: &Results, round: usize) -> Option<f64> {
        match self {
            Quantity::Of(scenario, subject, metric) => results.value(round, &scenario.name(), subject, metric),
            Quantity::Best(scenario, subjects, metric) => subjects
                .iter()
                .filter_map(|subject| results.value(round, &scenario.name(), subject, metric))
                .max_by(f64::total_cmp),
            Quantity::Computed(compute) => compute(results, round),
            Quantity::Fixed(value) => Some(value),
        }
    }
}

fn limit(results: &Results, round: usize, limit: Limit, metric: Metric) -> Option<f64> {
    results.value(round, &Scenario::Limit(limit).name(), LIMIT, metric)
}

/// Three durable steps for each upload, eight at once.
fn third_of_eight_syncs(results: &Results, round: usize) -> Option<f64> {
    Some(limit(results, round, Limit::Sync(8), Metric::Rate)? / 3.0)
}

/// One durable file, then one synced append (which stands for the row's commit).
fn file_then_commit(results: &Results, round: usize) -> Option<f64> {
    let file = limit(results, round, Limit::FileAlone(SMALL), Metric::Rate)?;
    let commit = limit(results, round, Limit::Sync(1), Metric::Rate)?;
    Some(1.0 / (1.0 / file + 1.0 / commit))
}

/// Whatever is slower: the disk at its better way of writing, or hash and cipher.
fn large_upload(results: &Results, round: usize) -> Option<f64> {
    let buffered = limit(results, round, Limit::LargeBuffered, Metric::Throughput)?;
    let direct = limit(results, round, Limit::LargeDirect, Metric::Throughput);
    let cipher = limit(results, round, Limit::HashAndSeal, Metric::Throughput)?;
    Some(direct.map_or(buffered, |direct| direct.max(buffered)).min(cipher))
}

fn argon2_on_all_cores(results: &Results, round: usize) -> Option<f64> {
    Some(machine::cores() as f64 * 1e3 / limit(results, round, Limit::Argon2, Metric::P50)?)
}

/// What one large upload adds to the idle server, in MiB.
fn memory_of_large_upload(results: &Results, round: usize) -> Option<f64> {
    let peak = results.value(round, &Scenario::UploadLarge.name(), PRODUCT, Metric::PeakMemory)?;
    Some(peak - results.value(round, &Scenario::Start(0).name(), PRODUCT, Metric::IdleMemory)?)
}

const fn ours(scenario: Scenario, metric: Metric) -> Quantity {
    Quantity::Of(scenario, PRODUCT, metric)
}

const fn target(says: &'static str, ours: Quantity, bound: Bound, against: Quantity) -> Target {
    Target { says, ours, against, bound }
}

fn small_uploads() -> Vec<Target> {
    use Bound::AtLeast;
    use Metric::{Flushes, Rate};
    use Quantity::{Best, Computed, Fixed, Of};
    let grouped = |size| Of(Scenario::Limit(Limit::FilesGrouped(size)), LIMIT, Rate);
    let upload = |connections| Scenario::Upload(SMALL, connections);
    let (one, eight, many) = (upload(1), upload(8), upload(64));
    let medium = Scenario::Upload(MEDIUM, 64);
    vec![
        target("upload 20 KiB c=64 / grouped durable files", ours(many, Rate), AtLeast(0.6), grouped(SMALL)),
        target(
            "upload 20 KiB c=64 / SeaweedFS, not durable",
            ours(many, Rate),
            AtLeast(1.1),
            Of(many, SEAWEEDFS, Rate),
        ),
        target(
            "upload 20 KiB c=64 / SeaweedFS fsync",
            ours(many, Rate),
            AtLeast(2.3),
            Of(many, SEAWEEDFS_SYNCED, Rate),
        ),
        target(
            "upload 20 KiB c=8 / (8 threads of fdatasync / 3)",
            ours(eight, Rate),
            AtLeast(0.7),
            Computed(third_of_eight_syncs),
        ),
        target(
            "upload 20 KiB c=8 / SeaweedFS, not durable",
            ours(eight, Rate),
            AtLeast(1.1),
            Of(eight, SEAWEEDFS, Rate),
        ),
        target(
            "upload 20 KiB c=8 / SeaweedFS fsync",
            ours(eight, Rate),
            AtLeast(2.0),
            Of(eight, SEAWEEDFS_SYNCED, Rate),
        ),
        target(
            "upload 20 KiB c=1 / (file alone, then commit)",
            ours(one, Rate),
            AtLeast(0.85),
            Computed(file_then_commit),
        ),
        target("upload 20 KiB c=1 / SeaweedFS fsync", ours(one, Rate), AtLeast(1.3), Of(one, SEAWEEDFS_SYNCED, Rate)),
        target("flushes per upload at c=1, absolute", ours(one, Flushes), AtLeast(2.0), Fixed(1.0)),
        target("upload 200 KiB c=64 / grouped durable files", ours(medium, Rate), AtLeast(0.6), grouped(MEDIUM)),
        target(
            "upload 200 KiB c=64 / best peer",
            ours(medium, Rate),
            AtLeast(1.5),
            Best(medium, &[POCKETBASE, SEAWEEDFS, SEAWEEDFS_SYNCED, EXPRESS, EXPRESS_SYNCED], Rate),
        ),
    ]
}

fn large_uploads() -> Vec<Target> {
    use Bound::{AtLeast, AtMost};
    use Metric::{CpuPerGib, Throughput};
    use Quantity::{Computed, Fixed, Of};
    let large = Scenario::UploadLarge;
    vec![
        target(
            "upload large / min(disk, hash and cipher)",
            ours(large, Throughput),
            AtLeast(0.75),
            Computed(large_upload),
        ),
        target(
            "upload large / tus-node",
            ours(large, Throughput),
            AtLeast(1.7),
            Of(Scenario::UploadTus, TUS, Throughput),
        ),
        target("upload large, CPU s/GiB, absolute", ours(large, CpuPerGib), AtMost(1.7), Fixed(1.0)),
        target("upload large, MiB above idle, absolute", Computed(memory_of_large_upload), AtMost(32.0), Fixed(1.0)),
        target(
            "tus large / upload large",
            ours(Scenario::UploadTus, Throughput),
            AtLeast(0.75),
            ours(large, Throughput),
        ),
        target(
            "tus large / tus-node",
            ours(Scenario::UploadTus, Throughput),
            AtLeast(1.0),
            Of(Scenario::UploadTus, TUS, Throughput),
        ),
    ]
}

fn reads() -> Vec<Target> {
    use Bound::{AtLeast, AtMost};
    use Metric::{CpuPerGib, P50, P99, Rate, Throughput};
    use Quantity::{Best, Fixed, Of};
    let (small, large, ranges) = (Scenario::Download(64), Scenario::DownloadLarge, Scenario::Ranges);
    let (me, alone) = (Scenario::OwnUser(64), Scenario::OwnUser(1));
    let loopback = Of(Scenario::Limit(Limit::Loopback), LIMIT, Throughput);
    let page = |place| Scenario::Page(place, 100_000);
    let first = page(Place::First);
    vec![
        target("download 20 KiB c=64 / nginx", ours(small, Rate), AtLeast(0.3), Of(small, NGINX, Rate)),
        target("download 20 KiB c=64 / SeaweedFS", ours(small, Rate), AtLeast(3.0), Of(small, SEAWEEDFS, Rate)),
        target("download 20 KiB c=64, p99 / nginx", ours(small, P99), AtMost(3.0), Of(small, NGINX, P99)),
        target(
            "download large / best peer",
            ours(large, Throughput),
            AtLeast(0.9),
            Best(large, &[POCKETBASE, SEAWEEDFS, NGINX, EXPRESS], Throughput),
        ),
        target("download large / loopback", ours(large, Throughput), AtLeast(0.6), loopback),
        target("download large, CPU s/GiB, absolute", ours(large, CpuPerGib), AtMost(0.85), Fixed(1.0)),
        target("ranges c=8 / nginx", ours(ranges, Throughput), AtLeast(0.85), Of(ranges, NGINX, Throughput)),
        target(
            "thumbnail made before c=8 / content of its size",
            ours(Scenario::Thumbnail(true), Rate),
            AtLeast(1.0),
            ours(Scenario::Thumbnail(false), Rate),
        ),
        target("own user c=64 / bare axum", ours(me, Rate), AtLeast(0.5), Of(me, BARE, Rate)),
        target("own user c=64 / Express", ours(me, Rate), AtLeast(8.0), Of(me, EXPRESS, Rate)),
        target("own user c=64 / PocketBase", ours(me, Rate), AtLeast(12.0), Of(me, POCKETBASE, Rate)),
        target("own user c=1, p50 / bare axum", ours(alone, P50), AtMost(1.4), Of(alone, BARE, P50)),
        target(
            "list of 20 in 100 000 c=8 / bare axum, ready page",
            ours(first, Rate),
            AtLeast(0.15),
            Of(first, BARE, Rate),
        ),
        target("list of 20 in 100 000 c=8 / PocketBase", ours(first, Rate), AtLeast(55.0), Of(first, POCKETBASE, Rate)),
        target(
            "list of 20 in 100 000 c=8 / PocketBase, no total",
            ours(first, Rate),
            AtLeast(10.0),
            Of(page(Place::Cursor), POCKETBASE, Rate),
        ),
        target("last page by number / first page", ours(page(Place::Last), Rate), AtLeast(0.2), ours(first, Rate)),
        target(
            "deepest page by cursor / first page",
            ours(page(Place::Cursor), Rate),
            AtLeast(0.95),
            ours(first, Rate),
        ),
    ]
}

fn rest() -> Vec<Target> {
    use Bound::{AtLeast, AtMost};
    use Metric::{BystanderAlone, BystanderP99, IdleMemory, ProgramSize, Rate, Ready};
    use Quantity::{Computed, Fixed};
    let login = Scenario::Login;
    vec![
        target("login c=4 / Argon2id on all cores", ours(login, Rate), AtLeast(0.95), Computed(argon2_on_all_cores)),
        target(
            "own user p99 during logins / alone",
            ours(login, BystanderP99),
            AtMost(2.0),
            ours(login, BystanderAlone),
        ),
        target("ready, ms, absolute", ours(Scenario::Start(0), Ready), AtMost(60.0), Fixed(1.0)),
        target(
            "ready with 1 000 000 items, ms, absolute",
            ours(Scenario::Start(1_000_000), Ready),
            AtMost(60.0),
            Fixed(1.0),
        ),
        target(
            "a million addresses, peak MiB, absolute",
            ours(Scenario::Addresses, Metric::PeakMemory),
            AtMost(96.0),
            Fixed(1.0),
        ),
        target("idle memory, MiB, absolute", ours(Scenario::Start(0), IdleMemory), AtMost(30.0), Fixed(1.0)),
        target("size of the program, MiB, absolute", ours(Scenario::Start(0), ProgramSize), AtMost(40.0), Fixed(1.0)),
    ]
}

fn events() -> Vec<Target> {
    use Bound::{AtLeast, AtMost};
    use Metric::{P99, PerSocket, Rate};
    use Quantity::{Fixed, Of};
    let (few, many, paced) = (Scenario::FanOut(1000), Scenario::FanOut(10_000), Scenario::FanOutPaced);
    vec![
        target("fan-out to 1000 sockets / tokio hub", ours(few, Rate), AtLeast(0.75), Of(few, HUB, Rate)),
        target("fan-out to 1000 sockets / ws", ours(few, Rate), AtLeast(1.6), Of(few, WS, Rate)),
        target("fan-out to 10 000 sockets / tokio hub", ours(many, Rate), AtLeast(0.75), Of(many, HUB, Rate)),
        target("fan-out to 10 000 sockets / ws", ours(many, Rate), AtLeast(2.2), Of(many, WS, Rate)),
        target("20 events/s to 1000 sockets, p99 / tokio hub", ours(paced, P99), AtMost(1.3), Of(paced, HUB, P99)),
        target("idle socket, KiB, absolute", ours(Scenario::IdleSockets(10_000), PerSocket), AtMost(12.0), Fixed(1.0)),
        target("webhooks a second, absolute", ours(Scenario::Webhooks, Rate), AtLeast(5000.0), Fixed(1.0)),
        target(
            "webhooks at 1000/s, p99 lag ms, absolute",
            ours(Scenario::WebhooksPaced, P99),
            AtMost(100.0),
            Fixed(1.0),
        ),
        target(
            "changes told to a webhook / changes told to none",
            ours(Scenario::Changes(true), Rate),
            AtLeast(0.8),
            ours(Scenario::Changes(false), Rate),
        ),
    ]
}

fn all() -> Vec<Target> {
    [small_uploads(), large_uploads(), reads(), events(), rest()].into_iter().flatten().collect()
}

/// The table of targets: ratio, floor or ceiling, met or missed.
pub(crate) fn table(results: &Results) -> String {
    let mut text = "\n## Targets\n\n| target | ratio | wanted | |\n| --- | ---: | ---: | --- |\n".to_owned();
    for target in &all() {
        let _ = writeln!(text, "{}", line(target, results));
    }
    text
}

fn line(target: &Target, results: &Results) -> String {
    let ratios = (0..results.rounds()).filter_map(|round| {
        let ratio = target.ours.of_round(results, round)? / target.against.of_round(results, round)?;
        ratio.is_finite().then_some(ratio)
    });
    let (wanted, judge): (String, Box<dyn Fn(f64) -> bool>) = match target.bound {
        Bound::AtLeast(floor) => (format!(">= {floor}"), Box::new(move |ratio| ratio >= floor)),
        Bound::AtMost(ceiling) => (format!("<= {ceiling}"), Box::new(move |ratio| ratio <= ceiling)),
    };
    let (ratio, verdict) = match spread(ratios) {
        None => ("-".to_owned(), "not measured"),
        Some(all) => {
            let verdict = if judge(all.median) { "met" } else { "**missed**" };
            let range = if results.rounds() < 2 {
                String::new()
            } else {
                format!(" ({} to {})", number(all.low), number(all.high))
            };
            (number(all.median) + &range, verdict)
        }
    };
    format!("| {} | {ratio} | {wanted} | {verdict} |", target.says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers;
    use crate::report::tests::rates;

    #[test]
    fn verdicts_follow_the_ratio() {
        let name = Scenario::Upload(SMALL, 64).name();
        let met = rates(&[(&name, PRODUCT, 2_300.0), (&name, SEAWEEDFS_SYNCED, 1_000.0), (&name, SEAWEEDFS, 2_200.0)]);
        let text = table(&met);
        assert!(text.contains("| upload 20 KiB c=64 / SeaweedFS fsync | 2.30 | >= 2.3 | met |"), "{text}");
        assert!(
            text.contains("| upload 20 KiB c=64 / SeaweedFS, not durable | 1.05 | >= 1.1 | **missed** |"),
            "{text}"
        );
        assert!(text.contains("| upload 20 KiB c=64 / grouped durable files | - | >= 0.6 | not measured |"), "{text}");
    }

    #[test]
    fn computed_limits() {
        let name = |limit| Scenario::Limit(limit).name();
        let (alone, sync, eight) = (name(Limit::FileAlone(SMALL)), name(Limit::Sync(1)), name(Limit::Sync(8)));
        let results = rates(&[(&alone, LIMIT, 1_000.0), (&sync, LIMIT, 4_000.0), (&eight, LIMIT, 9_000.0)]);
        assert_eq!(file_then_commit(&results, 0).map(f64::round), Some(800.0));
        assert_eq!(third_of_eight_syncs(&results, 0), Some(3_000.0));
        assert_eq!(large_upload(&results, 0), None, "nothing was measured for it");
    }

    #[test]
    fn every_figure_that_a_target_reads_is_taken() {
        let scenarios = Scenario::all(1_000_000);
        let taken = |quantity: Quantity| match quantity {
            Quantity::Of(scenario, subject, _) => {
                scenarios.contains(&scenario) && scenario.subjects().contains(&subject)
            }
            Quantity::Best(scenario, subjects, _) => {
                scenarios.contains(&scenario) && subjects.iter().all(|one| scenario.subjects().contains(one))
            }
            Quantity::Computed(_) | Quantity::Fixed(_) => true,
        };
        for target in all() {
            assert!(taken(target.ours) && taken(target.against), "{}", target.says);
        }
        for name in [POCKETBASE, SEAWEEDFS, SEAWEEDFS_SYNCED, NGINX, EXPRESS, EXPRESS_SYNCED, TUS, WS] {
            assert!(peers::NAMES.contains(&name), "{name}");
        }
    }
}
