//! Whether the broker routes as we say it does, on topologies and messages made by chance.
//!
//! `EVBUS_SOAK=5` looks at a thousand topologies; `EVBUS_SEED=N` begins with that seed, and a failure says with which.

mod chance;

use std::collections::{BTreeMap, BTreeSet};

use evbus::{
    message::{Field, Table},
    topology::routing::{ALTERNATE_EXCHANGE, Reached},
};
use futures_util::{StreamExt, stream::select_all};
use lapin::{
    BasicProperties, Consumer,
    options::{
        BasicConsumeOptions, BasicPublishOptions, ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
        QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, LongString, ShortString},
};
use reqwest::Method;
use serde_json::json;

use self::chance::{BY_POLICY, QUEUES, REST, Topology};
use crate::support::live::{Live, broker};

fn amqp(field: &Field) -> AMQPValue {
    match field {
        Field::Void => AMQPValue::Void,
        Field::Bool(v) => AMQPValue::Boolean(*v),
        Field::I8(v) => AMQPValue::ShortShortInt(*v),
        Field::U16(v) => AMQPValue::ShortUInt(*v),
        Field::I32(v) => AMQPValue::LongInt(*v),
        Field::I64(v) => AMQPValue::LongLongInt(*v),
        Field::F32(v) => AMQPValue::Float(*v),
        Field::F64(v) => AMQPValue::Double(*v),
        Field::Decimal { scale, value } => AMQPValue::DecimalValue(DecimalValue { scale: *scale, value: *value }),
        Field::Text(bytes) => AMQPValue::LongString(LongString::from(bytes.clone())),
        Field::Bytes(bytes) => AMQPValue::ByteArray(ByteArray::from(bytes.clone())),
        Field::Timestamp(seconds) => AMQPValue::Timestamp(*seconds),
        Field::Array(items) => AMQPValue::FieldArray(FieldArray::from(items.iter().map(amqp).collect::<Vec<_>>())),
        Field::Table(fields) => AMQPValue::FieldTable(table(fields)),
        other => panic!("the dice have no {other:?}"),
    }
}

fn table(fields: &Table) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, field) in fields {
        table.insert(short(name), amqp(field));
    }
    table
}

fn short(text: &str) -> ShortString {
    ShortString::from(text)
}

/// A virtual host with queues that are read all the time, and the policy.
struct Stage {
    live: Live,
    consumers: Vec<Consumer>,
}

impl Stage {
    fn open(live: Live) -> Stage {
        let policy = json!({ "pattern": format!("{BY_POLICY}$"), "apply-to": "exchanges",
            "definition": { ALTERNATE_EXCHANGE: REST } });
        live.api(Method::PUT, &format!("policies/{}/rest", live.vhost), Some(policy));
        let consumers = live.wait(async {
            let channel = &live.channel;
            let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
            let declared =
                channel.exchange_declare(short(REST), lapin::ExchangeKind::Fanout, options, FieldTable::default());
            declared.await.expect("an exchange");
            let mut consumers = Vec::new();
            for queue in QUEUES.iter().chain([&REST]) {
                let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
                let classic = Table::from([("x-queue-type".to_owned(), Field::text("classic"))]);
                channel.queue_declare(short(queue), options, table(&classic)).await.expect("a queue");
                let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
                let consuming = channel.basic_consume(short(queue), short(queue), options, FieldTable::default());
                consumers.push(consuming.await.expect("a consumer"));
            }
            let bound = channel.queue_bind(
                short(REST),
                short(REST),
                short(""),
                QueueBindOptions::default(),
                FieldTable::default(),
            );
            bound.await.expect("a binding");
            consumers
        });
        Stage { live, consumers }
    }

    /// Makes these topologies, publishes their messages, and tells which queues got which, each as often as it did.
    fn play(&mut self, topologies: &[Topology]) -> BTreeMap<(String, String), usize> {
        let Stage { live, consumers } = self;
        let channel = live.channel.clone();
        live.wait(async {
            for topology in topologies {
                make(&channel, topology).await.expect("it is sent");
            }
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(short(REST), passive, FieldTable::default()).await.expect("everything is made");
            let mut confirms = Vec::new();
            for topology in topologies {
                for (at, letter) in topology.messages.iter().enumerate() {
                    let properties = BasicProperties::default().with_message_id(short(&topology.id(at)));
                    let properties = match &letter.headers {
                        Some(headers) => properties.with_headers(table(headers)),
                        None => properties,
                    };
                    let (exchange, key) = (short(&letter.exchange), short(&letter.keys[0]));
                    let sent = channel.basic_publish(exchange, key, BasicPublishOptions::default(), b"", properties);
                    confirms.push(sent.await.expect("it is sent"));
                }
            }
            // A queue hands its messages out in their order: behind the last of all, everything has come that will.
            for queue in QUEUES.iter().chain([&REST]) {
                let properties = BasicProperties::default().with_message_id(short("last"));
                let sent =
                    channel.basic_publish(short(""), short(queue), BasicPublishOptions::default(), b"", properties);
                confirms.push(sent.await.expect("it is sent"));
            }
            for confirm in confirms {
                confirm.await.expect("the broker confirms");
            }
            let mut got: BTreeMap<(String, String), usize> = BTreeMap::new();
            let mut open = consumers.len();
            let mut deliveries = select_all(
                consumers
                    .iter_mut()
                    .zip(QUEUES.iter().chain([&REST]))
                    .map(|(consumer, queue)| consumer.map(move |delivery| (*queue, delivery))),
            );
            while open > 0 {
                let (queue, delivery) = deliveries.next().await.expect("a delivery");
                let delivery = delivery.expect("a message");
                let id = delivery.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
                if id == "last" {
                    open -= 1;
                } else {
                    *got.entry((id, queue.to_owned())).or_default() += 1;
                }
            }
            for exchange in topologies.iter().flat_map(|topology| &topology.exchanges) {
                let options = ExchangeDeleteOptions { nowait: true, ..ExchangeDeleteOptions::default() };
                channel.exchange_delete(short(&exchange.name), options).await.expect("it is sent");
            }
            got
        })
    }
}

