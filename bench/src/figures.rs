//! Figures: what one measurement of one subject gave, and medians over the rounds.
//! Promise: a figure that was not taken is absent, never zero. Not here: targets (`targets`), tables (`report`).

use std::collections::BTreeMap;

use crate::client::Seen;

/// What is measured; each is also a column of the report, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Metric {
    /// Requests, syncs, files or hashes a second.
    Rate,
    /// Body bytes, in MB (10^6) a second.
    Throughput,
    /// Median latency in milliseconds.
    P50,
    /// 99th percentile of the latency in milliseconds.
    P99,
    /// CPU time of the server per request, in microseconds.
    CpuPerRequest,
    /// CPU time of the server per GiB of bodies, in seconds.
    CpuPerGib,
    /// Cache flushes of the disk per request.
    Flushes,
    /// Peak resident memory of the server in MiB.
    PeakMemory,
    /// Resident memory of the idle server in MiB.
    IdleMemory,
    /// From the start of the process to its first good answer, in milliseconds.
    Ready,
    /// Size of the program in MiB.
    ProgramSize,
    /// p99 of `GET /users/me` during logins, in milliseconds.
    BystanderP99,
    /// The same without them, in milliseconds.
    BystanderAlone,
    /// Memory of the server for each open connection, in KiB.
    PerSocket,
    /// CPU time of the client per request or delivery, in microseconds.
    ClientCpu,
    /// Deliveries to a webhook a second while the load ran.
    Delivered,
}

impl Metric {
    /// Every metric, in the order of the columns.
    pub(crate) const ALL: [Metric; 16] = [
        Metric::Rate,
        Metric::Throughput,
        Metric::P50,
        Metric::P99,
        Metric::CpuPerRequest,
        Metric::CpuPerGib,
        Metric::Flushes,
        Metric::PeakMemory,
        Metric::IdleMemory,
        Metric::Ready,
        Metric::ProgramSize,
        Metric::BystanderP99,
        Metric::BystanderAlone,
        Metric::PerSocket,
        Metric::ClientCpu,
        Metric::Delivered,
    ];

    /// The column's title, with the unit.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Metric::Rate => "per s",
            Metric::Throughput => "MB/s",
            Metric::P50 => "p50 ms",
            Metric::P99 => "p99 ms",
            Metric::CpuPerRequest => "CPU us each",
            Metric::CpuPerGib => "CPU s/GiB",
            Metric::Flushes => "flushes each",
            Metric::PeakMemory => "peak MiB",
            Metric::IdleMemory => "idle MiB",
            Metric::Ready => "ready ms",
            Metric::ProgramSize => "program MiB",
            Metric::BystanderP99 => "own user p99 ms meanwhile",
            Metric::BystanderAlone => "own user p99 ms alone",
            Metric::PerSocket => "KiB a socket",
            Metric::ClientCpu => "client CPU us each",
            Metric::Delivered => "delivered per s meanwhile",
        }
    }

    /// The member of a JSON line.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Metric::Rate => "per_second",
            Metric::Throughput => "megabytes_per_second",
            Metric::P50 => "p50_ms",
            Metric::P99 => "p99_ms",
            Metric::CpuPerRequest => "cpu_us_per_request",
            Metric::CpuPerGib => "cpu_s_per_gib",
            Metric::Flushes => "flushes_per_request",
            Metric::PeakMemory => "peak_mib",
            Metric::IdleMemory => "idle_mib",
            Metric::Ready => "ready_ms",
            Metric::ProgramSize => "program_mib",
            Metric::BystanderP99 => "own_user_p99_meanwhile_ms",
            Metric::BystanderAlone => "own_user_p99_alone_ms",
            Metric::PerSocket => "kib_per_socket",
            Metric::ClientCpu => "client_cpu_us",
            Metric::Delivered => "delivered_per_second",
        }
    }
}

/// What one measurement gave.
#[derive(Clone, Default, Debug)]
pub(crate) struct Figures {
    values: BTreeMap<Metric, f64>,
    /// Wrong answers by status (0: broken connections), and the first reason.
    pub(crate) wrong: BTreeMap<u16, u64>,
    /// The first reason given for a wrong answer.
    pub(crate) reason: Option<String>,
}

