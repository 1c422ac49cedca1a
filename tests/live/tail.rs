//! Watching: what is seen, how it ends, and that it harms nobody.

use std::io::{BufRead, BufReader, Read};

use crate::{
    publish::bus,
    support::live::{Live, broker, numbered},
};

/// A watcher that is bound, and its output.
fn watch(live: &Live, folder: &std::path::Path, arguments: &[&str]) -> std::process::Child {
    let mut child = live.evbus(&["tail"]).and(arguments).and(["--ready"]).within(folder).start();
    let mut line = String::new();
    let mut err = BufReader::new(child.stderr.take().expect("its stderr"));
    err.read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    // What it says later is read to the end, so that it never waits for us.
    std::thread::spawn(move || err.read_to_string(&mut String::new()));
    child
}

fn send(live: &Live, count: usize) {
    live.publish_to(
        "events",
        "email.classified",
        (0..count).map(|n| (numbered(n), format!("{{\"n\":{n}}}").into_bytes())),
    );
}

fn end(child: std::process::Child) -> (Option<i32>, Vec<serde_json::Value>) {
    let output = crate::support::run::ended(child);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[test]
fn what_passes_is_seen_once_and_can_be_published_again() {
    let Some(live) = broker("tail") else { return };
    let folder = bus(&live);
    // Both patterns match, and the event's name stands for its key.
    let child = watch(&live, folder.path(), &["email.#", "EmailClassified", "--limit", "5", "-o", "json"]);
    send(&live, 5);
    let (code, lines) = end(child);
    assert_eq!(code, Some(0));
    let ids: Vec<_> = lines.iter().filter_map(|line| line["properties"]["message_id"].as_str()).collect();
    assert_eq!(ids, ["m0", "m1", "m2", "m3", "m4"]);
    assert_eq!(lines.last().map(|last| (&last["event"], &last["missed"])), Some((&"summary".into(), &0.into())));
    let before = live.drain("customer-service");
    let again: String = lines.iter().map(|line| format!("{line}\n")).collect();
    live.evbus(&["publish", "--from", "-"]).within(folder.path()).input(again).done().ends_with(0);
    let after = live.drain("customer-service");
    assert_eq!(after.len(), 5);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.data, &before.properties), (&after.data, &after.properties));
    }
}

#[test]
fn too_few_is_told_by_the_exit_code_and_an_expression_chooses() {
    let Some(live) = broker("tail-expect") else { return };
    let folder = bus(&live);
    let child = watch(
        &live,
        folder.path(),
        &["#", "--expect", "9", "--for", "2s", "--where", ".body.json.n > 1", "-o", "json"],
    );
    send(&live, 5);
    let (code, lines) = end(child);
    assert_eq!((code, lines.len()), (Some(4), 4), "three records and a summary");
    assert_eq!((&lines[3]["seen"], &lines[3]["shown"]), (&5.into(), &3.into()));
}

#[test]
fn a_closed_pipe_and_ctrl_c_end_it_in_order() {
    let Some(live) = broker("tail-end") else { return };
    let folder = bus(&live);
    let mut child = watch(&live, folder.path(), &["#", "-o", "json"]);
    let mut line = String::new();
    send(&live, 1);
    let mut out = BufReader::new(child.stdout.take().expect("its stdout"));
    out.read_line(&mut line).expect("a record");
    drop(out);
    send(&live, 2);
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "the reader had seen enough");

    let child = watch(&live, folder.path(), &["#", "-o", "json"]);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it can be interrupted");
    let (code, lines) = end(child);
    assert_eq!((code, lines.last().map(|last| last["interrupted"].clone())), (Some(130), Some(true.into())));
    live.until("its queue is gone", || {
        let queues = live.api(reqwest::Method::GET, &format!("queues/{}", live.vhost), None);
        queues
            .as_array()
            .is_some_and(|all| all.iter().all(|q| !q["name"].as_str().unwrap_or("").starts_with("evbus-tail")))
    });
}

#[test]
fn a_closed_pipe_is_noticed_while_nothing_passes() {
    let Some(live) = broker("tail-gone") else { return };
    let folder = bus(&live);
    let mut child = watch(&live, folder.path(), &["#", "-o", "json", "--expect", "9", "--for", "200s"]);
    let began = std::time::Instant::now();
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(began.elapsed().as_secs() < 60, "it took {:?}", began.elapsed());
}

