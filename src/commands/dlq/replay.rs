//! `evbus dlq replay`

use std::mem;

use super::{
    care::Care,
    edit, ended,
    explain::{self, Explain},
    holding::Holding,
    look, pick,
    travel::Travel,
};
use crate::{
    broker::Broker,
    commands::{Context, Outcome, selection::Selection},
    failure::Failure,
    interrupt::Interrupt,
    ops::dlq::{
        To,
        replay::{Replay, Request},
        run::{Event, Report},
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

    /// Mark the messages to be replayed in a list at the terminal, of at most 200
    #[arg(long, conflicts_with_all = ["limit", "edit"])]
    pick: bool,

    /// Edit the only selected message in $VISUAL or $EDITOR, and replay what it is then
    ///
    /// The original is kept in evbus-edit-RUN.ndjson in the working directory before the edited one is sent. What cannot be read, or is
    /// against its schema in the topology file, is not sent. Nothing is held while the editor is open.
    #[arg(long, conflicts_with_all = ["limit", "dry_run"])]
    edit: bool,

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
    let mut request = Request {
        queue: args.queue.clone(),
        to: args.to.clone(),
        limit: args.limit,
        selector: args.selection.selector(context)?,
        marked: None,
        edited: None,
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
    let mut edit = None;
    let chosen = if args.pick {
        let look = look(&args.queue, mem::take(&mut request.selector), &args.holding, context);
        pick::marked(&broker, look, context).await?.map(|marks| request.marked = Some(marks))
    } else if args.edit {
        let look = look(&args.queue, mem::take(&mut request.selector), &args.holding, context);
        edit::edited(&broker, look, context).await?.map(|edited| {
            request.marked = Some(edited.marks.clone());
            request.edited = Some(edited.message.clone());
            edit = Some(edited);
        })
    } else {
        Ok(())
    };
    let view = View::new(&mut context.terminal, Verb::Replay, &args.queue, broker.identity());
    if let Err(exit) = chosen {
        return Ok(view.not_begun(exit));
    }
    let report = Box::pin(replay(&broker, request, view, &context.interrupt)).await;
    if let Ok(Some(report)) = &report {
        args.selection.tell_of_empty_groups(&context.terminal, &args.queue, report.selected);
    }
    let outcome = report.and_then(ended);
    match edit {
        Some(edit) => edit.ended(outcome, context),
        None => outcome,
    }
}

async fn replay(
    broker: &Broker,
    request: Request,
    view: View<'_>,
    interrupt: &Interrupt,
) -> Result<Option<Report>, Failure> {
    let replay = match Replay::prepare(broker, request, &mut |event| view.event(event)).await {
        Ok(replay) => replay,
        Err(error) => return Err(view.failed(error)),
    };
    view.begin(replay.run_id(), replay.set());
    let mut listen = |event: Event<'_>| view.event(event);
    let running = replay.run(interrupt, |preflight| view.consent_to_replay(preflight), &mut listen);
    let outcome = Box::pin(running).await;
    view.finish(outcome)
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
