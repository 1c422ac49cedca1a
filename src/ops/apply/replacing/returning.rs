//! How does everything get back from the holding queue, and when may that one go?

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{LOOK, PATIENCE, Replacing, SAMPLED, UNDER_WAY, Undone, leading::leading};
use crate::{
    interrupt::Interrupt,
    ops::plan,
    topology::{argument::QueueType, expand::kind},
};

impl Replacing<'_> {
    /// Gives everything back to the queue as it is, and says why.
    pub(super) async fn put_back(&self, undone: Undone) -> Undone {
        let because = undone.because();
        Undone::Kept(match self.bring_back(&Interrupt::never()).await {
            Ok(()) => format!("{because}; it is as it was, with all that came meanwhile"),
            Err(more) => format!(
                "{because}; its messages are in {} ({}): apply --replace again",
                self.replacement.holding.name,
                more.because()
            ),
        })
    }

    /// Moves everything back from the holding queue, and leads what comes to the queue again.
    pub(super) async fn bring_back(&self, interrupt: &Interrupt) -> Result<(), Undone> {
        let (connection, name) = (&self.apply.connection, self.wanted.name.as_str());
        let holding = self.replacement.holding.name.as_str();
        if connection.look_up(holding).await?.is_some() {
            connection.declare_exchange(&self.way_back).await?;
            connection.bind(&leading(&self.way_back, name)).await?;
            // While what waits is moved, what comes is led back as soon as nothing is before it.
            tokio::try_join!(self.pour(holding, &self.way_back, interrupt), self.lead_back(interrupt))?;
            self.clear(interrupt).await?;
            connection.unbind(&leading(&self.way_back, name)).await?;
        }
        for way in [&self.way_in, &self.way_back] {
            connection.delete_unused_exchange(&way.name).await?;
        }
        Ok(())
    }

    /// Moves the last messages, and deletes the holding queue when nobody holds one of them.
    async fn clear(&self, interrupt: &Interrupt) -> Result<(), Undone> {
        let (connection, holding) = (&self.apply.connection, &self.replacement.holding);
        let name = holding.name.as_str();
        let is_classic = kind(holding) == QueueType::Classic;
        let rest = if is_classic { UNDER_WAY } else { SAMPLED };
        let deadline = Instant::now() + PATIENCE + rest;
        let mut resting: Option<Instant> = None;
        loop {
            if interrupt.is_raised() {
                return Err(Undone::Kept("it was interrupted".to_owned()));
            }
            let Some(passive) = connection.look_up(name).await? else { return Ok(()) };
            let inside = plan::inside(self.apply.broker, &BTreeSet::from([name])).await?;
            let inside = inside.get(name).copied().unwrap_or_default();
            if passive.ready > 0 {
                self.pour(name, &self.way_back, interrupt).await?;
                resting = None;
            } else if inside.unacked != Some(0) || inside.letters() > 0 {
                resting = None;
            } else if resting.get_or_insert_with(Instant::now).elapsed() >= rest {
                if inside.ready == Some(0) {
                    break;
                }
                self.pour(name, &self.way_back, interrupt).await?;
                resting = None;
            }
            if Instant::now() > deadline {
                return Err(Undone::Kept(format!("it is made anew, and {name} is not known to be empty yet")));
            }
            tokio::time::sleep(LOOK).await;
        }
        if is_classic {
            connection.delete_empty_queue(name).await?;
        } else {
            connection.delete_queue(name).await?;
        }
        Ok(())
    }
}
