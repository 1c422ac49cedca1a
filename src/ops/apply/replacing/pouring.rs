//! How are messages moved from one queue to the other? As a replay moves them: each is removed when its copy is confirmed.

use super::{Replacing, Undone};
use crate::{
    broker::Broker,
    interrupt::Interrupt,
    message::selector::Selector,
    ops::dlq::{
        self, Save, To,
        replay::{self, Replay, Report},
    },
    topology::spec::ExchangeSpec,
};

impl Replacing<'_> {
    /// Moves what is in a queue, and what comes into it meanwhile, through an exchange.
    pub(super) async fn pour(&self, queue: &str, way: &ExchangeSpec, interrupt: &Interrupt) -> Result<(), Undone> {
        let report = pour(self.apply.broker, queue, way, &self.apply.request.owner, interrupt).await;
        let report = report.map_err(|error| {
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            Undone::Kept(format!("messages of {queue} could not be moved: {error}{causes}"))
        })?;
        let stayed = report.skipped + report.returned + report.refused + report.unknown;
        match report.stopped {
            Some(error) => Err(Undone::Kept(format!("messages of {queue} could not be moved: {error}"))),
            None if stayed > 0 => {
                Err(Undone::Kept(format!("{stayed} of the messages of {queue} were not taken by the other queue")))
            }
            None if report.interrupted => Err(Undone::Kept("it was interrupted".to_owned())),
            None => Ok(()),
        }
    }
}

async fn pour(
    broker: &Broker,
    queue: &str,
    way: &ExchangeSpec,
    owner: &str,
    interrupt: &Interrupt,
) -> Result<Report, dlq::Error> {
    let request = replay::Request {
        queue: queue.to_owned(),
        to: To::Through(way.name.clone()),
        limit: None,
        selector: Selector::default(),
        save: Save::Auto,
        assume: None,
        window: None,
        follows: true,
        dry_run: false,
        owner: owner.to_owned(),
        timeout: broker.timeout(),
    };
    let replay = Replay::prepare(broker, request, &mut |_| ()).await?;
    let report = Box::pin(replay.run(interrupt, |_| true, &mut |_| ())).await?;
    // Interrupted before anything was moved.
    Ok(report.unwrap_or(Report { interrupted: true, ..Report::default() }))
}
