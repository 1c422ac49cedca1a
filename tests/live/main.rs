//! What is true on a real broker. See `tests/support` for where it comes from.

#![allow(clippy::disallowed_methods, reason = "tests are told by the environment which broker to use")]
#![allow(clippy::print_stderr, reason = "what is skipped is said aloud")]

#[path = "../support/mod.rs"]
mod support;

mod alarm;
mod apply_words;
mod apps;
mod cluster;
mod connection;
mod consent;
mod demo;
mod dlq_archive;
mod dlq_care;
mod dlq_edit;
mod dlq_explain;
mod dlq_groups;
mod dlq_hold;
mod dlq_lanes;
mod dlq_list;
mod dlq_look;
mod dlq_loss;
mod dlq_pick;
mod dlq_purge;
mod dlq_purge_resume;
mod dlq_replay;
mod dlq_restore;
mod dlq_restore_resume;
mod dlq_travel;
mod doctor;
mod export;
mod faults;
mod fidelity;
mod foreign;
mod in_place;
mod journal;
mod kills;
mod limits;
mod lint;
mod looking;
mod ownership;
mod permissions_apply;
mod publish;
mod queues;
mod race;
mod replace;
mod replace_edges;
mod replace_exchange;
mod route;
mod routes;
mod sandbox;
mod secrets;
mod secure;
mod tail;
mod topology;
