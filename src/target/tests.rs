//! Targets as tables and as properties.

use super::environment::Fixed;
use super::*;
use crate::failure::FailureKind;

mod properties;
mod secrets;
mod surroundings;
mod texts;

const FLAG: Source = Source::Flag(DATABASE_URL_FLAG);
const VARIABLE: Source = Source::Variable("DATABASE_URL");

fn resolve(text: &str, environment: &Fixed) -> Result<Resolved, Failure> {
    Target::resolve(Some((text, VARIABLE)), environment)
}

fn target(text: &str, environment: &Fixed) -> Target {
    resolve(text, environment).unwrap_or_else(|failure| panic!("{text}: {failure}")).target
}

fn password(target: &Target) -> Option<&str> {
    target.password.as_ref().map(Password::expose)
}

fn notes(text: &str, environment: &Fixed) -> Vec<String> {
    resolve(text, environment).expect("accepted").notes
}

/// The whole of a failure as people and JSON readers get it.
fn told(failure: &Failure) -> String {
    format!("{failure}\n{failure:?}")
}
