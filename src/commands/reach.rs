//! How far a plan may go: flags that `plan` and `apply` have in common.

use std::path::PathBuf;

use crate::{
    failure::Failure,
    ops::plan::Request,
    topology::{file::Topology, saved::Basis},
};

/// How far a plan may go.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "How far it goes")]
pub struct Reach {
    /// Delete what was made for this file's name before and is no longer in the file
    ///
    /// Never a queue that holds messages or has consumers, and never what somebody else has made, but for bindings to a queue, which go
    /// with it.
    #[arg(long)]
    prune: bool,

    /// With --prune, also queues that hold messages, which are archived first, or have consumers
    #[arg(long, requires = "prune")]
    prune_non_empty: bool,

    /// Make queues and exchanges anew whose type or arguments differ, and keep what is in them and leads to them
    ///
    /// What comes waits in a holding queue, then what is in the queue moves there, and when the queue is made anew everything moves back:
    /// nothing is lost, some messages may come twice. Another exchange with the same bindings stands in for an exchange meanwhile. It may
    /// be killed at any point, and run again with this flag.
    #[arg(long)]
    replace: bool,

    /// Set by a policy what one can make up for in queues that exist differently, and leave the queues as they are
    ///
    /// Smaller limits and times, and what was not set before, such as where dead letters go. A limit is in force at once, also on what is
    /// in the queues; a time to live is that of what comes from then on. Queues of which the same is wanted share one policy. What it
    /// cannot make up for is left, or made anew with --replace.
    #[arg(long)]
    in_place: bool,

    /// Keep the record of what was made in this file, and not in the broker
    ///
    /// For users without the tag policymaker. Whoever applies the same topology needs the same file.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

impl Reach {
    /// What is to be planned.
    pub fn request(&self, topology: Topology) -> Request {
        Request {
            topology,
            prune: self.prune,
            prune_non_empty: self.prune_non_empty,
            replace: self.replace,
            in_place: self.in_place,
            state: self.state.clone(),
            basis: None,
        }
    }

    /// What is to be planned again, as a saved plan was.
    ///
    /// # Errors
    /// When flags say something else than the plan.
    pub fn again(&self, topology: Topology, basis: Basis) -> Result<Request, Failure> {
        if self.prune || self.prune_non_empty || self.replace || self.in_place || self.state.is_some() {
            return Err(Failure::usage("usage", "a saved plan says itself how far it goes")
                .hint("leave --prune, --prune-non-empty, --replace, --in-place and --state out, or save another plan with them"));
        }
        Ok(Request {
            topology,
            prune: basis.prune,
            prune_non_empty: basis.prune_non_empty,
            replace: basis.replace,
            in_place: basis.in_place,
            state: basis.state.as_ref().map(PathBuf::from),
            basis: Some(basis),
        })
    }
}
