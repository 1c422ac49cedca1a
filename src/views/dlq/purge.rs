//! What a purge shows before it asks: what would go, and where it is kept.

use super::run::View;
use crate::{
    ops::dlq::purge::Preview,
    terminal::Consent,
    views::{counted, dlq::others_read},
};

impl View<'_> {
    /// Shows what would happen and asks; says whether the run goes ahead.
    pub fn consent_to_purge(&self, preview: &Preview) -> bool {
        {
            let terminal = self.terminal.borrow();
            terminal.discuss(&what(preview));
            if let Some(at) = preview.oldest_at.filter(|_| preview.set > 0) {
                terminal.discuss(&format!("the oldest was published at {at}"));
            }
            if preview.consumers > 0 {
                terminal.discuss(&others_read(preview.consumers));
            }
            match &preview.archive {
                Some(_) if preview.set == 0 => (),
                Some(path) => terminal.discuss(&format!("they will be kept in {}", path.display())),
                None if preview.dry_run => (),
                None => terminal.warn("no copy is kept: what is removed cannot be had back"),
            }
        }
        preview.set == 0 || preview.dry_run || self.ask() == Consent::Given
    }
}

/// What the question is about, as far as it is known before anything is held.
fn what(preview: &Preview) -> String {
    let Preview { set, depth, .. } = *preview;
    let stay = depth.saturating_sub(set);
    match (preview.all, stay) {
        (_, _) if depth == 0 => "the queue is empty".to_owned(),
        (true, 0) if depth == 1 => "the only message".to_owned(),
        (true, 0) => format!("all {depth} messages"),
        (true, stay) => format!(
            "the first {set} of {}; {stay} {}",
            counted(depth, "message"),
            if stay == 1 { "stays" } else { "stay" }
        ),
        (false, _) if preview.dry_run => format!("the selected ones of {}", counted(depth, "message")),
        (false, _) => format!(
            "the selected ones of {}: how many that are is known when they have been read, and --dry-run counts them first",
            counted(depth, "message")
        ),
    }
}
