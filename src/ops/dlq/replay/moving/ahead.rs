//! What would become of the messages at the front of the queue? Read before anybody is asked, and moved or given back afterwards.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Moving, Part};
use crate::{
    broker::Delivery,
    ops::dlq::{
        Custody, Error,
        reading::{Hold, Reading},
        replay::{FIRST_BYTES, Preflight, Row, care::Destination},
        run::Event,
        session::known,
        target::{Address, Standing},
    },
};

/// How many targets are asked for their limits: each costs a call of the management API.
const ASKED: usize = 32;

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// Reads a first window of the set, and says what would become of it.
    pub(in crate::ops::dlq::replay) async fn look_ahead(
        &mut self,
        reading: &mut Reading<'_>,
        ahead: &mut VecDeque<Delivery>,
    ) -> Result<Preflight, Error> {
        let (Hold::Undecided(most) | Hold::AtStake(most)) = self.replay.request.care.bounds(self.replay.hold);
        let mut bytes = 0;
        while !self.replay.request.follows
            && ahead.len() < usize::from(most)
            && bytes < FIRST_BYTES
            && !self.interrupt.is_raised()
        {
            reading.make_room().await?;
            let Some(delivery) = reading.next().await? else { break };
            bytes += delivery.message.body.len();
            ahead.push_back(delivery);
        }
        self.preflight(ahead).await
    }

    /// What would become of the messages read so far.
    async fn preflight(&mut self, ahead: &VecDeque<Delivery>) -> Result<Preflight, Error> {
        let replay = self.replay;
        if let Some(again) = &mut self.again {
            again.look_ahead(ahead.iter().map(|delivery| &delivery.message));
        }
        let (mut removed, mut in_doubt) = (0, 0);
        let mut rows: BTreeMap<(Option<Address>, Option<String>), u64> = BTreeMap::new();
        let mut selected = 0;
        let mut marked = replay.request.marked.clone();
        for Delivery { message, .. } in ahead {
            match self.part_of(message) {
                Part::Replay(_) => (),
                Part::Safe(_) => {
                    removed += 1;
                    continue;
                }
                Part::InDoubt(_) => {
                    in_doubt += 1;
                    continue;
                }
                Part::Other => continue,
            }
            if !replay.is_meant(message).unwrap_or(false)
                || marked.as_mut().is_some_and(|marked| !marked.take(message))
                || replay.request.most().is_some_and(|most| selected >= most)
            {
                continue;
            }
            selected += 1;
            let row = match replay.destination(message) {
                Ok(Destination { address, .. }) => match self.targets.standing(&address).await? {
                    Standing::Exists => (Some(address), None),
                    Standing::Missing(why) => (Some(address), Some(why)),
                },
                Err(why) => (None, Some(why)),
            };
            *rows.entry(row).or_default() += 1;
        }
        self.warn_of_targets(
            rows.keys().filter_map(|(address, obstacle)| address.as_ref().filter(|_| obstacle.is_none())),
        )
        .await;
        Ok(Preflight {
            depth: replay.session.facts.ready,
            looked_at: ahead.len() as u64,
            selected,
            removed,
            in_doubt,
            rows: rows.into_iter().map(|((target, obstacle), count)| Row { target, count, obstacle }).collect(),
            rotates: replay.session.facts.custody.as_ref().is_some_and(Custody::rotates),
            consumers: replay.session.facts.consumers,
        })
    }

    /// Warns of targets at which an arrival can cost another message its place.
    async fn warn_of_targets(&mut self, addresses: impl Iterator<Item = &Address>) {
        let session = &self.replay.session;
        let queues: BTreeSet<&str> = addresses.filter_map(Address::as_queue).take(ASKED).collect();
        for queue in queues {
            // Where nobody can say, the mandatory flag and the confirmation still tell whether a message arrived.
            let Ok((custody, _)) = known(session.broker, queue, session.consuming.version()).await else { continue };
            if custody.drops_head {
                let warning = format!(
                    "{queue} drops its oldest messages when it is full: what is put back there can push others out, and later ones can push it out"
                );
                (self.listen)(Event::Warning(warning));
            }
        }
    }
}
