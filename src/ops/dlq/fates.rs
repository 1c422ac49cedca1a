//! How long is the fate of what is on its way waited for, when nothing more is published?

use std::time::Duration;

use tokio::sync::watch;

use crate::{
    broker::{Fate, Publisher},
    interrupt::Interrupt,
};

/// How long confirmations are waited for at the end of a run while the broker takes no messages.
const BLOCKED: Duration = Duration::from_secs(2);

/// Waits for the next fate. None comes where an alarm begins or ends first, or where the rest was given up: then there is more to be asked
/// for.
pub(super) async fn next_fate(
    publisher: &mut Publisher,
    alarm: &mut watch::Receiver<Option<String>>,
    interrupt: &Interrupt,
    patience: Duration,
) -> Option<Fate> {
    let blocked = alarm.borrow_and_update().is_some();
    // What a blocked broker had read before, it confirms at once; the rest it does not read, and nobody wants to wait.
    let unwanted = async {
        if !blocked {
            std::future::pending::<()>().await;
        }
        interrupt.raised().await;
        tokio::time::sleep(BLOCKED).await;
    };
    tokio::select! {
        fate = publisher.next() => return fate.map(|(_, fate)| fate),
        Ok(()) = alarm.changed() => (),
        () = unwanted => publisher.give_up("the broker took no messages"),
        () = tokio::time::sleep(patience) => publisher.give_up("the broker did not confirm in time"),
    }
    None
}
