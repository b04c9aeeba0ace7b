//! The program: hands over to the library, and turns its exit into the process's.

use std::process::ExitCode;

fn main() -> ExitCode {
    driftgate::program::main(std::env::args_os().collect()).into()
}
