//! One change, carried out.

use std::collections::BTreeMap;

use super::{Apply, Archived, Undone};
use crate::{
    broker::{self, Broker, Connection, management::Policy},
    interrupt::Interrupt,
    topology::{
        diff::Inside,
        order::Object,
        plan::{Action, Change},
        spec::PolicySpec,
    },
};

impl Apply<'_> {
    /// Carries out one change, the one of that number in the plan.
    pub(super) async fn carry_out(
        &self,
        change: &Change,
        number: usize,
        inside: &BTreeMap<String, Inside>,
        interrupt: &Interrupt,
    ) -> Result<Option<Archived>, Undone> {
        match change.action {
            Action::Delete => self.remove(&change.object, number, inside, &change.feeders, interrupt).await,
            // To set a policy is to put it in place of whatever has its name.
            Action::Create if self.has_come(&change.object).await? => {
                Err(Undone::Kept("somebody has made one of that name meanwhile".to_owned()))
            }
            _ => Ok(make(self.broker, &self.connection, &change.object).await.map(|()| None)?),
        }
    }

    /// Whether a policy that was not there when it was planned is there now.
    async fn has_come(&self, object: &Object) -> Result<bool, broker::Error> {
        let Object::Policy(wanted) = object else { return Ok(false) };
        let there = self.broker.management().policies(self.broker.vhost()).await?;
        Ok(there.iter().any(|policy| policy.name == wanted.name))
    }
}

async fn make(broker: &Broker, connection: &Connection, object: &Object) -> Result<(), broker::Error> {
    match object {
        Object::Exchange(exchange) => connection.declare_exchange(exchange).await,
        Object::Queue(queue) => connection.declare_queue(queue).await,
        Object::Binding(binding) => connection.bind(binding).await,
        Object::Policy(wanted) => broker.management().put_policy(broker.vhost(), &policy(wanted)).await,
    }
}

fn policy(wanted: &PolicySpec) -> Policy {
    Policy {
        name: wanted.name.clone(),
        pattern: wanted.pattern.clone(),
        apply_to: wanted.apply_to.clone(),
        priority: wanted.priority,
        definition: wanted.definition.clone(),
    }
}
