//! `evbus dlq purge`

use std::{mem, path::PathBuf};

use serde_json::json;

use super::{
    ended,
    explain::{self, Explain},
    holding::Holding,
    look, pick,
    receipt::{self, Receipt},
    resuming,
    typed::{BY_HAND, selector_of, typed, wanted_again},
};
use crate::{
    commands::{Context, Outcome, selection::Selection},
    failure::Failure,
    ops::dlq::{
        Subject,
        journal::{Past, Wanted},
        purge::{Purge, Request},
        run::Event,
    },
    views::dlq::run::{Verb, View},
};

/// Archive dead letters, prove the archive, then remove them
///
/// Exactly the messages that were archived are removed; what arrives meanwhile stays. At the end it says the command that puts them
/// back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The dead letter queue
    #[arg(required_unless_present = "resume")]
    queue: Option<String>,

    /// Where the messages are kept, compressed when the name ends in .zst [default: evbus-purge-RUN.ndjson.zst in the working
    /// directory]
    #[arg(long, value_name = "FILE", conflicts_with = "no_archive")]
    archive: Option<PathBuf>,

    /// Keep no copy: what is removed cannot be had back
    #[arg(long)]
    no_archive: bool,

    /// Remove at most so many of the selected messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,

    /// Mark the messages to be removed in a list at the terminal, of at most 200
    #[arg(long, conflicts_with = "limit")]
    pick: bool,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    holding: Holding,

    #[command(flatten)]
    explain: Explain,

    #[command(flatten)]
    receipt: Receipt,

    /// Go on with this run, which was cut off or stopped: with its queue, its messages and its archive
    ///
    /// What it had archived is only removed, and its archive goes on where it was proven to end. evbus dlq runs lists the runs of this
    /// machine.
    #[arg(long, value_name = "RUN", help_heading = "Going on",
        conflicts_with_all = ["archive", "no_archive", "limit", "pick", "explain", "Selection"])]
    resume: Option<String>,
}

/// What a journal calls it.
const COMMAND: &str = "dlq purge";

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    if !args.dry_run && !args.explain.is_asked() {
        context.require_consent("purge removes messages")?;
    }
    let resume = args.resume.as_ref().map(|run| resuming::past(run, COMMAND, args.queue.as_deref(), context));
    let resume = resume.transpose()?;
    let broker = match &resume {
        Some(past) => resuming::broker(past, context)?,
        None => context.broker_of_bus()?,
    };
    let mut request = match resume {
        Some(past) if past.is_done() => return resuming::nothing_left(&past.header, Verb::Purge, &broker, context),
        Some(past) => args.resumed(past, context)?,
        None => args.typed(context)?,
    };
    let queue = request.subject.queue.clone();
    if args.explain.is_asked() {
        return explain::run(&broker, request.intent(), context).await;
    }
    let sheet = args.receipt.begin()?;
    let chosen = if args.pick {
        let look = look(&queue, mem::take(&mut request.subject.selector), &args.holding, context);
        pick::marked(&broker, look, context).await?.map(|marks| request.marked = Some(marks))
    } else {
        Ok(())
    };
    let view = View::new(&mut context.terminal, Verb::Purge, &queue, broker.identity());
    if let Err(exit) = chosen {
        return Ok(view.not_begun(exit));
    }
    let purge = match Purge::prepare(&broker, request, &mut |event| view.event(event)).await {
        Ok(purge) => purge,
        Err(error) => return Err(view.failed(error)),
    };
    view.begin(purge.run_id(), purge.set());
    let mut listen = |event: Event<'_>| view.event(event);
    let running = purge.run(&context.interrupt, |preview| view.consent_to_purge(preview), &mut listen);
    let outcome = Box::pin(running).await;
    let report = view.finish(outcome)?;
    receipt::keep(sheet, report.as_ref())?;
    if let Some(report) = &report {
        args.selection.tell_of_empty_groups(&context.terminal, &queue, report.selected);
    }
    ended(report)
}

impl Args {
    /// What was typed.
    fn typed(&self, context: &Context) -> Result<Request, Failure> {
        let keeps_none = self.dry_run || self.explain.is_asked();
        let wanted = || -> Result<Wanted, Failure> {
            let mut selectors = typed(&self.selection);
            if self.pick {
                selectors[BY_HAND] = true.into();
            }
            let state = context.settings.state_folder()?;
            Ok(Wanted { state, to: String::new(), selectors, travel: json!({}), care: json!({}), as_of: None })
        };
        let queue = self.queue.as_deref().unwrap_or_default();
        Ok(Request {
            limit: self.limit,
            archives: !self.no_archive,
            archive: self.archive.clone(),
            journal: if keeps_none { None } else { Some(wanted()?) },
            ..self.request(self.holding.of(queue, self.selection.selector(context)?, context))
        })
    }

    /// What the journal of a run says of what was typed.
    fn resumed(&self, past: Past, context: &Context) -> Result<Request, Failure> {
        let header = &past.header;
        let request = Request {
            limit: header.limit.map(|limit| limit.saturating_sub(past.safe)),
            archives: header.archive.is_some(),
            journal: Some(wanted_again(header, context)?),
            ..self.request(self.holding.of(&header.queue, selector_of(header, context)?, context))
        };
        Ok(Request { resume: Some(past), ..request })
    }

    /// What is the same either way.
    fn request(&self, subject: Subject) -> Request {
        Request {
            subject,
            limit: None,
            marked: None,
            archives: false,
            archive: None,
            dry_run: self.dry_run,
            journal: None,
            resume: None,
        }
    }
}
