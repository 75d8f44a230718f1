//! How many files and sockets this process may have open: systems allow 1024 unless asked, far fewer than the connections
//! that a server keeps.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What a server with all its connections, sockets and files may come to need.
pub const WANTED: u64 = 32_768;

/// Raises the limit to `WANTED`, or as far as the system lets it go. Returns what it is now; `None` is no limit.
pub fn raise() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    let wanted = limit.maximum.map_or(WANTED, |most| most.min(WANTED));
    if current < wanted {
        limit.current = Some(wanted);
        if setrlimit(Resource::Nofile, limit).is_err() {
            return Some(current);
        }
    }
    Some(current.max(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_as_far_as_it_may_and_never_down() {
        let before = getrlimit(Resource::Nofile);
        let now = raise();
        assert_eq!(getrlimit(Resource::Nofile).current, now);
        assert!(now >= before.current);
        assert_eq!(now, before.maximum.map_or(now, |most| before.current.max(Some(most.min(WANTED)))));
        assert_eq!(raise(), now);
    }
}
