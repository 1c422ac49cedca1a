//! Where does what comes go while a queue is made anew? Its bindings lead to the holding queue, and back.

use std::time::Duration;

use super::{Replacing, Undone};
use crate::{
    interrupt::Interrupt,
    message::Table,
    ops::{dlq::may_publish, observe},
    topology::spec::{BindingSpec, ExchangeSpec},
};

/// How often it is looked whether what waits has caught up with what comes, and how often in a row it has to have.
const CATCHING_UP: Duration = Duration::from_millis(20);
const CAUGHT_UP: usize = 5;

/// So few messages are waiting where those that come are moved as they come.
const FEW: u32 = 50;

/// How often bindings are led away that are there again, or still.
const ROUNDS: usize = 5;

impl Replacing<'_> {
    /// The bindings that lead to a queue, but for those of our own ways.
    pub(super) async fn bindings(&self, queue: &str) -> Result<Vec<BindingSpec>, Undone> {
        let broker = self.apply.broker;
        let all = broker.management().bindings(broker.vhost()).await?.into_iter().map(observe::binding);
        let ours = [self.way_in.name.as_str(), self.way_back.name.as_str(), ""];
        let is_meant = |binding: &BindingSpec| {
            binding.is_to_queue() && binding.destination == queue && !ours.contains(&binding.source.as_str())
        };
        Ok(all.filter(is_meant).collect())
    }

    /// Makes the holding queue and the exchanges that lead there and back, and makes sure that the broker lets this user go both ways.
    pub(super) async fn make_ways(&self) -> Result<(), Undone> {
        let (broker, connection, holding) = (self.apply.broker, &self.apply.connection, &self.replacement.holding);
        connection.declare_queue(holding).await?;
        self.holds().await?;
        let bindings = broker.management().bindings(broker.vhost()).await?;
        for (way, queue) in [(&self.way_in, &holding.name), (&self.way_back, &self.wanted.name)] {
            connection.declare_exchange(way).await?;
            // One that leads somewhere has been tried by the run that has bound it, and would take the message there.
            if bindings.iter().all(|binding| binding.source != way.name) {
                may_publish(broker, &way.name, &self.apply.request.owner).await?;
            }
            connection.bind(&leading(way, queue)).await?;
        }
        Ok(())
    }

    /// Removes what was made in vain, before anything was led there.
    pub(super) async fn remove_ways(&self) {
        let connection = &self.apply.connection;
        // What is left all the same `doctor` tells of, and the next run goes on from it.
        let _ = connection.unbind(&leading(&self.way_back, &self.wanted.name)).await;
        let _ = connection.delete_empty_queue(&self.replacement.holding.name).await;
        for way in [&self.way_in, &self.way_back] {
            let _ = connection.delete_unused_exchange(&way.name).await;
        }
    }

    /// Leads everything that comes to the queue to the holding queue; says whether there was anything to lead.
    pub(super) async fn lead_away(&self, interrupt: &Interrupt) -> Result<bool, Undone> {
        let (name, holding) = (self.wanted.name.as_str(), self.replacement.holding.name.as_str());
        // Somebody may bind it while it is unbound.
        for round in 0..ROUNDS {
            let bindings = self.bindings(name).await?;
            if bindings.is_empty() {
                return Ok(round > 0);
            }
            if interrupt.is_raised() {
                return Err(Undone::Kept("it was interrupted".to_owned()));
            }
            self.lead(&bindings, name, holding).await?;
        }
        self.leave(&self.bindings(name).await?).await
    }

    /// Gives up on bindings that cannot be taken away. They still lead to the queue: what was made like them for the holding queue goes,
    /// and is not led back beside them.
    async fn leave(&self, bindings: &[BindingSpec]) -> Result<bool, Undone> {
        let Some(first) = bindings.first() else { return Ok(true) };
        for binding in bindings {
            let copy = BindingSpec { destination: self.replacement.holding.name.clone(), ..binding.clone() };
            self.apply.connection.unbind(&copy).await?;
        }
        Err(Undone::Kept(format!(
            "the binding {} ({}) to it cannot be taken away: its arguments hold numbers of a width that the broker does not tell of, or somebody makes it again and again. Take it away yourself, and apply --replace again",
            first.source, first.key
        )))
    }

    /// Leads what comes to another queue: first to both, then only there.
    async fn lead(&self, bindings: &[BindingSpec], from: &str, to: &str) -> Result<(), Undone> {
        let to_queue =
            |binding: &BindingSpec, queue: &str| BindingSpec { destination: queue.to_owned(), ..binding.clone() };
        for binding in bindings {
            self.apply.connection.bind(&to_queue(binding, to)).await?;
        }
        for binding in bindings {
            self.apply.connection.unbind(&to_queue(binding, from)).await?;
        }
        Ok(())
    }

    /// Waits until next to nothing is in the holding queue, and leads what comes to the queue.
    pub(super) async fn lead_back(&self, interrupt: &Interrupt) -> Result<(), Undone> {
        let (connection, holding) = (&self.apply.connection, self.replacement.holding.name.as_str());
        let mut in_a_row = 0;
        while in_a_row < CAUGHT_UP {
            if interrupt.is_raised() {
                return Err(Undone::Kept("it was interrupted".to_owned()));
            }
            let waiting = connection.look_up(holding).await?.map_or(0, |found| found.ready);
            in_a_row = if waiting <= FEW { in_a_row + 1 } else { 0 };
            tokio::time::sleep(CATCHING_UP).await;
        }
        let bindings = self.bindings(holding).await?;
        self.lead(&bindings, holding, &self.wanted.name).await
    }
}

/// What leads from a way to its queue.
pub(super) fn leading(way: &ExchangeSpec, queue: &str) -> BindingSpec {
    BindingSpec {
        source: way.name.clone(),
        destination: queue.to_owned(),
        to_queue: true,
        key: String::new(),
        arguments: Table::new(),
    }
}
