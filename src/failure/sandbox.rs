//! What to do where no sandbox can be had.

use super::{Failure, causes};
use crate::{
    exit::Exit,
    ops,
    sandbox::{self, Error},
};

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new("sandbox", error.to_string());
        let failure = Failure { causes: causes(&error), ..failure };
        match error {
            Error::NotInstalled => {
                let install = sandbox::installer().map(|command| format!("install it with `{command}`"));
                let install =
                    install.unwrap_or_else(|| "install RabbitMQ (https://www.rabbitmq.com/docs/download)".to_owned());
                failure.hint(format!("{install}, or name its server program in EVBUS_RABBITMQ_SERVER"))
            }
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
