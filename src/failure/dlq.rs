//! What to do when a run over dead letters is refused or ends early.

use super::{Failure, causes};
use crate::{broker, ops::dlq::Error, terminal::word};

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        if let Error::Broker(broker::Error::NotFound { what }) = &error {
            return Failure::new("not_found", format!("not found: {what}")).hint("evbus dlq list shows what there is");
        }
        let message = error.to_string();
        let with = |code: &'static str| {
            let mut failure = Failure::new(code, message.clone());
            failure.causes = causes(&error);
            failure
        };
        match &error {
            Error::NoQueue { nearest: Some(nearest), .. } => {
                let hint = format!("did you mean {nearest}?");
                with("no_queue").hint(hint)
            }
            Error::NoQueue { nearest: None, .. } => {
                with("no_queue").hint("evbus dlq list and evbus queues show what there is in this virtual host")
            }
            Error::Blind { .. } => with("blind").hint(
                "make the management API reachable, or say what the queue is: --assume classic, --assume quorum or --assume quorum,limit=N",
            ),
            Error::Busy { holder, .. } => {
                let unknown = || "unknown".to_owned();
                with("busy")
                    .because(format!(
                        "run {} of {}, since {}",
                        holder.run.clone().unwrap_or_else(unknown),
                        holder.owner.clone().unwrap_or_else(unknown),
                        holder.since_at.clone().unwrap_or_else(unknown)
                    ))
                    .hint("wait until it has ended; its lock goes with its connection")
            }
            Error::WouldSpend { because, .. } => {
                let failure = because.iter().fold(with("would_spend"), |failure, why| failure.because(why.clone()));
                failure.hint(
                    "a user with the policymaker tag can have the limit lifted while it lasts (--save policy); one who may write to amq.default can have copies put in place (--save copy)",
                )
            }
            Error::Full { .. } => with("full").hint(
                "--window N holds more at once; a user with the policymaker tag can have the limit lifted while it lasts",
            ),
            Error::Bounced { is_certain, .. } => {
                let failure = match is_certain {
                    true => with("bounced"),
                    false => with("bounced").because("so many came since, and who they are cannot be seen without a price"),
                };
                failure.hint("evbus dlq show says what they died of this time; --stop-if-bounced says how many may come back")
            }
            Error::Stream { .. } => with("stream").hint("streams are read, never emptied; evbus tail shows what passes"),
            Error::SingleActive { .. } => with("single_active").hint("stop its consumers first"),
            Error::Unread { .. } => with("unread").hint("run it again: evbus dlq list shows what is there"),
            Error::NotSaved { .. } => with("not_saved"),
            Error::Archive { .. } => with("archive").hint("name a new file on a disk with room"),
            Error::Unreadable { .. } => with("unreadable")
                .hint("dlq export and dlq purge write archives; evbus publish --from FILE sends records that stand for themselves"),
            Error::Damaged { damage, .. } if damage.records == 0 => with("damaged").hint("no record of it can be read"),
            Error::Damaged { path, damage } => with("damaged").hint(format!(
                "{} can be read, and nothing is known of what follows: evbus dlq restore {} --up-to-damage",
                match damage.records {
                    1 => "the first record".to_owned(),
                    many => format!("the first {many} records"),
                },
                word(&path.to_string_lossy())
            )),
            Error::OtherArchive { run, because, .. } => with("other_archive")
                .because(because.clone())
                .hint(format!("where the archive is now, as it was: evbus dlq restore FILE --resume {run}")),
            Error::NoTarget { nearest: Some(nearest), .. } => {
                with("no_queue").hint(format!("did you mean {nearest}? --to queue:NAME puts them into another one"))
            }
            Error::NoTarget { nearest: None, .. } => with("no_queue").hint(
                "--to queue:NAME puts them into another one; evbus apply makes the one that the topology file has",
            ),
            Error::Journal(_) => match error {
                Error::Journal(error) => error.into(),
                _ => with("journal"),
            },
            Error::Broker(_) => match error {
                Error::Broker(error) => error.into(),
                _ => with("broker"),
            },
        }
    }
}
