//! What the commands on dead letters show.

pub mod explain;
pub mod export;
pub mod groups;
pub mod list;
pub mod pick;
mod purge;
mod replay;
mod restore;
pub mod run;
pub mod runs;
pub mod show;
mod summary;

use serde_json::Value;

use super::counted;
use crate::{
    ops::dlq::{Notice, run::Report},
    terminal::Terminal,
};

/// Tells a notice, and says how many messages were replaced by copies.
pub fn notice(terminal: &Terminal, notice: &Notice<'_>) -> u64 {
    match *notice {
        Notice::Warning(ref text) => terminal.warn(text),
        Notice::Guarded(policy) => {
            terminal.say(&format!("the delivery limit is lifted by the temporary policy {policy} while this runs"));
        }
        Notice::Saved { count, by_policy: true } => terminal.say(&format!(
            "{} had no delivery attempt left and went back under a temporary policy",
            counted(count, "message")
        )),
        Notice::Saved { count: 0, by_policy: false } => (),
        Notice::Saved { count, by_policy: false } => {
            terminal.warn(&saved(count));
            return count;
        }
    }
    0
}

/// What a run came to, as its receipt has it: the same as its last line of JSON.
#[must_use]
pub fn receipt(report: &Report) -> Value {
    summary::summary_json(report)
}

/// How many messages had to be replaced by copies: told whatever else is not, for their order has changed.
fn saved(count: u64) -> String {
    let them = if count == 1 { "1 message was".to_owned() } else { format!("{count} messages were") };
    format!("{them} replaced by a confirmed copy at the queue's end: the return would have destroyed what was there")
}

/// That others read the queue too.
fn others_read(consumers: u64) -> String {
    let read = if consumers == 1 { "reads" } else { "read" };
    format!("{} {read} this queue at the same time", counted(consumers, "consumer"))
}

/// A text that is empty where it is not known, or there is none: the id of a run that could not begin, the target of a purge.
fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
