//! Dead letters: looking at them, putting them back, removing them, and never losing one on the way.

pub mod archive;
mod custody;
mod error;
pub mod explain;
pub mod export;
mod fates;
pub mod groups;
mod guard;
mod intent;
pub mod journal;
pub mod list;
mod look;
mod marks;
mod probe;
pub mod purge;
mod reading;
pub mod replay;
pub mod restore;
mod resuming;
mod returning;
pub(super) mod routes;
pub mod run;
mod saver;
mod session;
pub mod show;
mod target;
mod terms;
mod written;

pub use custody::{Custody, Kind, Return};
pub use error::Error;
pub use intent::{Intent, Scope, Subject};
pub use look::Notice;
pub use marks::Marks;
pub use probe::may_publish;
pub use resuming::{InDoubt, Resume};
pub use session::{Assumption, Facts, Save};
pub use target::{Address, To};
pub use terms::{Closed, Cut, Decision, Way};

/// What is said when a temporary policy could not be removed.
fn still_there(error: &crate::broker::Error) -> String {
    format!("the temporary policy is still there ({error}); `evbus doctor` shows it")
}
