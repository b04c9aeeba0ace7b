//! driftgate: an operator's command line for PostgreSQL materialized views.
//!
//! Data flows one way: the command line and the registry are settled, one snapshot is
//! read, pure comparisons turn it into findings, gates into a verdict, and one report is
//! rendered. Only `pg` knows the driver; nothing between `snapshot` and `render` waits.

// The process
pub mod cli; // what may be typed
pub mod exit; // the exit codes
pub mod failure; // why the work could not be done, and who must act
pub mod process_title; // keeps passwords out of the list of processes
pub mod program; // parse, run, render, exit
pub mod progress; // bars on a terminal, plain lines elsewhere
pub mod settings; // flags, environment and defaults, settled
pub mod stop; // whether the run was asked to stop

// The project and the database
pub mod fresh; // where a new database comes from
pub mod ident; // names, validated and quoted
pub mod lock_key; // which lock keeps which refresh apart
pub mod migrations; // files against ledger
pub mod pg; // the door to PostgreSQL
pub mod project; // the registry in use and the repository around it
pub mod registry; // the declared truth
pub mod rights; // who may do what
pub mod snapshot; // what the database was at one instant
pub mod target; // which database, as whom
pub mod tenants; // as the registry's query lists them
pub mod throwaway; // a PostgreSQL of this machine's own

// The comparing and judging
pub mod checks; // the table of checks
pub mod definitions; // as the server stores them
pub mod drift; // registry against database
pub mod exceptions; // findings accepted until a date
pub mod explain; // the pages of the checks
pub mod finding; // facts with evidence
pub mod gate; // findings into verdicts
pub mod grants; // registry against rights
pub mod history; // the refreshes on record
pub mod judgement; // from facts to verdicts
pub mod lock_status; // who holds and who waits for which lock
pub mod order; // dependencies and cycles
pub mod protection; // what roles can write and read, by which ways in
pub mod refresh; // what is refreshed, in which order, and what came of it
pub mod refreshability; // who can refresh what, and what stands in the way
pub mod schedule; // when classes are due, and what dispatches them
pub mod serialization; // whether refreshes keep each other out
pub mod tenant_safety; // what a refresh does to tenants' rows
pub mod verify; // what became of each view while a new database was built

// The commands and what they say
pub mod commands; // one file each
pub mod render; // one file per format
pub mod render_file; // reports in files
pub mod report; // driftgate.report/1
pub mod wording; // counts, sizes and durations in words

#[cfg(test)]
mod testing;