#[test]
fn when_traffic_stops_nothing_stays_unacknowledged() {
    let Some(live) = broker("tail-idle") else { return };
    let folder = bus(&live);
    let mut child = watch(&live, folder.path(), &["#", "-o", "json"]);
    let mut out = BufReader::new(child.stdout.take().expect("its stdout"));
    send(&live, 3);
    for _ in 0..3 {
        out.read_line(&mut String::new()).expect("a record");
    }
    live.until("all are acknowledged", || {
        let query = "disable_stats=true&enable_queue_totals=true";
        let queues = live.api(reqwest::Method::GET, &format!("queues/{}?{query}", live.vhost), None);
        let tail = |q: &&serde_json::Value| q["name"].as_str().is_some_and(|name| name.starts_with("evbus-tail"));
        queues.as_array().and_then(|all| all.iter().find(tail).map(|q| q["messages_unacknowledged"] == 0)) == Some(true)
    });
    drop(out);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_slip_in_an_event_name_is_an_error_and_a_strange_key_a_warning() {
    let Some(live) = broker("tail-slip") else { return };
    let folder = bus(&live);
    let run = |arguments: &[&str]| live.evbus(&["tail", "--for", "1ms"]).and(arguments).within(folder.path()).done();
    let done = run(&["EmailClasified"]).ends_with(2);
    assert!(done.err().contains("did you mean EmailClassified?"), "{}", done.whole());
    let done = run(&["email.clasified"]).ends_with(0);
    assert!(
        done.err().contains("warning:") && done.err().contains("did you mean email.classified?"),
        "{}",
        done.whole()
    );
    for known in [&["email.*"][..], &["EmailClassified"], &["EmailClasified", "--exchange", "events"]] {
        assert!(!run(known).ends_with(0).err().contains("warning:"), "{known:?}");
    }
}

#[test]
fn a_reader_that_stands_still_costs_the_broker_a_bounded_queue_and_is_told() {
    let Some(live) = broker("tail-slow") else { return };
    let folder = bus(&live);
    let mut child = watch(&live, folder.path(), &["#", "-o", "json", "--buffer", "50", "--idle", "3s"]);
    let large = vec![b'x'; 4096];
    live.publish_to("events", "email.classified", (0..3000).map(|n| (numbered(n), large.clone())));
    let tails = || {
        let queues = live.api(
            reqwest::Method::GET,
            &format!("queues/{}?disable_stats=true&enable_queue_totals=true", live.vhost),
            None,
        );
        let tail = |q: &&serde_json::Value| q["name"].as_str().is_some_and(|name| name.starts_with("evbus-tail"));
        queues.as_array().and_then(|all| all.iter().find(tail).and_then(|q| q["messages_ready"].as_u64()))
    };
    live.until("its queue is full and no fuller", || tails() == Some(50));
    let mut text = String::new();
    child.stdout.take().expect("its stdout").read_to_string(&mut text).expect("records");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let last: serde_json::Value =
        text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    assert!(last["missed"].is_null() && last["seen"].as_u64().is_some_and(|seen| seen < 3000), "{last}");
}

#[test]
fn escapes_reach_a_pipe_raw_and_a_terminal_harmless() {
    let Some(live) = broker("escapes") else { return };
    let folder = bus(&live);
    let evil = b"\x1b[2J\x1b]0;owned\x07\xc2\x9b31m".to_vec();
    let child = watch(&live, folder.path(), &["#", "--limit", "1"]);
    live.publish_to("events", "email.classified", [(numbered(0).with_type("\u{1b}[31m".into()), evil.clone())]);
    let output = crate::support::run::ended(child);
    assert!(output.stdout.windows(4).any(|bytes| bytes == b"\x1b[2J"), "a pipe gets what is there");

    let program = crate::support::run::program();
    let mut command = std::process::Command::new(program);
    command
        .args(["dlq", "show", "customer-service", "--color", "never"])
        .env_clear()
        .env("TERM", "xterm")
        .env("EVBUS_URL", live.url())
        .env("EVBUS_MANAGEMENT_URL", live.management_url())
        .current_dir(folder.path());
    let mut session = rexpect::session::spawn_command(command, Some(30_000)).expect("a terminal");
    let shown = session.exp_eof().expect("it ends");
    for raw in ["\u{1b}[2J", "\u{1b}]0", "\u{7}", "\u{9b}", "\u{1b}[31m"] {
        assert!(!shown.contains(raw), "{raw:?} reached the terminal: {shown:?}");
    }
    assert!(shown.contains("\\u{1b}[2J"), "{shown:?}");
}
