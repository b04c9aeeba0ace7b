//! The program as an operator runs it: what it answers to what is typed, when nothing is
//! there to answer it, and how its output looks.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod support;

mod bad_input;
mod connection;
mod demo;
mod output;
mod project;
mod transcripts;
