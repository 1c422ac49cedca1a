//! WHAT HAPPENS: verbs over the broker. They know no flags, no environment and no stream; they tell events to a listener and
//! return reports.

pub mod apply;
pub mod demo;
pub mod dlq;
pub mod doctor;
pub mod export;
pub mod lint;
pub mod lock;
pub mod observe;
pub mod ownership;
pub mod plan;
pub mod publish;
pub mod queues;
pub mod route;
pub mod sandbox;
pub mod tail;
pub mod whole;
