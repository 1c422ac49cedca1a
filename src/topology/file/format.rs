//! The format of a topology file: every key there is, what it takes, and what it means.

use super::shape::{Field, Map, Object, Shape, no_arguments};
use crate::topology::argument::Argument;

const fn field(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, doc, shape, required: false }
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, doc, shape, required: true }
}

const fn object(what: &'static str, fields: &'static [Field]) -> Object {
    Object { what, fields, arguments: no_arguments }
}

/// The whole file.
pub(in crate::topology) static FILE: Object = object(
    "a topology file",
    &[
        required("evbus", Shape::Integer(1, 1), "The version of the format: 1."),
        field("name", Shape::Text, "Who owns what this file creates."),
        field("vhost", Shape::Text, "The virtual host it is for."),
        field("bus", Shape::Object(&BUS), "The exchange every event goes through."),
        field(
            "events",
            Shape::Map(&Map { key: None, of: Shape::Object(&EVENT) }),
            "The catalog: what happens, in the past tense.",
        ),
        field(
            "services",
            Shape::Map(&Map { key: None, of: Shape::Optional(&Shape::Object(&SERVICE)) }),
            "The services, each with a queue of its own.",
        ),
        field("audit", Shape::Object(&AUDIT), "A stream that keeps every event."),
        field("defaults", Shape::Object(&DEFAULTS), "What holds for every service that does not say otherwise."),
        field("naming", Shape::Object(&NAMING), "The names that are made from others."),
        field(
            "exchanges",
            Shape::Map(&Map { key: Some("an exchange"), of: Shape::Optional(&Shape::Object(&EXCHANGE)) }),
            "Further exchanges.",
        ),
        field(
            "queues",
            Shape::Map(&Map { key: Some("a queue"), of: Shape::Optional(&Shape::Object(&QUEUE)) }),
            "Further queues.",
        ),
        field("bindings", Shape::List(&Shape::Object(&BINDING)), "Further bindings."),
        field("policies", Shape::Map(&Map { key: Some("a policy"), of: Shape::Object(&POLICY) }), "Policies."),
        field("lint", Shape::Object(&LINT), "What lint is not to tell."),
    ],
);

static BUS: Object =
    object("the bus", &[required("exchange", Shape::Name("an exchange"), "The name of the topic exchange.")]);

static EVENT: Object = object(
    "an event",
    &[
        required("routing_key", Shape::Key, "The key it is published with, like `email.classified`."),
        field("publisher", Shape::Text, "The service that publishes it."),
        field("description", Shape::Text, "What it means."),
        field(
            "versions",
            Shape::Map(&Map { key: None, of: Shape::Text }),
            "The JSON Schema of each version's payload: a path, relative to this file.",
        ),
    ],
);

static SERVICE: Object = object(
    "a service",
    &[
        field(
            "subscribes",
            Shape::List(&Shape::TextOr("the name of an event, or a map with a `key:`", &PATTERN)),
            "What it wants: events by name, or patterns.",
        ),
        field("queue", Shape::Object(&WORK_QUEUE), "What its queue is like."),
        field("retry", RETRIES, "How failed messages are tried again."),
        field("dead_letters", Shape::Object(&DEAD_LETTERS), "What is too much for its dead letter queue."),
        field("alerts", Shape::Object(&ALERTS), "What is too much, or too few, for its queue."),
    ],
);

static PATTERN: Object = object(
    "a subscription",
    &[required("key", Shape::Key, "A pattern of routing keys: `*` is one word, `#` any number of words.")],
);

/// The queue of a service. Where its dead letters go, and what happens when it is full, follows from its being one.
static WORK_QUEUE: Object = Object {
    what: "the queue of a service",
    fields: &[
        field("name", Shape::Name("a queue"), "Its name, where it is not the service's."),
        field("type", Shape::Word(&["quorum", "classic"]), "Its type: quorum unless said otherwise."),
        ARGUMENTS,
    ],
    arguments: of_work_queues,
};

/// The same for every service: a name would make them share one queue.
static DEFAULT_QUEUE: Object = Object {
    what: "the queue of a service",
    fields: &[field("type", Shape::Word(&["quorum", "classic"]), "Its type: quorum unless said otherwise."), ARGUMENTS],
    arguments: of_work_queues,
};

const ARGUMENTS: Field = field(
    "arguments",
    Shape::Map(&Map { key: None, of: Shape::Any }),
    "Arguments as they go to the broker: milliseconds, bytes.",
);

/// What evbus decides about a work queue is no key of it.
pub(in crate::topology) fn of_work_queues(argument: &Argument) -> bool {
    let ours = argument.key.starts_with("dead_letter_") || argument.key == "overflow";
    !ours
        && argument.key != "expires"
        && !argument
            .takers(crate::version::Version::new(4, 0, 0))
            .iter()
            .all(|kind| *kind == crate::topology::argument::QueueType::Stream)
}

const RETRIES: Shape = Shape::WordOr("none", &RETRY);

