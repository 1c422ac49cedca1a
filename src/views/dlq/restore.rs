//! What a restore shows before it asks: where the archive is from, and what would go where.

use super::run::{COLUMNS, View, none_selected, row};
use crate::{
    ops::dlq::restore::Preflight,
    terminal::{Consent, Terminal},
    views::{counted, dlq::others_read, table::Table},
};

impl View<'_> {
    /// The archive is read, and nothing more is known of it.
    pub fn check(&self) {
        *self.progress.borrow_mut() = Some(self.terminal.borrow().progress(0, "records checked"));
    }

    /// Shows what would happen and asks; says whether the run goes ahead.
    pub fn consent_to_restore(&self, preflight: &Preflight) -> bool {
        {
            let terminal = self.terminal.borrow();
            for line in lines(preflight, &terminal) {
                terminal.discuss(&line);
            }
        }
        preflight.selected == 0 || self.ask() == Consent::Given
    }
}

fn lines(preflight: &Preflight, terminal: &Terminal) -> Vec<String> {
    let Preflight { header, records, selected, settled, in_doubt, .. } = preflight;
    let mut lines = vec![format!(
        "{} of queue {} in vhost {}, written at {} by run {}",
        counted(*records, "message"),
        header.queue,
        header.vhost,
        header.began_at,
        header.run
    )];
    if preflight.consumers > 0 {
        lines.push(others_read(preflight.consumers));
    }
    if *settled > 0 {
        let are = if *settled == 1 { "is" } else { "are" };
        lines.push(format!("{} {are} settled since an earlier run, and stay out", counted(*settled, "message")));
    }
    if *in_doubt > 0 {
        let stay = if *in_doubt == 1 { "stays" } else { "stay" };
        let many = counted(*in_doubt, "message");
        lines.push(format!("{many} may be at the target already, and {stay} out (--in-doubt says otherwise)"));
    }
    if *selected == 0 {
        lines.extend((*records > 0 && settled + in_doubt == 0).then(|| none_selected(*records)));
        return lines;
    }
    let mut table = Table::of_talk(&COLUMNS);
    for found in &preflight.rows {
        table.row(terminal, row(found.target.as_ref(), found.count, found.obstacle.as_deref()));
    }
    lines.extend(table.lines(terminal));
    lines
}
