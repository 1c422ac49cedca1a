//! For the tests: what each rule finds, and what is nearly the same and right.

/// A rule, a text in which it finds something, and one in which it does not. What begins with a quote is definitions.
pub(super) const CASES: &[(&str, &str, &str)] = &[
    (
        "unknown-event",
        "services: {s: {subscribes: [Gone]}}",
        "events: {Gone: {routing_key: g}}\nservices: {s: {subscribes: [Gone]}}",
    ),
    (
        "unheard-event",
        "events: {Gone: {routing_key: g}}\nservices: {s: {}}",
        "events: {Gone: {routing_key: g}}\nservices: {s: {subscribes: [{key: \"#\"}]}}",
    ),
    (
        "unmatched-subscription",
        "events: {Gone: {routing_key: g.x}}\nservices: {s: {subscribes: [Gone, {key: \"gg.*\"}]}}",
        "events: {Gone: {routing_key: g.x}}\nservices: {s: {subscribes: [{key: \"g.*\"}]}}",
    ),
    (
        "event-not-past",
        "events: {PlaceOrder: {routing_key: o}}\nservices: {s: {subscribes: [PlaceOrder]}}",
        "events: {OrderPlaced: {routing_key: o}}\nservices: {s: {subscribes: [OrderPlaced]}}",
    ),
    ("shared-queue", "services: {a: {queue: {name: q}}, b: {queue: {name: q}}}", "services: {a: {}, b: {}}"),
    ("at-most-once", "services: {s: {queue: {type: classic}}}", "services: {s: {queue: {type: quorum}}}"),
    (
        "enforced-dead-letters",
        "services: {s: {dead_letters: {max: 5, enforce: true}}}",
        "services: {s: {dead_letters: {max: 5}}}",
    ),
    (
        "dead-letters-go-nowhere",
        "'exchanges': [{'name': 'dlx', ~, 'type': 'direct'}], 'queues': [{'name': 'q', ~, 'arguments': {'x-dead-letter-exchange': 'dlx'}}]",
        "'exchanges': [{'name': 'dlx', ~, 'type': 'headers'}], 'queues': [{'name': 'q', ~, 'arguments': {'x-dead-letter-exchange': 'dlx'}}, {'name': 'd', ~}], 'bindings': [{'source': 'dlx', ~, 'destination': 'd', 'destination_type': 'queue', 'routing_key': '', 'arguments': {'x': 1}}]",
    ),
    (
        "self-dead-lettering",
        "queues: {q: {dead_letter_exchange: \"\"}}",
        "queues: {q: {dead_letter_exchange: \"\", dead_letter_routing_key: d}, d: {}}",
    ),
    (
        "dead-letters-move-on",
        "queues: {q.dlq: {dead_letter_exchange: \"\", dead_letter_routing_key: q}, q: {}}",
        "queues: {q.dlq: {}, q: {dead_letter_exchange: \"\", dead_letter_routing_key: q.dlq}}",
    ),
    (
        "unfed-dead-letter-queue",
        "queues: {q: {}, q.dlq: {}}",
        "exchanges: {all: {type: fanout}, in: {alternate_exchange: all}}\nqueues: {q.dlq: {}}\nbindings: [{from: all, to: q.dlq}]",
    ),
    (
        "some-without-dead-letters",
        "queues: {a: {dead_letter_exchange: \"\", dead_letter_routing_key: dlq}, dlq: {}, b: {}}",
        "queues: {a: {dead_letter_exchange: \"\", dead_letter_routing_key: dlq}, dlq: {}}",
    ),
    (
        "dead-letter-key-alone",
        "queues: {q: {dead_letter_routing_key: k}}",
        "queues: {q: {dead_letter_routing_key: q.dlq, dead_letter_exchange: \"\"}, q.dlq: {}}",
    ),
    (
        "shared-retry",
        "exchanges: {in: {}}\nqueues: {q: {}, q.retry: {message_ttl: 1s, dead_letter_exchange: in, dead_letter_routing_key: k}}\nbindings: [{from: in, to: q, key: k}]",
        "queues: {q: {}, q.retry: {message_ttl: 1s, dead_letter_exchange: \"\", dead_letter_routing_key: q}}",
    ),
    (
        "dead-letters-astray",
        "exchanges: {in: {alternate_exchange: rest}, rest: {type: fanout}}\nqueues: {q: {dead_letter_exchange: in, dead_letter_routing_key: k}, r: {}}\nbindings: [{from: rest, to: r}]",
        "exchanges: {in: {alternate_exchange: rest}, rest: {type: fanout}}\nqueues: {q: {dead_letter_exchange: in, dead_letter_routing_key: k}, r: {}}\nbindings: [{from: rest, to: r}, {from: in, to: r, key: k}]",
    ),
    (
        "expires-without-dead-letters",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q$\", definition: {message-ttl: 1000}}}",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q$\", apply_to: exchanges, definition: {message-ttl: 1000}}}",
    ),
    (
        "drops-without-dead-letters",
        "queues: {q: {max_length: 5}}",
        "queues: {q: {max_length: 5, overflow: reject-publish}, s: {type: stream, max_length_bytes: 1GB}}",
    ),
    (
        "dead-letters-expire",
        "queues: {q.dlq: {message_ttl: 1h}}",
        "queues: {q.retry: {message_ttl: 1h, dead_letter_exchange: \"\", dead_letter_routing_key: q}, q: {}}",
    ),
    ("dead-letters-limited", "queues: {q.dlq: {max_length: 5}}", "queues: {q.dlq: {}}"),
    ("unknown-argument", "queues: {q: {arguments: {x-max-lenght: 5}}}", "queues: {q: {max_length: 5}}"),
    (
        "refused-argument",
        "'queues': [{'name': 'q', ~, 'arguments': {'x-queue-type': 'quorum', 'x-max-priority': 5}}]",
        "'queues': [{'name': 'q', ~, 'type': 'classic', 'arguments': {'x-max-priority': 5}}]",
    ),
    (
        "wrong-argument-value",
        "'queues': [{'name': 'q', ~, 'arguments': {'x-max-length': '5'}}]",
        "'queues': [{'name': 'q', ~, 'arguments': {'x-max-length': 5}}]",
    ),
    ("queue-mode", "queues: {q: {type: classic, queue_mode: lazy}}", "queues: {q: {type: classic}}"),
    (
        "transient-queue",
        "'queues': [{'name': 'q', ~, 'durable': false}]",
        "'queues': [{'name': 'q', ~, 'durable': true, 'arguments': null}]",
    ),
    ("transient-exchange", "exchanges: {e: {durable: false}}", "exchanges: {e: {}}"),
    (
        "policy-catches-dead-letters",
        "queues: {q: {}, q.dlq: {}, x: {}}\npolicies: {p: {pattern: \"^q\", definition: {dead-letter-exchange: \"\", dead-letter-routing-key: x}}}",
        "queues: {q: {}, q.dlq: {}, x: {}}\npolicies: {p: {pattern: \"^q$\", definition: {dead-letter-exchange: \"\", dead-letter-routing-key: x}}}",
    ),
    (
        "hidden-policy",
        "queues: {q: {}}\npolicies: {low: {pattern: \"^q\", definition: {max-length: 1, expires: 9000}}, high: {pattern: \"^q\", priority: 1, definition: {max-length: 2}}}",
        "queues: {q: {}}\npolicies: {low: {pattern: \"^q\", definition: {max-length: 1}}, high: {pattern: \"^q\", priority: 1, definition: {max-length: 2}}}",
    ),
    (
        "policy-tie",
        "queues: {q: {}}\npolicies: {a: {pattern: \"^q\", definition: {expires: 9000}}, b: {pattern: \"^q\", definition: {expires: 8000}}}",
        "queues: {q: {type: classic}}\npolicies: {a: {pattern: \"^q\", definition: {expires: 9000}}, b: {pattern: \"^q\", apply_to: streams, definition: {max-age: 1D}}}",
    ),
    (
        "argument-against-policy",
        "queues: {q: {max_length: 5}}\npolicies: {p: {pattern: \"^q\", definition: {max-length: 6}}}",
        "queues: {q: {max_length: 5}}\npolicies: {p: {pattern: \"^q\", definition: {max-length: 5}}}",
    ),
    (
        "passed-over-policy",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q\", definition: {queue-mode: lazy}}}",
        "queues: {q: {type: classic}}\npolicies: {p: {pattern: \"^q\", definition: {queue-mode: lazy}}}",
    ),
    (
        "unknown-policy-key",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q\", definition: {max-priority: 5}}}",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q\", definition: {federation-upstream-set: all}}}",
    ),
    (
        "mirroring-policy",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q\", definition: {ha-mode: all}}}",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q\", definition: {expires: 9000}}}",
    ),
    (
        "policy-matches-nothing",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q$\", apply_to: streams, definition: {max-age: 1D}}}",
        "exchanges: {q: {}}\npolicies: {p: {pattern: \"^q$\", definition: {alternate-exchange: x}}}",
    ),
    (
        "unanchored-policy",
        "queues: {q: {}}\npolicies: {p: {pattern: q, definition: {expires: 9000}}}",
        "queues: {q: {}}\npolicies: {p: {pattern: ^q, definition: {expires: 9000}}}",
    ),
    (
        "catch-all-policy",
        "queues: {q: {}}\npolicies: {p: {pattern: \".*\", definition: {expires: 9000}}}",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^q.*\", definition: {expires: 9000}}}",
    ),
    (
        "unreadable-pattern",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^(q\", definition: {expires: 9000}}}",
        "queues: {q: {}}\npolicies: {p: {pattern: \"^(q)\", definition: {expires: 9000}}}",
    ),
    (
        "wildcard-on-direct",
        "exchanges: {e: {type: direct}}\nqueues: {q: {}}\nbindings: [{from: e, to: q, key: \"a.*\"}]",
        "exchanges: {e: {type: direct}}\nqueues: {q: {}}\nbindings: [{from: e, to: q, key: a*}]",
    ),
    (
        "wildcard-inside-word",
        "queues: {q: {}}\nbindings: [{from: amq.topic, to: q, key: \"order*\"}]",
        "queues: {q: {}}\nbindings: [{from: amq.topic, to: q, key: \"order.*\"}]",
    ),
    (
        "too-many-wildcards",
        "services: {s: {subscribes: [{key: \"#.a.#.#\"}]}}",
        "services: {s: {subscribes: [{key: \"#.a.#\"}]}}",
    ),
    (
        "redundant-binding",
        "queues: {q: {}}\nbindings: [{from: amq.topic, to: q, key: \"a.#\"}, {from: amq.topic, to: q, key: \"a.*.b\"}]",
        "queues: {q: {}}\nbindings: [{from: amq.topic, to: q, key: \"a.*\"}, {from: amq.topic, to: q, key: \"b.#\"}, {from: amq.topic, to: q, key: a.b.c}]",
    ),
    (
        "key-on-fanout",
        "queues: {q: {}}\nbindings: [{from: amq.fanout, to: q, key: a}]",
        "queues: {q: {}}\nbindings: [{from: amq.fanout, to: q, key: \"#\"}]",
    ),
    (
        "empty-key-on-direct",
        "queues: {q: {}}\nbindings: [{from: amq.direct, to: q}]",
        "queues: {q: {}}\nbindings: [{from: amq.fanout, to: q}]",
    ),
    (
        "empty-headers-binding",
        "queues: {q: {}}\nbindings: [{from: amq.headers, to: q, arguments: {x-match: all}}]",
        "queues: {q: {}}\nbindings: [{from: amq.headers, to: q, arguments: {x-match: all, a: 1}}]",
    ),
    (
        "undeclared-end",
        "'queues': [{'name': 'q', ~}], 'bindings': [{'source': 'amq.topic', ~, 'destination': 'p', 'destination_type': 'queue', 'routing_key': 'k'}]",
        "'queues': [{'name': 'q', ~}], 'bindings': [{'source': 'amq.topic', ~, 'destination': 'q', 'destination_type': 'queue', 'routing_key': 'k'}]",
    ),
    (
        "undeclared-alternate-exchange",
        "exchanges: {e: {alternate_exchange: gone}}",
        "exchanges: {e: {alternate_exchange: amq.fanout}}",
    ),
    (
        "literal-topic",
        "exchanges: {e: {}}\nqueues: {q: {}}\nbindings: [{from: e, to: q, key: a}]",
        "exchanges: {e: {}}\nqueues: {q: {}}\nbindings: [{from: e, to: q, key: \"*\"}]",
    ),
    (
        "unbound-exchange",
        "exchanges: {e: {}}",
        "exchanges: {e: {}}\nqueues: {q: {}}\nbindings: [{from: e, to: q, key: a}]",
    ),
    ("unbound-queue", "queues: {q: {}, r: {}}\nbindings: [{from: amq.fanout, to: q}]", "queues: {q: {}, r: {}}"),
    (
        "default-exchange-binding",
        "'queues': [{'name': 'q', ~}], 'bindings': [{'source': '', ~, 'destination': 'q', 'destination_type': 'queue', 'routing_key': 'q'}]",
        "'queues': [{'name': 'q', ~}]",
    ),
    ("undeclared-vhost", "'queues': [{'name': 'q', 'vhost': 'other'}]", "'queues': [{'name': 'q', ~}]"),
    ("missing-vhost", "'queues': [{'name': 'q'}]", "'queues': [{'name': 'q', ~}]"),
    (
        "incomplete-object",
        "'queues': [{'name': 'q', ~}], 'bindings': [{'source': 'amq.topic', ~, 'destination': 'q', 'destination_type': 'queue'}]",
        "'queues': [{'name': 'q', ~}], 'bindings': [{'source': 'amq.topic', ~, 'destination': 'q', 'destination_type': 'queue', 'routing_key': ''}]",
    ),
    ("unknown-field", "'rabbitmq_plugins': ['shovel']", "'rabbit_version': '3.12', 'parameters': []"),
    (
        "duplicate-object",
        "'queues': [{'name': 'q', ~}, {'name': 'q', ~, 'durable': true}]",
        "'queues': [{'name': 'q', ~}], 'exchanges': [{'name': 'q', ~, 'type': 'topic'}]",
    ),
    (
        "clear-text-password",
        "'users': [{'name': 'u', 'password': 'hunter2'}]",
        "'users': [{'name': 'u', 'password': '', 'password_hash': 'x'}]",
    ),
    ("guest-user", "'users': [{'name': 'guest'}]", "'users': [{'name': 'guests'}]"),
    (
        "user-without-permission",
        "'users': [{'name': 'u'}, {'name': 'v'}], 'permissions': [{'user': 'u', ~}]",
        "'users': [{'name': 'u'}], 'permissions': [{'user': 'u', ~}]",
    ),
    (
        "unused-ignore",
        "queues: {q: {}}\nlint: {ignore: [{rule: queue-mode, object: q, because: old}]}",
        "queues: {q: {type: classic, queue_mode: lazy}}\nlint: {ignore: [{rule: queue-mode, object: q, because: old}]}",
    ),
];
