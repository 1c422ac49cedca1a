//! `evbus dlq restore`

use std::path::PathBuf;

use super::{
    ended,
    receipt::{self, Receipt},
    resuming::{self, InDoubt},
    typed::{selector_of, to, to_of, typed, typed_to, unknown, wanted_again},
};
use crate::{
    broker::Broker,
    commands::{Context, Outcome, selection::Selection},
    failure::Failure,
    interrupt::Interrupt,
    message::{selector::Selector, travel::Rules},
    ops::dlq::{
        Resume, To,
        journal::Wanted,
        restore::{self, Request, Restore},
        run::{Event, Report},
    },
    views::dlq::run::{Verb, View},
};

/// Put an archive's messages back
///
/// The file is read to its end and proven before anything is published. It is left as it is: to restore it twice puts everything there
/// twice. A message is as it was, but for what the broker would refuse or act on (a foreign user_id, CC and BCC, expiration, counts of
/// deliveries), which is kept in x-evbus- headers. Without --vhost it goes to the virtual host that it is from. A run that was cut off is
/// gone on with by --resume.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The archive, as dlq export or dlq purge wrote it
    #[arg(required_unless_present = "resume")]
    file: Option<PathBuf>,

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

    /// How many messages may be on their way at once [default: 3000]
    ///
    /// Of at most so many it is open whether they have arrived when the run is killed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    window: Option<u16>,

    /// Only show what would go where
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    receipt: Receipt,

    #[command(flatten)]
    selection: Selection,

    /// Go on with this run, which was cut off or has left something: with its archive, its target and its messages
    ///
    /// What it had put back is not put back again, and what it had not begun with is. FILE says where the archive is now, if it is not
    /// where it was. evbus dlq runs lists the runs of this machine.
    #[arg(long, value_name = "RUN", help_heading = "Going on",
        conflicts_with_all = ["to", "limit", "up_to_damage", "Selection"])]
    resume: Option<String>,

    /// What becomes of messages that may be at their target already, which nobody can tell [default: hold]
    #[arg(long, value_enum, value_name = "WHAT", requires = "resume", help_heading = "Going on")]
    in_doubt: Option<InDoubt>,
}

/// What a journal calls it.
const COMMAND: &str = "dlq restore";

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    if !args.dry_run {
        context.require_consent("restore publishes messages")?;
    }
    let (broker, request, queue) = match &args.resume {
        None => args.typed(context)?,
        Some(run) => {
            let past = resuming::past(run, COMMAND, None, context)?;
            let broker = resuming::broker(&past, context)?;
            if past.is_done() {
                return resuming::nothing_left(&past.header, Verb::Restore, &broker, context);
            }
            let in_doubt = args.in_doubt.map(Into::into).unwrap_or_default();
            let queue = past.header.queue.clone();
            (broker, args.resumed(Resume { past, in_doubt }, context)?, queue)
        }
    };
    let sheet = args.receipt.begin()?;
    let file = request.path.display().to_string();
    let view = View::new(&mut context.terminal, Verb::Restore, &file, broker.identity());
    view.check();
    let report = Box::pin(restore(&broker, request, view, &context.interrupt)).await?;
    receipt::keep(sheet, report.as_ref())?;
    if let Some(report) = &report {
        args.selection.tell_of_empty_groups(&context.terminal, &queue, report.selected);
    }
    ended(report)
}

async fn restore(
    broker: &Broker,
    request: Request,
    view: View<'_>,
    interrupt: &Interrupt,
) -> Result<Option<Report>, Failure> {
    let mut listen = |event: Event<'_>| view.event(event);
    let restore = match Box::pin(Restore::prepare(broker, request, interrupt, &mut listen)).await {
        Ok(restore) => restore,
        Err(error) => return Err(view.failed(error)),
    };
    view.begin(restore.run_id(), restore.records());
    let running = restore.run(interrupt, |preflight| view.consent_to_restore(preflight), &mut listen);
    let outcome = Box::pin(running).await;
    view.finish(outcome)
}

impl Args {
    /// What was typed, and the queue that the archive is from.
    fn typed(&self, context: &Context) -> Result<(Broker, Request, String), Failure> {
        let path = self.file.clone().unwrap_or_default();
        let header = restore::header(&path)?;
        let broker = context.broker(Some(&header.vhost))?;
        let to = self.to.clone().unwrap_or_else(|| To::Queue(header.queue.clone()));
        let wanted = || -> Result<Wanted, Failure> {
            Ok(Wanted {
                state: context.settings.state_folder()?,
                to: typed_to(&to),
                selectors: typed(&self.selection),
                travel: serde_json::json!({}),
                care: serde_json::json!({}),
                as_of: None,
            })
        };
        let journal = if self.dry_run { None } else { Some(wanted()?) };
        let selector = self.selection.selector(context)?;
        let request = Request { limit: self.limit, selector, journal, ..self.request(path, to, context) };
        Ok((broker, request, header.queue))
    }

    /// What the journal of a run says of what was typed.
    fn resumed(&self, resume: Resume, context: &Context) -> Result<Request, Failure> {
        let past = &resume.past;
        let header = &past.header;
        let archive = self.file.clone().or_else(|| header.archive.clone());
        let path = archive.ok_or_else(|| unknown(header, "which archive it reads"))?;
        let request = Request {
            limit: header.limit.map(|limit| limit.saturating_sub(past.safe + past.places.passed())),
            selector: selector_of(header, context)?,
            journal: Some(wanted_again(header, context)?),
            ..self.request(path, to_of(header)?, context)
        };
        Ok(Request { resume: Some(resume), ..request })
    }

    /// What is the same either way.
    fn request(&self, path: PathBuf, to: To, context: &Context) -> Request {
        Request {
            path,
            to,
            limit: None,
            selector: Selector::default(),
            rules: Rules::default(),
            up_to_damage: self.up_to_damage,
            window: self.window,
            dry_run: self.dry_run,
            owner: context.settings.owner(),
            timeout: context.settings.timeout(),
            journal: None,
            resume: None,
        }
    }
}
