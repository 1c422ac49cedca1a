//! `evbus dlq restore`

use std::path::PathBuf;

use super::{ended, typed::to};
use crate::{
    commands::{Context, Outcome, selection::Selection},
    message::travel::Rules,
    ops::dlq::{
        To,
        restore::{self, Request, Restore},
    },
    views::dlq::run::{Verb, View},
};

/// Put an archive's messages back
///
/// The file is read to its end and proven before anything is published. It is left as it is: to restore it twice puts everything there
/// twice. A message is as it was, but for what the broker would refuse or act on (a foreign user_id, CC and BCC, expiration, counts of
/// deliveries), which is kept in x-evbus- headers. Without --vhost it goes to the virtual host that it is from.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The archive, as dlq export or dlq purge wrote it
    file: PathBuf,

    /// Where to: queue:NAME, source, exchange or exchange:NAME[/KEY] [default: the queue it is from]
    ///
    /// `source` is the queue each message died in, `exchange` the one it was first published to, with the original keys. To these and to
    /// exchange:NAME messages go as a replay sends them: their history is in x-evbus-death.
    #[arg(long, value_name = "TARGET", value_parser = to)]
    to: Option<To>,

    /// Restore at most so many of the selected messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Of a damaged or incomplete file, restore what can be read
    #[arg(long)]
    up_to_damage: bool,

    /// Only show what would go where
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    selection: Selection,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    if !args.dry_run {
        context.require_consent("restore publishes messages")?;
    }
    let header = restore::header(&args.file)?;
    let broker = context.broker(Some(&header.vhost))?;
    let request = Request {
        path: args.file.clone(),
        to: args.to.clone(),
        limit: args.limit,
        selector: args.selection.selector(context)?,
        rules: Rules::default(),
        up_to_damage: args.up_to_damage,
        dry_run: args.dry_run,
        owner: context.settings.owner(),
        timeout: context.settings.timeout(),
    };
    let file = args.file.display().to_string();
    let view = View::new(&mut context.terminal, Verb::Restore, &file, broker.identity());
    view.check();
    let interrupt = &context.interrupt;
    let restore = match Restore::prepare(&broker, request, interrupt, &mut |event| view.event(event)).await {
        Ok(restore) => restore,
        Err(error) => return Err(view.failed(error)),
    };
    view.begin(restore.run_id(), restore.records());
    let outcome =
        restore.run(interrupt, |preflight| view.consent_to_restore(preflight), &mut |event| view.event(event)).await;
    let report = view.finish(outcome)?;
    if let Some(report) = &report {
        args.selection.tell_of_empty_groups(&context.terminal, &header.queue, report.selected);
    }
    ended(report)
}
