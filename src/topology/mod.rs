//! WHAT A TOPOLOGY IS. Pure: no broker, no clock, no streams.
//!
//! | question | file |
//! |---|---|
//! | what may a file say, and what does it say | `file` |
//! | where in it is something wrong | `place` |
//! | what arguments does a queue take, and what keys a policy | `argument`, `policy` |
//! | what bounds a queue, and who says so | `bounds` |
//! | what does a topology become on a broker | `expand`, `pattern` |
//! | in which order is it created, and what needs what | `order` |
//! | how does it differ from what a broker has | `diff` |
//! | what would be done about that | `plan` |
//! | what does a name own | `owned` |
//! | what is wrong with it that nobody needs to ask a broker for | `lint` |
//! | what does a definitions file say | `definitions` |
//! | has a broker moved since a plan was saved | `saved` |
//! | which policy is in force, and which is hidden | `policies` |
//! | what has a virtual host, whoever tells of it | `objects` |
//! | how is what a broker has written as a file | `export` |
//! | which names clash | `clashes` |
//! | what are objects as somebody wants them | `spec` |
//! | what is too much for a queue | `review` |
//! | which queues does a message reach | `routing` |

pub mod argument;
pub mod bounds;
mod clashes;
pub mod definitions;
pub mod diff;
pub mod expand;
pub mod export;
pub mod file;
pub mod lint;
pub mod objects;
pub mod order;
pub mod owned;
mod pattern;
pub mod place;
pub mod plan;
pub mod policies;
pub mod policy;
pub mod replacement;
pub mod review;
pub mod routing;
pub mod saved;
pub mod spec;
