//! How long one must wait who keeps giving wrong passwords (contract section 3). Pure: who is counted and where is
//! told by `app::auth::throttle`.

use std::time::Duration;

/// Wrong passwords for one account before the next try must wait.
pub const FREE_OF_ACCOUNT: u32 = 10;
/// Wrong passwords from one address, whatever the accounts.
pub const FREE_OF_ADDRESS: u32 = 50;
/// The longest wait, and how long after the last try and the last wait all is forgotten. Nobody can lock an owner out
/// for longer, however often they try.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How long the next try must wait after the `count`th wrong one, where `free` are free: 1 s, 2 s, 4 s, up to `LONGEST`.
pub fn wait(count: u32, free: u32) -> Duration {
    match count.checked_sub(free) {
        None => Duration::ZERO,
        Some(beyond) => LONGEST.min(Duration::from_secs(1_u64.checked_shl(beyond).unwrap_or(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> = (8..24).map(|count| wait(count, FREE_OF_ACCOUNT).as_secs()).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
        assert_eq!((wait(u32::MAX, 10), wait(0, 10)), (LONGEST, Duration::ZERO));
    }
}
