//! The fault matrix: whatever breaks in the middle of a replay, nothing is lost, and what it said of it is true.
//!
//! Each test prints its part of the table (`--nocapture` shows it).

mod broken;
mod clock;
mod leader;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    thread::{self, JoinHandle},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    live::Live,
    proxy::Proxy,
    run::{Done, Run},
};

/// Messages in each dead letter queue: more than may be on their way at once.
const COUNT: u32 = 2400;

/// How many may be in hand undecided: fewer, so that some are not read yet.
const WINDOW: &str = "600";

/// How many bytes of a replay are let through before the fault: a part of the messages has arrived, and a part is to come.
const PART: u64 = 180_000;

/// The kinds of queue that every fault meets.
const KINDS: [&str; 2] = ["classic", "quorum"];

/// What may be true of a run after a fault.
#[derive(Debug, Clone, Copy, Default)]
struct Truth {
    /// What it may end with.
    codes: &'static [i32],
    /// The words of the failure that it tells; none where it tells of none.
    errors: &'static [&'static str],
    /// The target went with all that had arrived there.
    target_is_gone: bool,
    /// The dead letter queue went with all that had not moved.
    source_is_gone: bool,
    /// What was acknowledged may be in the queue again: a classic queue whose broker is killed forgets what it has not written.
    forgets: bool,
}

/// A replay that a fault meets in the middle.
struct Course {
    scene: String,
    dead: String,
    work: String,
    wire: Proxy,
    run: Option<Running>,
}

/// A replay that runs, and somebody who reads what it writes.
struct Running {
    process: u32,
    done: JoinHandle<Done>,
}

impl Course {
    /// A dead letter queue of that kind with messages, and a work queue with these arguments besides.
    fn set_out(live: &Live, scene: &str, kind: &str, target: &[(&str, Value)]) -> Course {
        let slug = format!("{}-{kind}", scene.replace(' ', "-"));
        let (dead, work) = (format!("{slug}.dead"), format!("{slug}.work"));
        let kind_argument = [("x-queue-type", json!(kind))];
        live.queue(&dead, &kind_argument);
        live.queue(&work, &kind_argument.iter().chain(target).cloned().collect::<Vec<_>>());
        Course::from(live, &format!("{scene} | {kind}"), &dead, &work)
    }

    /// The same with queues that are there.
    fn from(live: &Live, scene: &str, dead: &str, work: &str) -> Course {
        // Published and confirmed, so that the broker owes us each: dead-lettering is not confirmed to anybody.
        live.fill(dead, COUNT as usize);
        let (scene, dead, work) = (scene.to_owned(), dead.to_owned(), work.to_owned());
        Course { scene, dead, work, wire: Proxy::before(live), run: None }
    }

    /// The replay, over a wire.
    fn replay(&self, live: &Live, more: &[&str]) -> Run {
        let to = format!("queue:{}", self.work);
        let run = live.evbus(&["dlq", "replay", &self.dead, "--to", &to, "--yes", "-o", "json"]).and(more);
        let run = run.and(["--window", WINDOW]);
        run.env("EVBUS_URL", self.wire.url(live))
    }

    /// Starts it, and holds it when a part has arrived: from then on nothing passes, until the wire is released or broken.
    fn under_way(&mut self, live: &Live, run: Run) {
        self.wire.hold_after(PART);
        let child = run.start();
        let process = child.id();
        let running = self.run.insert(Running { process, done: thread::spawn(|| Done::of(child)) });
        live.until("it is under way", || self.wire.is_held() || running.done.is_finished());
        if !self.wire.is_held() {
            let done = self.ended();
            panic!("{}: it ended too early\n{}", self.scene, done.whole());
        }
        let arrived = live.ready(&self.work);
        assert!(arrived > 0 && arrived < COUNT, "{}: {arrived} have arrived", self.scene);
    }

    fn process(&self) -> u32 {
        self.run.as_ref().expect("it runs").process
    }

    /// What it came to.
    fn ended(&mut self) -> Done {
        let done = self.run.take().expect("it runs").done.join().expect("it ends");
        // What the broker held for it goes back, whether it has missed it yet or not.
        self.wire.cut();
        done
    }

    /// How many messages of a queue somebody holds; nothing where there is no such queue.
    fn depth(live: &Live, queue: &str) -> Option<u64> {
        let path = format!("queues/{}?disable_stats=true&enable_queue_totals=true", live.vhost);
        let all = live.api(Method::GET, &path, None);
        let found = all.as_array()?.iter().find(|found| found["name"] == queue)?.clone();
        found["messages_unacknowledged"].as_u64()
    }

