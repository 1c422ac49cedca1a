//! What is done with a message of the queue: is it meant, where does it go, does it exist, may it go now?

use super::{Moving, Part, Pending};
use crate::{
    broker::{Delivery, Letter},
    message::{Identity, Message, travel},
    ops::dlq::{
        Error,
        reading::Reading,
        replay::care::Destination,
        run::{Event, Outcome},
        target::{Address, Standing, To},
    },
};

impl<L: FnMut(Event<'_>)> Moving<'_, '_, L> {
    /// One message of the set: sent on its way, or kept; or handed back, where it may not go yet.
    pub(super) async fn take(
        &mut self,
        reading: &mut Reading<'_>,
        delivery: Delivery,
    ) -> Result<Option<Delivery>, Error> {
        let replay = self.replay;
        let part = if self.met.knows(&delivery.message) { Part::Other } else { self.part_of(&delivery.message) };
        let begun = match part {
            Part::Replay(begun) => begun,
            Part::Safe(entered) => return self.only_remove(reading, delivery, entered).await.map(|()| None),
            Part::InDoubt(entered) => return self.leave_in_doubt(reading, delivery, entered).await.map(|()| None),
            Part::Other => {
                self.pass_over(reading, Some(false), &delivery.message);
                return self.stay(reading, delivery).await.map(|()| None);
            }
        };
        let is_marked = self.marked.as_mut().is_none_or(|marked| marked.take(&delivery.message));
        // What was begun with was meant.
        let meant = match begun {
            Some(_) => Some(true),
            None if is_marked => replay.is_meant(&delivery.message),
            None => Some(false),
        };
        if meant != Some(true) {
            if self.pass_over(reading, meant, &delivery.message) {
                self.found(&delivery.message);
            }
            return self.stay(reading, delivery).await.map(|()| None);
        }
        self.read += 1;
        (self.listen)(Event::Read(self.read));
        let seq = self.read;
        let Destination { address, is_parked } = match replay.destination(&delivery.message) {
            Ok(destination) => destination,
            Err(why) => return self.skip(reading, delivery, None, why).await.map(|()| None),
        };
        let standing = match self.targets.standing(&address).await {
            Ok(standing) => standing,
            Err(error) => {
                self.stay(reading, delivery).await?;
                return Err(error.into());
            }
        };
        if let Standing::Missing(why) = standing {
            return self.skip(reading, delivery, Some(address), why).await.map(|()| None);
        }
        if replay.request.dry_run {
            self.report.selected += 1;
            let outcome = if is_parked { Outcome::WouldPark } else { Outcome::WouldReplay };
            self.told(seq, &delivery.message, Some(address), outcome);
            return self.stay(reading, delivery).await.map(|()| None);
        }
        if self.gate.is_minded() && !is_parked {
            let admitted = self.gate.admits(&address, self.open, &mut self.listen).await;
            match admitted {
                Ok(true) => (),
                Ok(false) => {
                    self.read -= 1;
                    if let Some(marked) = &mut self.marked {
                        marked.put_back(&delivery.message);
                    }
                    return Ok(Some(delivery));
                }
                Err(error) => {
                    self.stay(reading, delivery).await?;
                    return Err(error.into());
                }
            }
        }
        if replay.request.edited.is_some() {
            match replay.keep_original(&delivery.message) {
                Ok(path) => self.report.archive = Some(path),
                Err(error) => {
                    self.stay(reading, delivery).await?;
                    return Err(error);
                }
            }
        }
        self.found(&delivery.message);
        let Delivery { message, receipt } = delivery;
        let identity = (self.written.keeps() || self.gate.is_minded()).then(|| Identity::of(&message));
        let endangered = replay.session.would_lose(&message).then(|| Box::new(message.clone()));
        let message_id = message.properties.message_id.clone();
        let facts = travel::Facts {
            run: &replay.session.run,
            user: replay.publishing.user(),
            also: &address.also,
            rules: &replay.request.rules,
        };
        let message = replay.request.edited.clone().unwrap_or(message);
        let travelling = match replay.request.to {
            To::Through(_) => travel::moved(message, facts.user),
            _ if is_parked => travel::put_back(message, facts.user),
            _ => travel::outgoing(message, &facts),
        };
        let letter = Letter {
            exchange: address.exchange.clone(),
            routing_key: address.routing_key.clone(),
            properties: travelling.properties,
            body: travelling.body,
        };
        let outcome = if is_parked { Outcome::Parked } else { Outcome::Replayed };
        let entered = begun.or_else(|| self.written.intend(identity, &address));
        let identity = identity.filter(|_| self.gate.is_minded());
        let pending = Pending { seq, message_id, target: address, receipt, endangered, identity, entered, outcome };
        self.report.selected += 1;
        self.open += 1;
        self.written.stage(letter, pending);
        if entered.is_none() {
            self.publish(reading).await?;
        }
        Ok(None)
    }

    /// One message that is not selected, or was met already, stays. Says whether it is one of the set that is met for the first time.
    fn pass_over(&mut self, reading: &mut Reading<'_>, meant: Option<bool>, message: &Message) -> bool {
        if self.met.meets() {
            return false;
        }
        // What this very run has put back and the service has failed on again is not in the set.
        if travel::run_of(message) == Some(self.replay.session.run.as_str()) && self.gate.is_minded() {
            reading.is_beside();
            return false;
        }
        self.read += 1;
        (self.listen)(Event::Read(self.read));
        self.report.undecided += u64::from(meant.is_none());
        true
    }

    /// One message that has nowhere to go stays, and that is told.
    async fn skip(
        &mut self,
        reading: &mut Reading<'_>,
        delivery: Delivery,
        target: Option<Address>,
        why: String,
    ) -> Result<(), Error> {
        self.found(&delivery.message);
        self.report.selected += 1;
        if self.gate.is_minded() {
            self.met.tell(Identity::of(&delivery.message));
        }
        self.told(self.read, &delivery.message, target, Outcome::Skipped(why));
        self.stay(reading, delivery).await
    }
}
