//! Schedules: dispatched once by any number of copies, checked, exported, and read from a
//! real `pg_cron`.

mod check;
mod cron;
mod dispatch;
mod export;
mod failing;
mod scene;