static RETRY: Object = object(
    "a retry ladder",
    &[
        field("first", Shape::Time, "How long the first retry waits."),
        field("factor", Shape::Number(1.0), "How much longer each further one waits: twice, unless said otherwise."),
        field("max", Shape::Time, "How long one waits at most."),
        field("attempts", Shape::Integer(1, 100), "How many retries follow the first delivery."),
        field("delays", Shape::List(&Shape::Time), "How long each retry waits, one by one; instead of the others."),
    ],
);

static DEAD_LETTERS: Object = object(
    "what holds for dead letters",
    &[
        field("keep", Shape::Time, "Older ones are reported for review."),
        field("max", Shape::Integer(1, i64::MAX), "More of them are reported for review."),
        field("enforce", Shape::Flag, "Makes the broker delete what exceeds `keep` and `max`. This destroys evidence."),
    ],
);

static ALERTS: Object = object(
    "alerts",
    &[
        field("depth", Shape::Integer(0, i64::MAX), "More ready messages than this."),
        field("age", Shape::Time, "A message that has waited longer than this."),
        field("consumers", Shape::Integer(0, i64::MAX), "Fewer consumers than this."),
        field("dead", Shape::Integer(0, i64::MAX), "More dead letters than this."),
    ],
);

static AUDIT: Object = object(
    "the audit stream",
    &[
        required("stream", Shape::Name("a queue"), "Its name."),
        field("keep", Shape::Time, "How long it keeps events."),
        field("max_length_bytes", Shape::Size, "How much it keeps."),
        field("stream_max_segment_size", Shape::Size, "The size of its files; it is emptied file by file."),
    ],
);

static DEFAULTS: Object = object(
    "the defaults",
    &[
        field("queue", Shape::Object(&DEFAULT_QUEUE), "What every service's queue is like."),
        field("retry", RETRIES, "How every service's failed messages are tried again."),
        field("dead_letters", Shape::Object(&DEAD_LETTERS), "What is too much for a dead letter queue."),
        field("alerts", Shape::Object(&ALERTS), "What is too much, or too few, for a queue."),
    ],
);

static NAMING: Object = object(
    "the naming",
    &[
        field("queue", Shape::Text, "Of a service's queue: `{service}`."),
        field("dead_letter_queue", Shape::Text, "`{queue}.dlq` unless said otherwise."),
        field("retry_queue", Shape::Text, "`{queue}.retry.{delay}` unless said otherwise."),
        field("dead_letter_exchange", Shape::Text, "`{bus}.dlx` unless said otherwise."),
        field("retry_exchange", Shape::Text, "`{bus}.retry` unless said otherwise."),
    ],
);

static EXCHANGE: Object = object(
    "an exchange",
    &[
        field("type", Shape::Text, "topic (unless said otherwise), direct, fanout, headers, or a plugin's."),
        field("durable", Shape::Flag, "Whether it survives a restart: yes, unless said otherwise."),
        field("auto_delete", Shape::Flag, "Whether it goes with its last binding."),
        field("internal", Shape::Flag, "Whether it takes messages from other exchanges only."),
        field("alternate_exchange", Shape::Text, "Where what it cannot route goes."),
        ARGUMENTS,
    ],
);

static QUEUE: Object = Object {
    what: "a queue",
    fields: &[
        field("type", Shape::Word(&["quorum", "classic", "stream"]), "Its type: quorum unless said otherwise."),
        field("durable", Shape::Flag, "Whether it survives a restart: yes, unless said otherwise."),
        field("auto_delete", Shape::Flag, "Whether it goes with its last consumer."),
        ARGUMENTS,
    ],
    arguments: |_| true,
};

static BINDING: Object = object(
    "a binding",
    &[
        required("from", Shape::Text, "The exchange it leads from."),
        field("to", Shape::Text, "The queue it leads to."),
        field("to_exchange", Shape::Text, "The exchange it leads to."),
        field("key", Shape::Key, "Its key; empty unless said otherwise."),
        ARGUMENTS,
    ],
);

static POLICY: Object = object(
    "a policy",
    &[
        required("pattern", Shape::Text, "The regular expression that names must match."),
        field(
            "apply_to",
            Shape::Word(&["all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams"]),
            "What it is for: all, unless said otherwise; the kinds of queues from 3.12 on.",
        ),
        field(
            "priority",
            Shape::Integer(i32::MIN as i64, i32::MAX as i64),
            "Of several that match, the highest is in force: 0, unless said otherwise.",
        ),
        required("definition", Shape::Map(&Map { key: None, of: Shape::Any }), "Its keys, as they go to the broker."),
    ],
);

static LINT: Object = object(
    "what lint is told",
    &[field(
        "ignore",
        Shape::List(&Shape::Object(&SILENCE)),
        "Findings that are known and meant, each with the reason.",
    )],
);

static SILENCE: Object = object(
    "a finding that is meant",
    &[
        required("rule", Shape::Rule, "The rule that finds it."),
        field("object", Shape::Text, "The name of what it is about, as lint shows it; anything, unless said."),
        required("because", Shape::Text, "Why it is meant to be so."),
    ],
);
