//! Topology files that cannot be used.

use super::Failure;
use crate::{
    ops::{ownership, plan::Error},
    topology::{file::Malformed, order::Object},
};

/// How many objects are named before the rest is only counted.
const SHOWN: usize = 10;

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Failure {
        let names: Vec<&str> = malformed.sources.0.iter().map(|source| source.name.as_str()).collect();
        let count = malformed.problems.len();
        let things = if count == 1 { "something is".to_owned() } else { format!("{count} things are") };
        Failure::usage("topology_file", format!("{things} wrong with {}", names.join(", ")))
            .detail(malformed.sources.explain(&malformed.problems))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Broker(error) => error.into(),
            Error::Unseen(error) => {
                let cause: Failure = error.into();
                let mut failure = Failure::new(cause.code, "what the broker has cannot be seen").because(cause.message);
                failure.causes.extend(cause.causes);
                let hint = "evbus apply works with AMQP alone, where the file is to be declared without looking";
                failure.hint(cause.hint.map_or_else(|| hint.to_owned(), |first| format!("{first}. {hint}")))
            }
            Error::Record(error) => error.into(),
            Error::Claimed(claimed) => {
                let one = |(object, name): &(Object, String)| {
                    format!("the {} {} belongs to {name}", object.kind(), object.name())
                };
                let mut causes: Vec<String> = claimed.iter().take(SHOWN).map(one).collect();
                if claimed.len() > SHOWN {
                    causes.push(format!("and {} more", claimed.len() - SHOWN));
                }
                let them = if claimed.len() == 1 { "an object".to_owned() } else { format!("{} objects", claimed.len()) };
                let mut failure = Failure::new("claimed", format!("the file wants {them} that another file has made"));
                failure.causes = causes;
                failure.hint("take it out of one of the files: out of the other one it goes with evbus apply --prune. Where a file got another name, delete the global parameter evbus.VHOST.OLDNAME: what OLDNAME made belongs to nobody then")
            }
            Error::Moved(moved) => {
                let mut failure = Failure::new("moved", "the broker is not as it was when the plan was saved");
                failure.causes = moved.iter().take(SHOWN).cloned().collect();
                if moved.len() > SHOWN {
                    failure.causes.push(format!("and {} more", moved.len() - SHOWN));
                }
                failure.hint("nothing was changed; look at it again, and save a new plan: evbus plan --out FILE")
            }
            Error::CannotPrune(why) => {
                Failure::usage("cannot_prune", format!("nothing can be pruned: {why}, so what was made before is not known"))
                    .hint("give the file a name; a user with the tag policymaker keeps the record in the broker, --state FILE in a file")
            }
            Error::Busy(holder) => {
                let text = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
                Failure::new("busy", "somebody else applies a topology to this virtual host")
                    .because(format!(
                        "run {} by {} since {}",
                        text(holder.run),
                        text(holder.owner),
                        text(holder.since_at)
                    ))
                    .hint("wait for its end and plan again; the lock goes with its connection")
            }
            Error::Unmakeable(problems) => Failure::usage(
                "topology_file",
                problems.first().map_or_else(String::new, |problem| problem.message.clone()),
            ),
        }
    }
}

impl From<ownership::Error> for Failure {
    fn from(error: ownership::Error) -> Failure {
        let message = error.to_string();
        match error {
            ownership::Error::File { source, .. } => Failure::usage("state_file", message).because(source),
            ownership::Error::Unreadable { because, .. } => Failure::usage("record", message)
                .because(because)
                .hint("a newer evbus may have written it; it is left as it is"),
            ownership::Error::Foreign { .. } => {
                Failure::usage("state_file", message).hint("each name and virtual host has a state file of its own")
            }
            ownership::Error::Broker(error) => {
                let cause: Failure = error.into();
                let mut failure = Failure::new(cause.code, message).because(cause.message);
                failure.causes.extend(cause.causes);
                failure.hint("--state FILE keeps it in a file")
            }
        }
    }
}
