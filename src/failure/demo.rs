//! What to do when the story breaks off.

use super::{Failure, causes};
use crate::{exit::Exit, ops::demo::Error};

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let causes = causes(&error);
        let message = error.to_string();
        match error {
            Error::Sandbox(error) => error.into(),
            Error::Broker(error) => error.into(),
            Error::Interrupted => Failure::new("interrupted", message).exiting(Exit::Interrupted),
            _ => Failure { causes, ..Failure::new("demo", message) },
        }
    }
}
