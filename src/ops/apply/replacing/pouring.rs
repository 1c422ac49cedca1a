//! How are messages moved from one queue to the other? As a replay moves them: each is removed when its copy is confirmed.

use super::{Replacing, Undone};
use crate::{
    broker::Broker,
    interrupt::Interrupt,
    message::travel::Rules,
    ops::dlq::{
        self, Subject, To,
        replay::{self, Replay, care::Care},
        run::Report,
    },
    topology::{expand::kind, order::dead_letters, spec::ExchangeSpec},
};

impl Replacing<'_> {
    /// Moves what is in a queue, and what comes into it meanwhile, through an exchange.
    pub(super) async fn pour(&self, queue: &str, way: &ExchangeSpec, interrupt: &Interrupt) -> Result<(), Undone> {
        let failed = |error: dlq::Error| {
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            Undone::Kept(format!("messages of {queue} could not be moved: {error}{causes}"))
        };
        // A run is large, and all that replaces queues would be with it.
        let preparing = Box::pin(prepare(self.apply.broker, queue, way, &self.apply.request.owner));
        let replay = Box::new(preparing.await.map_err(failed)?);
        if replay.is_at_stake() && !self.has_dead_letters().await? {
            Box::pin(replay.leave()).await.map_err(failed)?;
            return Err(Undone::Kept(format!(
                "messages of {queue} have a limit of deliveries that cannot be lifted for the time: whoever kills evbus spends one, and what has none left goes nowhere. Give {queue} a dead letter exchange by a policy, or let it be read empty (--wait)"
            )));
        }
        let report = Box::pin(replay.run(interrupt, |_| true, &mut |_| ())).await.map_err(failed)?;
        // Interrupted before anything was moved.
        let report = report.unwrap_or(Report { interrupted: true, ..Report::default() });
        let stayed = report.stayed();
        match report.stopped {
            Some(error) => Err(Undone::Kept(format!("messages of {queue} could not be moved: {error}"))),
            None if stayed > 0 => {
                Err(Undone::Kept(format!("{stayed} of the messages of {queue} were not taken by the other queue")))
            }
            None if report.interrupted => Err(Undone::Kept("it was interrupted".to_owned())),
            None => Ok(()),
        }
    }

    /// Whether what dies in the queue that goes is led somewhere.
    async fn has_dead_letters(&self) -> Result<bool, Undone> {
        let Some(found) = &self.replacement.found else { return Ok(false) };
        let broker = self.apply.broker;
        let policy = broker.management().in_force_on(broker.vhost(), &found.name, kind(found)).await?;
        Ok(dead_letters(&found.arguments).is_some() || policy.contains_key("dead-letter-exchange"))
    }
}

async fn prepare<'a>(
    broker: &'a Broker,
    queue: &str,
    way: &ExchangeSpec,
    owner: &str,
) -> Result<Replay<'a>, dlq::Error> {
    let request = replay::Request {
        subject: Subject::whole(queue, owner),
        to: To::Through(way.name.clone()),
        limit: None,
        marked: None,
        edited: None,
        care: Care::default(),
        rules: Rules::default(),
        follows: true,
        dry_run: false,
        timeout: broker.timeout(),
        // Whatever it is cut off in, an apply is run again.
        journal: None,
        resume: None,
    };
    Replay::prepare(broker, request, &mut |_| ()).await
}
