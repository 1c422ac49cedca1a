//! What becomes of an original once the fate of what was published is known: removed, or kept.

use std::time::Duration;

use super::{Moving, Pending};
use crate::{
    broker::{Deliveries, Fate},
    ops::dlq::{
        reading::Reading,
        replay::{Event, Line, Outcome},
        session::Error,
        target::Standing,
    },
};

/// How long confirmations are waited for at the end of a run while the broker takes no messages.
const BLOCKED: Duration = Duration::from_secs(2);

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// The fate of the oldest message on its way.
    pub(super) fn settled(&mut self, fate: Fate, deliveries: &mut Deliveries) {
        // Fates come in the order of publishing, one for each that was published.
        let Some(pending) = self.pending.pop_front() else { return };
        if fate == Fate::Routed {
            self.acks.push(pending);
            return;
        }
        let Pending { seq, message_id, target, receipt, endangered } = pending;
        self.remain(deliveries, receipt, endangered);
        let outcome = match fate {
            Fate::Routed => return,
            Fate::Unroutable { reason, .. } => Outcome::Returned(reason),
            Fate::Refused => Outcome::Refused,
            Fate::Unknown { because } => Outcome::Unknown(because),
        };
        self.tell(Line { seq, message_id, target: Some(target), outcome });
    }

    /// Removes the originals of what is safe at its target.
    pub(super) async fn acknowledge(&mut self, reading: &mut Reading<'_>, least: usize) -> Result<(), Error> {
        if self.acks.len() < least.max(1) {
            return Ok(());
        }
        let mut safe: Vec<Pending> = std::mem::take(&mut self.acks);
        if self.publisher.unsettled() == 0 {
            safe = self.prove(reading, safe).await?;
        }
        let (receipts, moved): (Vec<_>, Vec<_>) = safe
            .into_iter()
            .map(|Pending { seq, message_id, target, receipt, .. }| (receipt, (seq, message_id, target)))
            .unzip();
        let removed = reading.deliveries().acknowledge(receipts).await;
        for (seq, message_id, target) in moved {
            let outcome = match &removed {
                Ok(()) => Outcome::Replayed,
                Err(error) => Outcome::Unknown(format!("it is at its target, and perhaps still here: {error}")),
            };
            self.tell(Line { seq, message_id, target: Some(target), outcome });
        }
        Ok(removed?)
    }

    /// Where no later message proves that a target still takes messages, the broker is asked: a queue that is being deleted
    /// confirms what it does not keep.
    async fn prove(&mut self, reading: &mut Reading<'_>, safe: Vec<Pending>) -> Result<Vec<Pending>, Error> {
        let mut proven = Vec::with_capacity(safe.len());
        let mut failed = None;
        self.targets.forget();
        for pending in safe {
            let because = match &failed {
                None => match self.targets.standing(&pending.target).await {
                    Ok(Standing::Exists) => {
                        proven.push(pending);
                        continue;
                    }
                    Ok(Standing::Missing(_)) => "its target went away at about that time".to_owned(),
                    Err(error) => {
                        let because = format!("nobody could say whether its target is still there: {error}");
                        failed = Some(error);
                        because
                    }
                },
                Some(error) => format!("nobody could say whether its target is still there: {error}"),
            };
            let Pending { seq, message_id, target, receipt, endangered } = pending;
            self.remain(reading.deliveries(), receipt, endangered);
            self.tell(Line { seq, message_id, target: Some(target), outcome: Outcome::Unknown(because) });
        }
        if let Some(error) = failed {
            self.stop(error.into());
        }
        Ok(proven)
    }

    pub(super) async fn settle_all(&mut self, reading: &mut Reading<'_>) -> Result<(), Error> {
        while self.publisher.unsettled() > 0 {
            let blocked = self.replay.publishing.blocked().borrow().is_some();
            let (patience, interrupt) = (self.replay.request.timeout, self.interrupt);
            // What a blocked broker had read before, it confirms at once; the rest it does not read, and nobody wants to wait.
            let unwanted = async {
                if !blocked {
                    std::future::pending::<()>().await;
                }
                interrupt.raised().await;
                tokio::time::sleep(BLOCKED).await;
            };
            tokio::select! {
                fate = self.publisher.next() => match fate {
                    Some((_, fate)) => self.settled(fate, reading.deliveries()),
                    None => break,
                },
                () = unwanted => self.publisher.give_up("the broker took no messages"),
                () = tokio::time::sleep(patience) => self.publisher.give_up("the broker did not confirm in time"),
            }
        }
        self.acknowledge(reading, 1).await
    }

    /// Gives back what was read and not settled, and what was never looked at.
    pub(in crate::ops::dlq::replay) async fn give_back(&mut self, mut reading: Reading<'_>) {
        let unseen = match reading.deliveries().cancel().await {
            Ok(unseen) => unseen,
            Err(error) => return self.stop(error.into()),
        };
        self.stay_all(&mut reading, unseen).await;
        let endangered = std::mem::take(&mut self.endangered);
        self.stay_all(&mut reading, endangered).await;
        self.report.saved = self.saver.copied();
        if let Err(error) = self.replay.session.give_back(reading.into_deliveries()).await {
            self.stop(error);
        }
    }
}
