//! The flags that change what travels.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    message::travel::{Mistake, Rules},
};

/// What goes along and what does not, where that is to be otherwise than usual.
#[derive(Debug, Default, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "What travels")]
pub struct Travel {
    /// Leave these headers behind too, and keep no trace of what stays behind anyway; NAME* for all that begin so
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    strip: Vec<String>,

    /// Take these along all the same; NAME* for all that begin so
    ///
    /// What stays behind unless it is named here stands in the README: counters and exceptions of frameworks, x-death, CC, expiration.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    keep: Vec<String>,
}

impl Travel {
    /// The rules that follow from the flags.
    ///
    /// # Errors
    /// What cannot be stripped or kept.
    pub(super) fn rules(&self) -> Result<Rules, Failure> {
        Rules::new(&self.strip, &self.keep).map_err(|mistake| {
            let failure = Failure::usage("travel", mistake.to_string());
            match mistake {
                Mistake::NoName { .. } => failure.hint("write --strip x-app-hint or --strip 'x-app-*'"),
                Mistake::Both { .. } => failure.hint("name it once"),
                Mistake::Property { .. } => failure.hint("--strip and --keep take names of headers"),
                Mistake::Own { .. } | Mistake::Refused { .. } => {
                    failure.hint("the README says what travels, what does not, and why: \"What travels\"")
                }
            }
        })
    }
}
