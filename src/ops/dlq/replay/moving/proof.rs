//! Has a target what it confirmed? It is asked after the confirmations, and before the originals go.
//!
//! Broker fact (3.10, 4.0, 4.3): what is routed to a queue that is being deleted is confirmed, though no queue has it. What is published later
//! comes back, but a busy broker can confirm some hundred messages before the first of them does (seen on 3.10.8). A queue that answers
//! after a confirmation was not being deleted when it confirmed.

use std::{collections::BTreeMap, future::Future, pin::Pin};

use futures_util::FutureExt;

use super::Pending;
use crate::{
    broker::{Connection, Error},
    ops::dlq::target::{Address, Targets},
};

/// What the broker said of the targets, and why it said no more.
pub(super) struct Answer<'r> {
    pub(super) targets: Targets<'r>,
    pub(super) failed: Option<Error>,
}

/// A question that is under way while other messages move.
pub(super) struct Proof<'r> {
    confirmed: Vec<Pending>,
    asking: Pin<Box<dyn Future<Output = Answer<'r>> + 'r>>,
    answer: Option<Answer<'r>>,
}

impl<'r> Proof<'r> {
    /// Asks about the targets of these messages, over a connection that no alarm holds back.
    pub(super) fn of(connection: &'r Connection, confirmed: Vec<Pending>) -> Proof<'r> {
        let places: BTreeMap<(&str, &str), &Address> =
            confirmed.iter().map(|pending| (pending.target.place(), &pending.target)).collect();
        let places: Vec<Address> = places.into_values().cloned().collect();
        let asking = Box::pin(async move {
            let mut targets = Targets::new(connection);
            let failed = targets.ask(&places).await.err();
            Answer { targets, failed }
        });
        Proof { confirmed, asking, answer: None }
    }

    /// Waits for the answer. May be dropped while it waits, and asked again.
    pub(super) async fn answered(&mut self) {
        if self.answer.is_none() {
            self.answer = Some(self.asking.as_mut().await);
        }
    }

    /// Whether the answer is here.
    pub(super) fn is_answered(&mut self) -> bool {
        self.answered().now_or_never().is_some()
    }

    /// The messages that were asked about, and the answer.
    pub(super) async fn told(self) -> (Vec<Pending>, Answer<'r>) {
        let answer = match self.answer {
            Some(answer) => answer,
            None => self.asking.await,
        };
        (self.confirmed, answer)
    }
}

/// Waits for the answer to what is asked; for ever where nothing is.
pub(super) async fn answered(proof: &mut Option<Proof<'_>>) {
    match proof {
        Some(proof) => proof.answered().await,
        None => std::future::pending().await,
    }
}
