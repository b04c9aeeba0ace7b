//! `explain`: what a check looks for, why it matters, and how to repair it. Needs neither a
//! registry nor a database.

use crate::checks::CHECKS;
use crate::exceptions;
use crate::failure::Failure;
use crate::report::explain::{ExplainRows, ExplainedCheck};
use crate::report::{Data, Outcome};

/// Tell what a check looks for, why it matters, and how to repair it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The check, such as view-missing; without it all checks are listed by gate
    #[arg(value_name = "CHECK")]
    pub check: Option<String>,
}

/// Explains one check, or lists all.
///
/// # Errors
///
/// A usage failure for a check that is none, with the nearest one that is.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let mut checks: Vec<ExplainedCheck> = CHECKS.iter().map(ExplainedCheck::of).collect();
    checks.extend(exceptions::SLUGS.map(ExplainedCheck::on_exceptions));
    if let Some(asked) = &args.check {
        let known: Vec<&str> = checks.iter().map(|check| check.check).collect();
        let Some(at) = known.iter().position(|slug| slug == asked) else {
            let nearest = known.iter().min_by_key(|slug| strsim::osa_distance(slug, asked));
            let failure = Failure::usage(format!("there is no check `{asked}`"));
            let failure = match nearest {
                Some(slug) => failure.hint(format!("did you mean `{slug}`?")),
                None => failure,
            };
            return Err(failure.hint("`driftgate explain` lists them all"));
        };
        let mut one = checks.swap_remove(at);
        one.page = crate::explain::page(one.check);
        checks = vec![one];
    }
    Ok(Outcome::new(Data::Explain(ExplainRows { checks })))
}