    /// Compares what a run said with where every message is, and says it in a line.
    fn judge(&self, live: &Live, done: &Done, truth: Truth) -> String {
        let scene = &self.scene;
        let code = done.code().unwrap_or(-1);
        assert!(truth.codes.contains(&code), "{scene}: {}", done.whole());
        let told: Value =
            done.err().lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        let error = told["error"]["code"].as_str().unwrap_or_default();
        let is_told = if truth.errors.is_empty() { error.is_empty() } else { truth.errors.contains(&error) };
        assert!(is_told, "{scene}: {}", done.whole());
        let (summary, lines) = (done.summary(), self.lines(done));
        let of = |word: &str| lines.get(word).cloned().unwrap_or_default();
        for word in ["replayed", "skipped", "returned", "refused", "unknown"] {
            assert_eq!(summary[word], of(word).len(), "{scene}: {word}: {summary}");
        }
        let (replayed, unknown) = (of("replayed"), of("unknown"));
        let (here, there) = self.places(live, truth);
        // It is told how many are left, or that nobody knows.
        assert!(
            summary["left"].is_null() || summary["left"] == here.len(),
            "{scene}: {} are left: {summary}",
            here.len()
        );
        let all: BTreeSet<String> = (0..COUNT).map(|number| format!("m{number}")).collect();
        let distinct = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
        let (is_here, is_there) = (distinct(&here), distinct(&there));
        // What went with a deleted queue was in it: at the target what is called replayed, here what is not.
        let went = |id: &String| {
            (truth.target_is_gone && replayed.contains(id)) || (truth.source_is_gone && !replayed.contains(id))
        };
        let lost = all.iter().filter(|id| !is_here.contains(*id) && !is_there.contains(*id) && !went(id)).count();
        assert_eq!(lost, 0, "{scene}: {lost} are nowhere: {summary}");
        if !truth.target_is_gone {
            assert!(replayed.is_subset(&is_there), "{scene}: called replayed, and not at the target: {summary}");
        }
        let again = replayed.intersection(&is_here).count();
        assert!(again == 0 || truth.forgets, "{scene}: {again} are called replayed and are still here: {summary}");
        // What is in both places is what it could not tell of.
        let twice: BTreeSet<&String> = is_here.intersection(&is_there).collect();
        let untold = twice.iter().filter(|id| !unknown.contains(**id) && !replayed.contains(**id)).count();
        assert_eq!(untold, 0, "{scene}: {untold} are in both places, and nothing was said of them: {summary}");
        assert_eq!(there.len(), is_there.len(), "{scene}: some arrived twice");
        let stayed = of("refused").len() + of("returned").len() + of("skipped").len();
        format!(
            "| {scene} | {code} {error} | {} | {} | {stayed} | {} | {lost} | {} |",
            replayed.len(),
            unknown.len(),
            summary["left"],
            twice.len()
        )
    }

    /// The ids of what it told of, by what became of them.
    fn lines(&self, done: &Done) -> BTreeMap<String, BTreeSet<String>> {
        let mut lines: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut told = 0;
        let all = done.json();
        for line in all.iter().filter(|line| line["seq"].is_u64()) {
            let (event, id) = (line["event"].as_str(), line["message_id"].as_str());
            let of = lines.entry(event.unwrap_or_default().to_owned()).or_default();
            of.insert(id.unwrap_or_default().to_owned());
            told += 1;
        }
        let distinct: BTreeSet<&String> = lines.values().flatten().collect();
        assert_eq!(distinct.len(), told, "{}: a message has one line", self.scene);
        lines
    }

    /// The messages that are still here, and those at the target, once nobody holds any.
    fn places(&self, live: &Live, truth: Truth) -> (Vec<String>, Vec<String>) {
        let ids = |queue: &str, is_gone: bool| {
            if is_gone {
                return Vec::new();
            }
            live.until("nobody holds anything", || Course::depth(live, queue).is_some_and(|unacked| unacked == 0));
            live.ids(queue)
        };
        (ids(&self.dead, truth.source_is_gone), ids(&self.work, truth.target_is_gone))
    }
}

/// Prints a part of the table.
fn print(rows: &[String]) {
    eprintln!("| fault | queue | exit | replayed | unknown | stayed | left | lost | in both places |");
    eprintln!("|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        eprintln!("{row}");
    }
}
