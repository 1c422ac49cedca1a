//! What a replay shows before it asks: what would go where.

use super::run::{COLUMNS, View, none_selected, row};
use crate::{
    ops::dlq::replay::Preflight,
    terminal::{Consent, Terminal},
    views::{counted, dlq::others_read, table::Table},
};

impl View<'_> {
    /// Shows the pre-flight and asks; says whether the run goes ahead.
    pub fn consent_to_replay(&self, preflight: &Preflight) -> bool {
        {
            let terminal = self.terminal.borrow();
            for line in preflight_lines(preflight, &terminal) {
                terminal.discuss(&line);
            }
        }
        // What lies behind the first window may be selected all the same: only a set that was read whole needs no answer.
        if preflight.selected + preflight.removed == 0 && preflight.looked_at >= self.set.get() {
            return true;
        }
        self.ask() == Consent::Given
    }
}

fn preflight_lines(preflight: &Preflight, terminal: &Terminal) -> Vec<String> {
    if preflight.looked_at == 0 {
        return vec!["the queue is empty".to_owned()];
    }
    let mut lines = Vec::new();
    if preflight.consumers > 0 {
        lines.push(others_read(preflight.consumers));
    }
    if preflight.removed > 0 {
        lines.push(format!(
            "{} had been replayed: only the originals are removed",
            counted(preflight.removed, "message")
        ));
    }
    if preflight.in_doubt > 0 {
        let stay = if preflight.in_doubt == 1 { "stays" } else { "stay" };
        let many = counted(preflight.in_doubt, "message");
        lines.push(format!("{many} may be at the target already, and {stay} (--in-doubt says otherwise)"));
    }
    if preflight.selected == 0 && preflight.removed + preflight.in_doubt > 0 {
        return lines;
    }
    if preflight.selected == 0 {
        let unread = preflight.depth.saturating_sub(preflight.looked_at);
        lines.push(match (unread, preflight.looked_at) {
            (0, read) => none_selected(read),
            (more, 1) => format!("the first message is not selected; {more} more not looked at yet"),
            (more, read) => format!("none of the first {read} messages is selected; {more} more not looked at yet"),
        });
        return lines;
    }
    if preflight.looked_at < preflight.depth {
        lines.push(format!("the first {} of {}, by target:", preflight.looked_at, counted(preflight.depth, "message")));
    }
    let mut table = Table::of_talk(&COLUMNS);
    for found in &preflight.rows {
        table.row(terminal, row(found.target.as_ref(), found.count, found.obstacle.as_deref()));
    }
    lines.extend(table.lines(terminal));
    if preflight.rotates {
        lines.push("on this queue messages that stay change their place: they go behind the others".to_owned());
    }
    lines
}
