//! The `groundswell` program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    groundswell::cli::main()
}