const GIB: f64 = (1_u64 << 30) as f64;

impl Figures {
    /// Adds one; infinite or undefined values are left out.
    pub(crate) fn with(mut self, metric: Metric, value: f64) -> Figures {
        if value.is_finite() {
            self.values.insert(metric, value);
        }
        self
    }

    /// The value of a metric, where it was taken.
    pub(crate) fn get(&self, metric: Metric) -> Option<f64> {
        self.values.get(&metric).copied()
    }

    /// What a load of small requests gave.
    pub(crate) fn of_requests(seen: Seen) -> Figures {
        let count = seen.latencies.len() as f64;
        let mut figures = Figures::default()
            .with(Metric::Rate, count / seen.seconds)
            .with(Metric::P50, percentile_ms(&seen.latencies, 0.5))
            .with(Metric::P99, percentile_ms(&seen.latencies, 0.99))
            .with(Metric::CpuPerRequest, seen.cpu * 1e6 / count)
            .with(Metric::PeakMemory, seen.peak_mib);
        if let Some(flushes) = seen.flushes {
            figures = figures.with(Metric::Flushes, flushes as f64 / count);
        }
        figures.wrong = seen.wrong;
        figures.reason = seen.reason;
        figures
    }

    /// What a load of large bodies gave; `bytes` is what was moved in all.
    pub(crate) fn of_bytes(seen: Seen, bytes: u64) -> Figures {
        let moved = bytes as f64;
        let throughput = moved / 1e6 / seen.seconds;
        let cpu = seen.cpu * GIB / moved;
        let mut figures = Figures::of_requests(seen);
        figures.values.remove(&Metric::CpuPerRequest);
        figures.values.remove(&Metric::Rate);
        figures.with(Metric::Throughput, throughput).with(Metric::CpuPerGib, cpu)
    }
}

/// The `share` percentile of ascending nanoseconds, in milliseconds; not a number for none.
pub(crate) fn percentile_ms(ascending: &[u64], share: f64) -> f64 {
    let rank = (ascending.len() as f64 * share).ceil() as usize;
    ascending.get(rank.saturating_sub(1)).map_or(f64::NAN, |nanoseconds| *nanoseconds as f64 / 1e6)
}

/// Median, lowest and highest of some values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Spread {
    /// The middle one, or the mean of the two middle ones.
    pub(crate) median: f64,
    /// The lowest.
    pub(crate) low: f64,
    /// The highest.
    pub(crate) high: f64,
}

/// The spread of `values`, `None` for none.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    let lower = if sorted.len().is_multiple_of(2) { *sorted.get(middle.checked_sub(1)?)? } else { upper };
    Some(Spread { median: (lower + upper) / 2.0, low: *sorted.first()?, high: *sorted.last()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let ascending: Vec<u64> = (1..=100).map(|ms| ms * 1_000_000).collect();
        assert_eq!(percentile_ms(&ascending, 0.5), 50.0);
        assert_eq!(percentile_ms(&ascending, 0.99), 99.0);
        assert_eq!(percentile_ms(&[7_000_000], 0.99), 7.0);
        assert!(percentile_ms(&[], 0.5).is_nan());
    }

    #[test]
    fn spreads_of_odd_even_and_none() {
        assert_eq!(spread([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, low: 1.0, high: 3.0 }));
        assert_eq!(spread([4.0, 1.0]), Some(Spread { median: 2.5, low: 1.0, high: 4.0 }));
        assert_eq!(spread([]), None);
    }

    #[test]
    fn nothing_measured_is_absent_and_not_zero() {
        let figures = Figures::of_requests(Seen { seconds: 3.0, ..Seen::default() });
        assert_eq!(figures.get(Metric::Rate), Some(0.0));
        assert_eq!(figures.get(Metric::P99), None);
        assert_eq!(figures.get(Metric::CpuPerRequest), None, "no request, so no cost of one");
    }
}
