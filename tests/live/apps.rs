//! What real applications failed on is put back, and the same applications work it off: Celery, and amqplib on Node.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::support::live::{Live, broker};

/// How an application is installed once, below `target`, and what of it is run.
struct Kind {
    name: &'static str,
    /// What has to be there, or there is nothing to test.
    tools: &'static [&'static str],
    install: &'static str,
    /// Its source, and the name of its file.
    source: (&'static str, &'static str),
    queue: &'static str,
    queue_type: &'static str,
    /// Its worker, and how it is given something to do, as command lines within its installation.
    worker: &'static str,
    send: &'static str,
}

const CELERY: Kind = Kind {
    name: "celery",
    tools: &["python3 -m venv --help"],
    install: "python3 -m venv . && bin/pip install --quiet --disable-pip-version-check 'celery>=5.5,<6'",
    source: ("tasks.py", include_str!("apps/tasks.py")),
    queue: "tasks",
    queue_type: "classic",
    worker: "\"$INSTALLED\"/bin/celery -A tasks --workdir \"$PLACE\" worker --pool solo --without-gossip --without-mingle -l error",
    send: "\"$INSTALLED\"/bin/python \"$PLACE\"/tasks.py",
};

const NODE: Kind = Kind {
    name: "amqplib",
    tools: &["node --version", "npm --version"],
    install: "npm install --silent --no-audit --no-fund --prefix . 'amqplib@>=0.10 <3'",
    source: ("jobs.js", include_str!("apps/jobs.js")),
    queue: "jobs",
    queue_type: "quorum",
    worker: "node \"$PLACE\"/jobs.js",
    send: "node \"$PLACE\"/jobs.js send",
};

/// An application in a place of its own, with its worker.
struct App<'a> {
    kind: &'a Kind,
    live: &'a Live,
    installed: PathBuf,
    place: tempfile::TempDir,
    worker: Option<Child>,
}

impl<'a> App<'a> {
    /// It, or nothing, said aloud.
    fn of(kind: &'a Kind, live: &'a Live) -> Option<App<'a>> {
        let installed = installed(kind).map_err(|why| {
            assert!(std::env::var_os("EVBUS_REQUIRE_APPS").is_none(), "{} is required: {why}", kind.name);
            eprintln!("SKIPPED {}: {why}", kind.name);
        });
        let place = tempfile::tempdir().expect("a folder");
        fs::write(place.path().join(kind.source.0), kind.source.1).expect("its source is written");
        Some(App { kind, live, installed: installed.ok()?, place, worker: None })
    }

    /// A command line of it, run in its place.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        // What is killed in the end is the application, and not its shell.
        command.args(["-c", &format!("exec {line}")]).current_dir(self.place.path());
        command.env("PLACE", self.place.path()).env("INSTALLED", &self.installed).env("BROKER", self.live.url());
        command.env("NODE_PATH", self.installed.join("node_modules")).stdin(Stdio::null());
        command
    }

    fn work(&mut self) {
        self.worker = Some(self.command(self.kind.worker).spawn().expect("its worker starts"));
    }

    fn send(&self) {
        let done = self.command(self.kind.send).output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// What it has done, in order of numbers.
    fn done(&self) -> Vec<String> {
        let done = fs::read_to_string(self.place.path().join("done")).unwrap_or_default();
        let mut done: Vec<String> = done.lines().map(str::to_owned).collect();
        done.sort();
        done
    }
}

impl Drop for App<'_> {
    fn drop(&mut self) {
        if let Some(worker) = &mut self.worker {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// Where it is installed, once and for all runs of the tests.
fn installed(kind: &Kind) -> Result<PathBuf, String> {
    let run = |line: &str, within: &Path| {
        let done = Command::new("sh").args(["-c", line]).current_dir(within).stdin(Stdio::null()).output();
        let done = done.map_err(|error| error.to_string())?;
        let told = || format!("`{line}` failed: {}", String::from_utf8_lossy(&done.stderr).trim());
        if done.status.success() { Ok(()) } else { Err(told()) }
    };
    let apps = Path::new(env!("CARGO_TARGET_TMPDIR")).join("apps");
    let folder = apps.join(kind.name);
    for tool in kind.tools {
        run(tool, Path::new("/"))?;
    }
    let whole = folder.join("whole");
    if !whole.exists() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        run(kind.install, &folder)?;
        fs::write(&whole, "").map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

/// What it fails on is told, put back, and worked off by the application once it is mended.
fn is_worked_off_once_it_is_mended(kind: &Kind) {
    let Some(live) = broker(&format!("app-{}", kind.name)) else { return };
    let Some(mut app) = App::of(kind, &live) else { return };
    let dead = format!("{}.dlq", kind.queue);
    live.pair(kind.queue_type, kind.queue, &dead);
    app.work();
    app.send();
    live.until("what it failed on is dead", || live.ready(&dead) == 5);
    assert_eq!(app.done(), Vec::<String>::new());
    let groups = live.evbus(&["dlq", "groups", &dead, "-o", "json"]).done().ends_with(0);
    let found = groups.json().pop().unwrap_or_default()["groups"].clone();
    assert_eq!((&found[0]["count"], &found[1]), (&json!(5), &json!(null)), "{}", groups.whole());

    fs::write(app.place.path().join("mended"), "").expect("it is mended");
    let done = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).done().ends_with(0);
    assert_eq!((&done.summary()["replayed"], &done.summary()["left"]), (&json!(5), &json!(0)), "{}", done.whole());
    live.until("it has worked them off", || app.done().len() >= 5);
    assert_eq!(app.done(), ["0", "1", "2", "3", "4"]);
    assert_eq!((live.ready(&dead), live.ready(kind.queue)), (0, 0));
}

#[test]
fn failed_tasks_of_celery_are_put_back_and_done() {
    is_worked_off_once_it_is_mended(&CELERY);
}

#[test]
fn failed_messages_of_a_node_client_are_put_back_and_done() {
    is_worked_off_once_it_is_mended(&NODE);
}
