//! What does not go along when a message is published again, why, and what is kept of it: the one list, which the README shows.
//!
//! Names and meanings of the frameworks' headers are from their sources: Spring AMQP's `RepublishMessageRecoverer`, MassTransit's
//! `MessageHeaders`, the `HeaderFilter` that NServiceBus's ServiceControl retries with, and Celery's `worker/request.py`.

use super::Way;

/// Whose headers they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The broker, or what it acts on.
    Broker,
    /// The retry contract.
    Evbus,
    /// Spring AMQP.
    Spring,
    /// MassTransit.
    MassTransit,
    /// NServiceBus.
    NServiceBus,
    /// Celery, whose names are everyday words: they are its own only where the message is one of its tasks.
    Celery,
    /// Consumers that count for themselves.
    Plain,
}

/// What is kept of something that stays behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Not,
    /// All of it, under this name.
    As(&'static str),
    /// Its first line, cut to a length that does no harm, under this name.
    Briefly(&'static str),
    /// The original address, unless one is on record already.
    Address,
}

/// What to tell somebody who wants it to go along all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// It does what it says, and nothing else.
    None,
    /// This can happen then.
    Told(&'static str),
    /// It cannot be: this would happen for certain.
    Refused(&'static str),
}

/// Headers, or a property, that stay behind for one reason.
#[derive(Debug)]
pub struct Item {
    /// Their names; a `*` at the end stands for anything.
    pub names: &'static [&'static str],
    /// Whose they are.
    pub of: Of,
    /// Why.
    pub why: &'static str,
    /// What is kept.
    pub kept: Kept,
    /// The gentlest way of publishing again that leaves them behind.
    pub from: Way,
    /// What speaks against taking them along.
    pub risk: Risk,
}

/// A message's type of exception, from whichever framework.
const TYPE: Kept = Kept::Briefly("x-evbus-exception-type");
/// What an exception said.
const SAID: Kept = Kept::Briefly("x-evbus-exception-message");

/// Everything that does not travel.
pub const LEFT_BEHIND: &[Item] = &[
    Item {
        names: &["x-death"],
        of: Of::Broker,
        why: "brokers before 4.0 count on and drop cycles; later ones show a stale history",
        kept: Kept::As("x-evbus-death"),
        from: Way::Replay,
        risk: Risk::Told(
            "brokers before 4.0 go on counting in it, and drop a message that comes by the same way again",
        ),
    },
    Item {
        names: &["x-first-death-*", "x-last-death-*"],
        of: Of::Broker,
        why: "the same history once more",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["x-delivery-count", "x-acquired-count", "x-stream-offset"],
        of: Of::Broker,
        why: "read by clients as if the broker had set them",
        kept: Kept::Not,
        from: Way::Moved,
        risk: Risk::Told("clients read it as if the broker had set it"),
    },
    Item {
        names: &["CC", "BCC"],
        of: Of::Broker,
        why: "would route copies to everyone named there",
        kept: Kept::As("x-evbus-cc"),
        from: Way::PutBack,
        risk: Risk::Told("copies go to every queue or key that is named there"),
    },
    Item {
        names: &[EXPIRATION],
        of: Of::Broker,
        why: "could expire at once",
        kept: Kept::As(EXPIRATION_KEPT),
        from: Way::Replay,
        risk: Risk::Told("a message can expire before a consumer sees it"),
    },
    Item {
        names: &[USER_ID],
        of: Of::Broker,
        why: "of somebody else: the broker would close the channel",
        kept: Kept::As(USER_ID_KEPT),
        from: Way::Moved,
        risk: Risk::Refused("the broker closes the channel of whoever publishes with the user_id of somebody else"),
    },
    Item {
        names: &["x-evbus-attempt"],
        of: Of::Evbus,
        why: "the retry ladder begins anew",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["x-exception-message"],
        of: Of::Spring,
        why: "misleads about the next failure, where that writes none",
        kept: SAID,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["x-exception-stacktrace"],
        of: Of::Spring,
        why: "the same, and as large as a frame",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["x-original-exchange", "x-original-routingKey"],
        of: Of::Spring,
        why: "names the last address, which is not the first any more after a replay",
        kept: Kept::Address,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["MT-Redelivery-Count"],
        of: Of::MassTransit,
        why: "redelivery begins anew",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["MT-Fault-ExceptionType"],
        of: Of::MassTransit,
        why: "misleads about the next failure",
        kept: TYPE,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["MT-Fault-Message"],
        of: Of::MassTransit,
        why: "the same",
        kept: SAID,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        // MT-Fault-Address is none of them: it says where the sender wants to be told.
        names: &[
            "MT-Reason",
            "MT-Fault-StackTrace",
            "MT-Fault-Timestamp",
            "MT-Fault-InputAddress",
            "MT-Fault-ConsumerType",
            "MT-Fault-MessageType",
            "MT-Fault-RetryCount",
            "MT-Fault-RedeliveryCount",
        ],
        of: Of::MassTransit,
        why: "the same",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["NServiceBus.Retries*", "NServiceBus.FLRetries"],
        of: Of::NServiceBus,
        why: "retries begin anew",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["NServiceBus.ExceptionInfo.ExceptionType"],
        of: Of::NServiceBus,
        why: "misleads about the next failure",
        kept: TYPE,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["NServiceBus.ExceptionInfo.Message"],
        of: Of::NServiceBus,
        why: "the same",
        kept: SAID,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &[
            "NServiceBus.ExceptionInfo.*",
            "NServiceBus.FailedQ",
            "NServiceBus.TimeOfFailure",
            "NServiceBus.Timeout.Expire",
            "ServiceControl.EditOf",
        ],
        of: Of::NServiceBus,
        why: "what ServiceControl takes away when it retries",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["expires"],
        of: Of::Celery,
        why: "a worker drops a task that is past it, without a word to its queue",
        kept: Kept::As("x-evbus-expires"),
        from: Way::Replay,
        risk: Risk::Told("a Celery worker acknowledges and drops a task that is past its time"),
    },
    Item {
        names: &["retries"],
        of: Of::Celery,
        why: "retries begin anew",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
    Item {
        names: &["x-retry-count", "x-retries"],
        of: Of::Plain,
        why: "what consumers count in most often: they begin anew",
        kept: Kept::Not,
        from: Way::Replay,
        risk: Risk::None,
    },
];

/// The property, which is no header.
pub(super) const EXPIRATION: &str = "expiration";
/// What is kept of it.
pub(super) const EXPIRATION_KEPT: &str = "x-evbus-expiration";
/// The property, which is no header.
const USER_ID: &str = "user_id";
/// What is kept of it.
pub(super) const USER_ID_KEPT: &str = "x-evbus-user-id";

/// What says who a message is and what it belongs to: headers that no wildcard takes away.
pub(super) const IDENTITY: &[&str] = &[
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-*",
    "uber-trace-id",
    "x-evbus-exchange",
    "x-evbus-routing-key",
    "id",
    "task",
    "root_id",
    "parent_id",
    "MessageId",
    "CorrelationId",
    "ConversationId",
    "NServiceBus.MessageId",
    "NServiceBus.CorrelationId",
    "NServiceBus.ConversationId",
];

impl Of {
    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Of::Broker => "RabbitMQ",
            Of::Evbus => "evbus",
            Of::Spring => "Spring AMQP",
            Of::MassTransit => "MassTransit",
            Of::NServiceBus => "NServiceBus",
            Of::Celery => "Celery",
            Of::Plain => "plain",
        }
    }
}

impl Item {
    /// Whether it means this header. Properties are no headers.
    pub(super) fn is_header(&self, name: &str, is_task: bool) -> bool {
        !self.is_property()
            && (self.of != Of::Celery || is_task)
            && self.names.iter().any(|pattern| matches(pattern, name))
    }

    /// Whether it means a property and not a header.
    #[must_use]
    pub fn is_property(&self) -> bool {
        matches!(self.names, [EXPIRATION | USER_ID])
    }

    /// What is kept, in words.
    #[must_use]
    pub fn keeps(&self) -> String {
        match self.kept {
            Kept::Not => "not".to_owned(),
            Kept::As(name) => format!("`{name}`"),
            Kept::Briefly(name) => format!("`{name}`, its first line"),
            Kept::Address => "`x-evbus-exchange`, `x-evbus-routing-key`".to_owned(),
        }
    }
}

/// Whether a name is meant by a pattern, in which a `*` at the end stands for anything.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}
