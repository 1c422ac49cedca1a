//! Lifting a queue's delivery limit while messages of it are held, and putting it back.
//!
//! A temporary policy replaces the one in force, so it repeats that one's whole definition and adds a limit nobody reaches.
//! Broker fact (measured on 4.0 and 4.3): when the call that sets a policy returns, the queue has taken it over.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Custody;
use crate::{
    broker::{Broker, Error, management::Policy},
    topology::policy::TEMPORARY,
};

/// How long the return of what a lost connection held is waited for.
const RETURN: Duration = Duration::from_secs(90);

/// High enough that no message reaches it. A limit of −1 would mean none at all, but lets returned messages change their order
/// on 4.0 to 4.2, and is refused before.
const OUT_OF_REACH: i64 = 1_000_000_000;

/// A temporary policy in force on one queue.
#[derive(Debug)]
#[must_use = "a guard that is not removed stays on the broker"]
pub struct Guard {
    name: String,
}

impl Guard {
    /// Lifts the limit of a queue for the run.
    ///
    /// # Errors
    /// When the user may not set policies, or the management API cannot be reached.
    pub async fn put(broker: &Broker, queue: &str, custody: &Custody, run: &str) -> Result<Guard, Error> {
        let name = format!("{TEMPORARY}{run}");
        let management = broker.management();
        let highest = management.policies(broker.vhost()).await?.iter().map(|policy| policy.priority).max();
        let mut definition: Map<String, Value> = custody.definition.clone();
        definition.insert("delivery-limit".to_owned(), OUT_OF_REACH.into());
        let policy = Policy {
            name: name.clone(),
            pattern: format!("^{}$", literally(queue)),
            apply_to: "queues".to_owned(),
            priority: highest.unwrap_or(0).saturating_add(1),
            definition,
        };
        management.put_policy(broker.vhost(), &policy).await?;
        Ok(Guard { name })
    }

    /// The policy's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until nobody holds a message of the queue any more: a busy broker takes back later what was returned, and one that has not
    /// missed a lost connection yet, what that one held. Broker fact: it does so at the latest when two heartbeats have not come.
    ///
    /// # Errors
    /// When it does not come to that, or nobody can say.
    pub async fn await_return(&self, broker: &Broker, queue: &str, tell: &mut dyn FnMut(String)) -> Result<(), Error> {
        let pattern = format!("^{}$", literally(queue));
        let deadline = Instant::now() + RETURN;
        let mut told = false;
        loop {
            let held = broker.management().unacked(broker.vhost(), queue, &pattern).await?;
            if held == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::Timeout { what: format!("the return of {held} messages that are held") });
            }
            if !std::mem::replace(&mut told, true) {
                tell(format!("the broker has not taken back {held} messages yet: {} stays until it has", self.name));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Puts the limit back.
    ///
    /// # Errors
    /// When the policy could not be removed: it is still there then.
    pub async fn remove(self, broker: &Broker) -> Result<(), Error> {
        broker.management().delete_policy(broker.vhost(), &self.name).await
    }
}

/// A pattern that matches this name and nothing else.
fn literally(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if matches!(c, '.' | '\\' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' | '|' | '#' | ' ') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::literally;

    #[test]
    fn a_pattern_matches_the_name_and_not_its_neighbours() {
        assert_eq!(literally("orders.dlq"), r"orders\.dlq");
        assert_eq!(literally("a|b (1)"), r"a\|b\ \(1\)");
    }
}
