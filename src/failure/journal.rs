//! What to do about a journal that cannot be kept, or not be gone on with.

use super::{Failure, causes};
use crate::ops::dlq::journal::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let with = |code: &'static str| {
            let mut failure = Failure::new(code, error.to_string());
            failure.causes = causes(&error);
            failure
        };
        match &error {
            Error::NoPlace { .. } => {
                with("no_journal").hint("name a folder on a disk with room that you may write: EVBUS_STATE_DIR=FOLDER")
            }
            Error::Full { path, command, .. } => {
                let run = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                with("journal").hint(format!("make room there, then: evbus {command} --resume {run}"))
            }
            Error::Unreadable { .. } => with("journal").hint("evbus dlq runs shows what there is"),
            Error::Damaged { .. } => with("damaged_journal").hint(
                "what it had begun with cannot be told any more: look at the queue, and begin anew without --resume",
            ),
            Error::NoRun { nearest: Some(nearest), .. } => {
                let hint = format!("did you mean {nearest}?");
                with("no_run").hint(hint)
            }
            Error::NoRun { folder, nearest: None, .. } => with("no_run").hint(format!(
                "evbus dlq runs shows those of {}; EVBUS_STATE_DIR names another place",
                folder.display()
            )),
            Error::InUse { .. } => with("busy").hint("wait until it has ended; evbus dlq runs shows how far it is"),
            Error::NeverBegan { instead, .. } => {
                with("resumed").hint(format!("go on with the one before: --resume {instead}"))
            }
            Error::Resumed { by, .. } => with("resumed").hint(format!("go on with that one: --resume {by}")),
        }
    }
}
