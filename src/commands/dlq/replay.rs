//! `evbus dlq replay`

use super::{
    care::Care,
    ended,
    explain::{self, Explain},
    holding::Holding,
    travel::Travel,
};
use crate::{
    commands::{Context, Outcome, selection::Selection},
    ops::dlq::{
        To,
        replay::{Replay, Request},
    },
    views::dlq::run::{Verb, View},
};

/// Put dead letters back
///
/// Each message is published, confirmed by the broker and known not to have been returned before its original is removed. What
/// cannot be delivered stays in the queue and is reported.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The dead letter queue
    queue: String,

    /// Where to: source, exchange, queue:NAME or exchange:NAME[/KEY]
    ///
    /// `source` is the queue each message died in, addressed directly, so that no other subscriber gets it again. `exchange`
    /// publishes to the original exchange with the original keys: every subscriber gets it again.
    #[arg(long, default_value = "source", value_name = "TARGET", value_parser = to)]
    to: To,

    /// Replay at most so many of the selected messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Only show what would go where
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    holding: Holding,

    #[command(flatten)]
    explain: Explain,

    #[command(flatten)]
    care: Care,

    #[command(flatten)]
    travel: Travel,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let rules = args.travel.rules()?;
    if !args.dry_run && !args.explain.is_asked() {
        context.require_consent("replay moves messages")?;
    }
    args.care.check(&args.queue, &args.to)?;
    let broker = context.broker_of_bus()?;
    let care = args.care.resolve(&args.queue, context)?;
    let request = Request {
        queue: args.queue.clone(),
        to: args.to.clone(),
        limit: args.limit,
        selector: args.selection.selector(context)?,
        save: args.holding.save(),
        assume: args.holding.assume(),
        window: args.holding.window(),
        care,
        rules,
        follows: false,
        dry_run: args.dry_run,
        owner: context.settings.owner(),
        timeout: context.settings.timeout(),
    };
    if args.explain.is_asked() {
        return explain::run(&broker, request.intent(), context).await;
    }
    let view = View::new(&mut context.terminal, Verb::Replay, &args.queue, broker.identity());
    let replay = match Replay::prepare(&broker, request, &mut |event| view.event(event)).await {
        Ok(replay) => replay,
        Err(error) => return Err(view.failed(error)),
    };
    view.begin(replay.run_id(), replay.set());
    let outcome = replay
        .run(&context.interrupt, |preflight| view.consent_to_replay(preflight), &mut |event| view.event(event))
        .await;
    let report = view.finish(outcome)?;
    if let Some(report) = &report {
        args.selection.tell_of_empty_groups(&context.terminal, &args.queue, report.selected);
    }
    ended(report)
}

pub(super) fn to(text: &str) -> Result<To, String> {
    match text.split_once(':') {
        None if text == "source" => Ok(To::Source),
        None if text == "exchange" => Ok(To::Exchange),
        Some(("queue", name)) if !name.is_empty() => Ok(To::Queue(name.to_owned())),
        Some(("exchange", rest)) => Ok(match rest.split_once('/') {
            Some((exchange, key)) => To::Address { exchange: exchange.to_owned(), key: Some(key.to_owned()) },
            None => To::Address { exchange: rest.to_owned(), key: None },
        }),
        _ => Err("expected source, exchange, queue:NAME or exchange:NAME[/KEY]".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_target_may_have_a_key() {
        let address = |exchange: &str, key: Option<&str>| {
            Ok(To::Address { exchange: exchange.to_owned(), key: key.map(str::to_owned) })
        };
        assert_eq!(to("exchange:events/a/b"), address("events", Some("a/b")));
        assert_eq!(to("exchange:events"), address("events", None));
        assert_eq!(to("queue:a:b"), Ok(To::Queue("a:b".to_owned())));
        assert!(to("queue:").is_err() && to("sauce").is_err());
    }
}
