//! What the machine says of itself: CPU time and memory of a process tree, cache flushes of the disk, free ports.
//! Promise: read from `/proc` only, nothing is estimated; a process that ended between two looks counts as nothing.
//! Not here: starting and ending processes (`process`).

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Doing, Error, Result};

/// Clock ticks a second in `/proc/PID/stat`: fixed at 100 in the Linux interface (proc(5), USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// One line of `/proc/PID/stat`, as far as it is needed here.
struct Stat {
    parent: u32,
    own_ticks: u64,
    ended_children_ticks: u64,
}

/// Fields are counted from after the command name, which may hold blanks and parentheses itself (proc(5)).
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        own_ticks: number(11)? + number(12)?,
        ended_children_ticks: number(13)? + number(14)?,
    })
}

/// The process and all that descend from it, now.
fn tree(root: u32) -> Vec<(u32, Stat)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(stat) = fs::read_to_string(entry.path().join("stat")).ok().as_deref().and_then(parse_stat) {
            all.insert(pid, stat);
        }
    }
    let mut found = Vec::new();
    let mut wanted = vec![root];
    while let Some(pid) = wanted.pop() {
        wanted.extend(all.iter().filter(|(_, stat)| stat.parent == pid).map(|(child, _)| *child));
        if let Some(stat) = all.remove(&pid) {
            found.push((pid, stat));
        }
    }
    found
}

/// User and system CPU time of a process tree since it began, in seconds, its ended and awaited children included.
pub(crate) fn cpu_seconds(root: u32) -> f64 {
    let ticks: u64 = tree(root).iter().map(|(_, stat)| stat.own_ticks + stat.ended_children_ticks).sum();
    ticks as f64 / TICKS_PER_SECOND
}

/// CPU time of this process alone since it began, in seconds: what the client takes of the machine.
pub(crate) fn own_cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(parse_stat);
    stat.map_or(0.0, |stat| stat.own_ticks as f64 / TICKS_PER_SECOND)
}

/// Forgets the peak of resident memory of every process of the tree (proc(5), `clear_refs`, value 5).
pub(crate) fn forget_peak_memory(root: u32) {
    for (pid, _) in tree(root) {
        // A process that just ended, or one of another user, keeps its old peak: the figure can then only be too high.
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
    }
}

/// The highest resident memory since [`forget_peak_memory`], summed over the tree, in MiB.
pub(crate) fn peak_memory_mib(root: u32) -> f64 {
    status_sum(root, "VmHWM:")
}

/// Resident memory now, summed over the tree, in MiB.
pub(crate) fn memory_mib(root: u32) -> f64 {
    status_sum(root, "VmRSS:")
}

fn status_sum(root: u32, key: &str) -> f64 {
    let kibibytes: u64 = tree(root)
        .iter()
        .filter_map(|(pid, _)| fs::read_to_string(format!("/proc/{pid}/status")).ok())
        .filter_map(|text| status_kibibytes(&text, key))
        .sum();
    kibibytes as f64 / 1024.0
}

fn status_kibibytes(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

/// The cache-flush requests that the disk under `folder` has completed since boot, or `None` where the kernel counts
/// none for it (an overlay, tmpfs, an old kernel). Kernel documentation, "I/O statistics fields", field 16.
pub(crate) fn disk_flushes(folder: &Path) -> Option<u64> {
    let device = fs::metadata(folder).ok()?.dev();
    let text = fs::read_to_string("/proc/diskstats").ok()?;
    flushes_of(&text, rustix::fs::major(device), rustix::fs::minor(device))
}

fn flushes_of(text: &str, major: u32, minor: u32) -> Option<u64> {
    let wanted = [major.to_string(), minor.to_string()];
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let same = fields.iter().take(2).eq(wanted.iter());
        if same { fields.get(18).and_then(|field| field.parse().ok()) } else { None }
    })
}

/// Writes back everything that is dirty, so that a measurement does not pay for what came before it.
pub(crate) fn settle() {
    rustix::fs::sync();
}

/// Lets this process have as many sockets open as the system allows.
pub(crate) fn raise_open_files() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
}

/// The processors that this program may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The first of `count` neighbouring TCP ports on loopback of which none is taken, each with 10 000 more also free
/// and in range (SeaweedFS derives its gRPC ports that way). Somebody else may still take one before it is used.
pub(crate) fn free_ports(count: u16) -> Result<u16> {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (18_000..28_000_u16)
        .step_by(usize::from(count.max(1)))
        .find(|first| (*first..*first + count).all(|port| free(port) && free(port + 10_000)))
        .ok_or_else(|| Error::Missing("no free ports on loopback".to_owned()))
}

/// Creates an empty folder, whatever was there before.
pub(crate) fn fresh_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).doing(|| format!("removing {}", path.display()));
        }
        _ => {}
    }
    fs::create_dir_all(path).doing(|| format!("creating {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_are_read_past_odd_command_names() {
        let text = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 150 25 30 5 20 0 1 0 100 1 1";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.parent, stat.own_ticks, stat.ended_children_ticks), (7, 175, 35));
        assert!(parse_stat("42 no command").is_none());
    }

    #[test]
    fn flushes_are_those_of_the_right_device() {
        let text =
            "7 0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n 254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 1368 114\n";
        assert_eq!(flushes_of(text, 254, 0), Some(1368));
        assert_eq!(flushes_of(text, 254, 1), None);
        assert_eq!(flushes_of("254 0 vda 1 2", 254, 0), None, "a kernel that does not count flushes");
    }

    #[test]
    fn own_process_uses_memory_and_is_found() {
        assert!(memory_mib(std::process::id()) > 0.1);
        assert!(peak_memory_mib(std::process::id()) >= memory_mib(std::process::id()) * 0.5);
        assert_eq!(status_kibibytes("VmPeak:\t 1 kB\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2048));
    }
}
