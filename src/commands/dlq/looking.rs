//! What every command that looks at messages is given: which ones, how they are held, and whether that is only to be explained.

use super::{explain::Explain, holding::Holding};
use crate::{
    commands::{Context, selection::Selection},
    message::selector::Selector,
    ops::dlq::Subject,
};

/// Which messages are looked at, and how.
#[derive(Debug, clap::Args)]
pub struct Looking {
    /// The queue: a dead letter queue or any other
    pub(super) queue: String,

    #[command(flatten)]
    pub(super) selection: Selection,

    #[command(flatten)]
    holding: Holding,

    #[command(flatten)]
    pub(super) explain: Explain,
}

impl Looking {
    /// A look at these messages.
    pub(super) fn at(&self, selector: Selector, context: &Context) -> Subject {
        self.holding.of(&self.queue, selector, context)
    }
}
