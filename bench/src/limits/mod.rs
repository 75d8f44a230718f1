//! What the machine can do at best, measured in the same run as everything else: memory, ciphers, hashes, disk.
//! Promise: each limit runs alone and for a bounded time. Not here: the bare HTTP server (`bare`), which is measured
//! as a subject of its own.

pub(crate) mod disk;
pub(crate) mod files;
pub(crate) mod large;
pub(crate) mod memory;

use std::time::Duration;

use crate::content::Pool;
use crate::error::Result;
use crate::figures::{Figures, Metric};
use crate::machine;
use crate::settings::Settings;

/// One limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Limit {
    /// One TCP stream over loopback.
    Loopback,
    /// SHA-256, then AES-256-GCM, on one core.
    HashAndSeal,
    /// Argon2id at OWASP's parameters, one core.
    Argon2,
    /// A 4 KiB append and an fdatasync, by so many threads.
    Sync(usize),
    /// A durable file of so many bytes, each alone.
    FileAlone(usize),
    /// The same in batches of 64, synced by 16 threads, one directory fsync.
    FilesGrouped(usize),
    /// The large file written through the page cache and synced.
    LargeBuffered,
    /// The same past the page cache.
    LargeDirect,
}

/// Measures one limit, in `settings.work`'s folder `limits`.
pub(crate) fn measure(limit: Limit, settings: &Settings, pool: &Pool) -> Result<Figures> {
    let folder = settings.work.join("data/limits");
    machine::fresh_folder(&folder)?;
    machine::settle();
    let span = settings.measured();
    match limit {
        Limit::Loopback => Ok(Figures::default().with(Metric::Throughput, memory::loopback(span)?)),
        Limit::HashAndSeal => {
            let bytes_per_second = memory::hash_and_seal(span, pool)?;
            let per_gib = (1_u64 << 30) as f64 / bytes_per_second;
            Ok(Figures::default().with(Metric::Throughput, bytes_per_second / 1e6).with(Metric::CpuPerGib, per_gib))
        }
        Limit::Argon2 => Ok(of_latencies(memory::argon2(span)?, 1)),
        Limit::Sync(threads) => Ok(of_latencies(disk::append_and_sync(&folder, threads, span)?, threads)),
        Limit::FileAlone(size) => Ok(of_latencies(files::alone(&folder, size, span, pool)?, 1)),
        Limit::FilesGrouped(size) => {
            Ok(Figures::default().with(Metric::Rate, files::grouped(&folder, size, span, pool)?))
        }
        Limit::LargeBuffered => {
            let throughput = large::buffered(&folder, settings.large_bytes(), pool)?;
            Ok(Figures::default().with(Metric::Throughput, throughput))
        }
        Limit::LargeDirect => {
            let throughput = large::direct(&folder, settings.large_bytes(), pool)?;
            Ok(Figures::default().with(Metric::Throughput, throughput))
        }
    }
}

/// What `workers` workers reached that were busy all the time: their latencies tell the rate.
fn of_latencies(mut latencies: Vec<Duration>, workers: usize) -> Figures {
    latencies.sort_unstable();
    let busy: Duration = latencies.iter().sum();
    let nanoseconds: Vec<u64> = latencies.iter().map(|one| u64::try_from(one.as_nanos()).unwrap_or(u64::MAX)).collect();
    Figures::default()
        .with(Metric::Rate, latencies.len() as f64 * workers as f64 / busy.as_secs_f64())
        .with(Metric::P50, crate::figures::percentile_ms(&nanoseconds, 0.5))
        .with(Metric::P99, crate::figures::percentile_ms(&nanoseconds, 0.99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_workers_share_the_rate() {
        let figures = of_latencies(vec![Duration::from_millis(10); 30], 3);
        assert!((figures.get(Metric::Rate).unwrap() - 300.0).abs() < 0.01);
        assert_eq!(figures.get(Metric::P50), Some(10.0));
    }
}
