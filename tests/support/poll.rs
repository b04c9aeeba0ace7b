//! Waiting for something to become true, with a deadline that is never met when all is well.

use std::time::{Duration, Instant};

/// How long anything may take before the test gives up on it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Looks until `look` finds something, and returns it.
///
/// # Panics
///
/// After [`DEADLINE`], with what was waited for.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, what, look)
}

/// Looks until `look` finds something, and returns it.
///
/// # Panics
///
/// After the limit, with what was waited for.
pub(crate) fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < limit, "after {limit:?}: not {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
