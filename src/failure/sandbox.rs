//! What to do where no sandbox can be had.

use super::{Failure, causes};
use crate::{exit::Exit, ops, sandbox::Error};

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new("sandbox", error.to_string());
        let failure = Failure { causes: causes(&error), ..failure };
        match error {
            Error::NotInstalled => failure.hint(
                "install it with `apt-get install rabbitmq-server`, `dnf install rabbitmq-server` or `brew install rabbitmq`, or name the program in EVBUS_RABBITMQ_SERVER",
            ),
            Error::NoProgram { .. } => failure.hint("EVBUS_RABBITMQ_SERVER names the program that runs the server"),
            Error::NotReady { said, .. } if !said.is_empty() => failure.detail(said),
            Error::Interrupted => failure.exiting(Exit::Interrupted),
            _ => failure,
        }
    }
}

impl From<ops::sandbox::Error> for Failure {
    fn from(error: ops::sandbox::Error) -> Failure {
        match error {
            ops::sandbox::Error::Sandbox(error) => error.into(),
            ops::sandbox::Error::Command { .. } => {
                let causes = causes(&error);
                Failure { causes, ..Failure::new("command", error.to_string()) }
            }
        }
    }
}
