//! What does a broker have in a virtual host? Asked of the management API, in the words of the topology.

use crate::{
    broker::{
        Error,
        management::{BindingInfo, ExchangeInfo, Management, Policy, QueueInfo},
    },
    message::{Field, Table},
    topology::{
        argument::QueueType,
        diff::Observed,
        spec::{BindingSpec, ExchangeSpec, PolicySpec, QueueSpec},
    },
};

/// Everything a virtual host has, and whether the user may set policies in it.
///
/// # Errors
/// No management API, or a user that it does not let in.
pub async fn run(management: &Management, vhost: &str) -> Result<Observed, Error> {
    // Side by side: with tens of thousands of objects the broker takes seconds for each list.
    let (exchanges, queues, bindings, policies, user) = tokio::try_join!(
        management.exchanges(vhost),
        management.queue_definitions(vhost),
        management.bindings(vhost),
        management.policies(vhost),
        management.who_am_i(),
    )?;
    let mut observed = Observed::default();
    for info in exchanges {
        observed.exchanges.insert(info.name.clone(), exchange(info));
    }
    for info in queues {
        if info.is_down() {
            observed.down.insert(info.name.clone());
        }
        if let Some(policy) = &info.policy {
            observed.queue_policies.insert(info.name.clone(), policy.clone());
        }
        observed.queues.insert(info.name.clone(), queue(info));
    }
    for info in bindings {
        observed.bind(binding(info));
    }
    observed.policies = policies.into_iter().map(|found| (found.name.clone(), policy(found))).collect();
    // Who may look at policies may not always set them.
    observed.may_set_policies = user.tags.iter().any(|tag| tag == "policymaker" || tag == "administrator");
    Ok(observed)
}

pub(super) fn exchange(info: ExchangeInfo) -> ExchangeSpec {
    ExchangeSpec {
        name: info.name,
        kind: info.kind,
        durable: info.durable,
        auto_delete: info.auto_delete,
        internal: info.internal,
        arguments: table(&info.arguments),
    }
}

fn queue(info: QueueInfo) -> QueueSpec {
    let mut arguments = table(&info.arguments);
    // A queue without the argument has a type all the same: the virtual host's default when it was made.
    if let Some(kind) = &info.kind {
        arguments.insert(QueueType::ARGUMENT.to_owned(), Field::text(kind.as_str()));
    }
    QueueSpec {
        name: info.name,
        durable: info.durable.unwrap_or(true),
        exclusive: info.exclusive.unwrap_or(false),
        auto_delete: info.auto_delete.unwrap_or(false),
        arguments,
    }
}

pub(super) fn binding(info: BindingInfo) -> BindingSpec {
    BindingSpec {
        source: info.source,
        destination: info.destination,
        to_queue: info.destination_type != "exchange",
        key: info.routing_key,
        arguments: table(&info.arguments),
    }
}

fn policy(found: Policy) -> PolicySpec {
    PolicySpec {
        name: found.name,
        pattern: found.pattern,
        apply_to: found.apply_to,
        priority: found.priority,
        definition: found.definition,
    }
}

fn table(map: &serde_json::Map<String, serde_json::Value>) -> Table {
    map.iter().map(|(name, value)| (name.clone(), field(value))).collect()
}

/// What the API's JSON stands for; widths are lost in it, and no comparison needs them.
fn field(value: &serde_json::Value) -> Field {
    use serde_json::Value;
    match value {
        Value::Null => Field::Void,
        Value::Bool(flag) => Field::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Field::I64(number),
            None => Field::F64(number.as_f64().unwrap_or(f64::NAN)),
        },
        // A value of no type comes as this word.
        Value::String(text) if text == "undefined" => Field::Void,
        Value::String(text) => Field::text(text.as_str()),
        Value::Array(items) => Field::Array(items.iter().map(field).collect()),
        Value::Object(map) => Field::Table(table(map)),
    }
}
