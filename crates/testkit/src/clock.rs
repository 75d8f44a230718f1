//! The machine's clock, which a test may set forward or back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mv_core::{Clock, SystemClock, Timestamp};

/// Real time and an offset.
#[derive(Debug, Default)]
pub struct TestClock {
    system: SystemClock,
    offset_micros: AtomicI64,
}

impl TestClock {
    /// Lets time pass at once: wall and monotonic time go on together.
    pub fn advance(&self, span: Duration) {
        self.offset_micros.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    fn offset(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.offset_micros.load(Ordering::SeqCst)).unwrap())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.system.now().plus(self.offset())
    }

    fn mono(&self) -> Duration {
        self.system.mono() + self.offset()
    }
}