async fn make(channel: &lapin::Channel, topology: &Topology) -> lapin::Result<()> {
    for exchange in &topology.exchanges {
        let kind = lapin::ExchangeKind::Custom(exchange.kind.clone());
        let options = ExchangeDeclareOptions { nowait: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(short(&exchange.name), kind, options, table(&exchange.arguments)).await?;
    }
    for binding in &topology.bindings {
        let (to, from, key) = (short(&binding.destination), short(&binding.source), short(&binding.key));
        let arguments = table(&binding.arguments);
        if binding.to_queue {
            channel.queue_bind(to, from, key, QueueBindOptions { nowait: true }, arguments).await?;
        } else {
            channel.exchange_bind(to, from, key, ExchangeBindOptions { nowait: true }, arguments).await?;
        }
    }
    Ok(())
}

/// How often the dice made what is to be looked at.
#[derive(Debug, Default)]
struct Seen {
    reached: usize,
    lost: usize,
    through_others: usize,
    by_headers: usize,
    alternate: usize,
    by_policy: usize,
}

impl Seen {
    fn count(&mut self, found: &[Reached]) {
        self.lost += usize::from(found.is_empty());
        self.reached += found.len();
        let hops = || found.iter().map(|reached| &reached.via[0]);
        self.through_others += hops().filter(|via| via.len() > 1).count();
        self.by_headers += hops().filter(|via| via.iter().any(|hop| !hop.arguments.is_empty())).count();
        self.alternate += hops().filter(|via| via.iter().any(|hop| hop.alternate)).count();
        self.by_policy += found.iter().filter(|reached| reached.queue == REST).count();
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn the_broker_routes_as_the_offline_routes_say() {
    let Some(live) = broker("routes") else { return };
    let version = live.version();
    let mut stage = Stage::open(live);
    let count = 200 * number("EVBUS_SOAK", 1);
    let first = number("EVBUS_SEED", 1);
    let seeds: Vec<u64> = (first..first + count).map(|seed| seed as u64).collect();
    let mut seen = Seen::default();
    for seeds in seeds.chunks(50) {
        let topologies: Vec<Topology> = seeds.iter().map(|seed| Topology::of_seed(*seed)).collect();
        let mut got = stage.play(&topologies);
        for topology in &topologies {
            let routes = topology.routes(version);
            for (at, letter) in topology.messages.iter().enumerate() {
                let keys: Vec<&str> = letter.keys.iter().map(String::as_str).collect();
                let found = routes.reach(&letter.exchange, &keys, letter.headers.as_ref());
                seen.count(&found);
                let expected: BTreeSet<String> = found.into_iter().map(|reached| reached.queue).collect();
                let came: BTreeMap<String, usize> = QUEUES
                    .iter()
                    .chain([&REST])
                    .filter_map(|queue| {
                        Some(((*queue).to_owned(), got.remove(&(topology.id(at), (*queue).to_owned()))?))
                    })
                    .collect();
                let told = || {
                    let Topology { seed, exchanges, bindings, .. } = topology;
                    format!("EVBUS_SEED={seed} on {version}\n{exchanges:#?}\n{bindings:#?}\n{letter:#?}")
                };
                assert!(came.values().all(|copies| *copies == 1), "one copy, however many ways: {came:?}, {}", told());
                assert_eq!(came.into_keys().collect::<BTreeSet<_>>(), expected, "{}", told());
            }
        }
        assert!(got.is_empty(), "nothing that was not sent: {got:?}");
    }
    let Seen { reached, lost, through_others, by_headers, alternate, by_policy } = seen;
    let least = [reached, lost, through_others, by_headers, alternate, by_policy].into_iter().min().unwrap_or(0);
    assert!(least >= count / 4, "the dice are too kind: {seen:?}");
}
