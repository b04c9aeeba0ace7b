//! Schedules in the database: ticks are claimed by adding a row, read for the gate, and
//! their work is kept from overlapping by a lock of its transaction.

mod claim;
mod guard;
mod read;
mod run_task;

pub use claim::{Ask, Claimer, Said};
pub use guard::{Ended, Guard, end_without};
pub use read::read_dispatched;
pub use run_task::{TaskResult, run_task};
