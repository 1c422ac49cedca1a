//! The flags that take care of the targets.

use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::typed;
use crate::{
    commands::Context,
    duration::{duration, rate},
    failure::Failure,
    ops::dlq::{
        To,
        replay::care::{self, Canary},
    },
};

/// How the targets are taken care of.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Care for the targets")]
pub struct Care {
    /// How fast at most, as in 50/s
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<Duration>,

    /// Wait while a target queue holds as many ready messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_depth: Option<u64>,

    /// Wait while a target queue has fewer consumers [N is 1 where it is left away]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1",
        value_parser = clap::value_parser!(u32).range(1..))]
    require_consumers: Option<u32>,

    /// Leave messages where they are that were replayed so often already
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_replays: Option<u64>,

    /// Put those aside into this queue instead, just as they are
    #[arg(long, value_name = "QUEUE", requires = "max_replays")]
    park: Option<String>,

    /// Replay so many first and see whether they come back, then so many more, then the rest
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    canary: Vec<u64>,

    /// How long to wait for what comes back [default: as long as the service retries by the topology file, else 60s]
    #[arg(long, value_name = "TIME", requires = "canary", value_parser = duration)]
    canary_wait: Option<Duration>,

    /// How many of them may come back
    #[arg(long, value_name = "PERCENT", requires = "canary", default_value = "5%", value_parser = share)]
    stop_if_bounced: u64,
}

/// How long a canary is waited for where nobody knows how long its service retries.
const WAIT: Duration = Duration::from_secs(60);

/// What handling takes beside the retries.
const BESIDE: Duration = Duration::from_secs(10);

impl Care {
    /// Whether nothing is to be minded.
    pub(super) fn is_none(&self) -> bool {
        let Care { rate, max_depth, require_consumers, max_replays, canary, .. } = self;
        rate.is_none()
            && max_depth.is_none()
            && require_consumers.is_none()
            && max_replays.is_none()
            && canary.is_empty()
    }

    /// What was typed, as a journal keeps it.
    pub(super) fn typed(&self) -> Value {
        if self.is_none() { json!({}) } else { typed::typed(self) }
    }

    /// Refuses what cannot be done.
    ///
    /// # Errors
    /// Questions to targets that are no queues; a place to park that is the queue itself.
    pub(super) fn check(&self, queue: &str, to: &To) -> Result<(), Failure> {
        let asks =
            [(self.max_depth.is_some(), "--max-depth"), (self.require_consumers.is_some(), "--require-consumers")];
        let is_queue = matches!(to, To::Source | To::Queue(_));
        if let Some((_, flag)) = asks.into_iter().find(|(is_given, _)| *is_given && !is_queue) {
            return Err(Failure::usage("care", format!("{flag} asks queues, and --to names an exchange"))
                .because("which queues an exchange leads to, and how many of them a message reaches, the broker does not say")
                .hint("--to source or --to queue:NAME"));
        }
        if self.park.as_deref() == Some(queue) {
            return Err(Failure::usage("care", format!("{queue} cannot be put aside into itself"))
                .hint("leave --park away: messages that are not replayed stay where they are"));
        }
        Ok(())
    }

    /// What is to be minded. How long a service retries is in the topology file at hand.
    ///
    /// # Errors
    /// Files that were named and cannot be read.
    pub(super) fn resolve(&self, queue: &str, context: &Context) -> Result<care::Care, Failure> {
        let canary = if self.canary.is_empty() { None } else { Some(self.canary(queue, context)?) };
        Ok(care::Care {
            every: self.rate,
            max_depth: self.max_depth,
            consumers: self.require_consumers,
            max_replays: self.max_replays,
            park: self.park.clone(),
            canary,
        })
    }

    fn canary(&self, queue: &str, context: &Context) -> Result<Canary, Failure> {
        let wait = match self.canary_wait {
            Some(wait) => wait,
            None => {
                let file = context.topology_at_hand()?;
                let retries = file.and_then(|file| file.topology.retries_before(queue));
                retries.map_or(WAIT, |retries| retries + BESIDE)
            }
        };
        Ok(Canary { steps: self.canary.clone(), wait, share: self.stop_if_bounced })
    }
}

/// Reads a share: `5%`, in parts of 10,000.
fn share(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a share; write 5% or 0.5%");
    let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 2 {
        return Err(wrong());
    }
    let hundredths: u64 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let share = whole.checked_mul(100).map(|share| share + hundredths);
    share.filter(|share| *share <= 10_000).ok_or_else(|| format!("{text} is more than all of them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage() {
        let read = [("5%", 500), ("0.5%", 50), ("12.25 %", 1225), ("0%", 0), ("100%", 10_000)];
        assert_eq!(read.map(|(text, _)| share(text)), read.map(|(_, share)| Ok(share)));
        for wrong in ["5", "%", "-1%", "101%", "1.234%", "a%", "1e3%", ".5%"] {
            assert!(share(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
