//! What to do about settings that cannot be used.

use super::Failure;
use crate::settings::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let hint = match &error {
            Error::Url { .. } => {
                "write amqp://user:password@host:5672/vhost (amqps for TLS); special characters are percent-encoded"
            }
            Error::ManagementUrl { .. } => "write http://host:15672 (https for TLS)",
            Error::NoState => "name one that you may write: EVBUS_STATE_DIR=FOLDER",
            Error::Program { .. } => "run it by its full path",
            Error::TwoVhosts { .. } | Error::VhostDisagrees { .. } => "say which one is meant: --vhost NAME",
        };
        Failure::usage("settings", error.to_string()).hint(hint)
    }
}
