//! Sandboxes come, and go without a trace.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{live::broker, run::evbus};

fn sandbox(arguments: &[&str]) -> crate::support::run::Run {
    let run = evbus(["sandbox"]).and(arguments);
    match std::env::var_os("EVBUS_RABBITMQ_SERVER") {
        Some(server) => run.env("EVBUS_RABBITMQ_SERVER", server),
        None => run,
    }
}

/// Processes and folders of the sandbox at that port.
fn traces(port: &str) -> Vec<String> {
    let folders = std::fs::read_dir("/tmp").into_iter().flatten().flatten().map(|entry| entry.path());
    let uses = |folder: &PathBuf| {
        std::fs::read_to_string(folder.join("rabbitmq.conf")).is_ok_and(|text| text.contains(&format!(":{port}\n")))
    };
    let folders = folders
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("evbus-sandbox-")))
        .filter(uses)
        .map(|path| path.display().to_string());
    let answers =
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok().then(|| format!("port {port} answers"));
    folders.chain(answers).collect()
}

#[track_caller]
fn gone(port: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !traces(port).is_empty() {
        assert!(Instant::now() < deadline, "left behind: {:?}", traces(port));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn port(url: &str) -> String {
    url.trim().rsplit(':').next().unwrap_or_default().to_owned()
}

fn signal(child: &std::process::Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("it gets the signal");
}

#[test]
fn two_at_once_do_not_disturb_each_other_and_a_commands_code_is_passed_on() {
    if broker("sandboxes").is_none() {
        return;
    }
    let children: Vec<_> =
        (0..2).map(|n| sandbox(&["--", "sh", "-c", &format!("echo $EVBUS_URL; exit {n}")]).start()).collect();
    let mut ports = Vec::new();
    for (n, child) in (0..).zip(children) {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(n), "{}", String::from_utf8_lossy(&output.stderr));
        ports.push(port(&String::from_utf8_lossy(&output.stdout)));
    }
    assert_ne!(ports[0], ports[1]);
    for port in &ports {
        assert!(port.parse::<u16>().is_ok());
        gone(port);
    }
}

#[test]
fn interrupted_terminated_or_killed_it_leaves_nothing() {
    if broker("sandbox-signals").is_none() {
        return;
    }
    for (kind, code) in [(Signal::INT, Some(0)), (Signal::TERM, Some(0)), (Signal::KILL, None)] {
        let mut child = sandbox(&["-o", "json"]).start();
        let mut line = String::new();
        let out = child.stdout.take().expect("its stdout");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let shown: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let port = port(shown["url"].as_str().expect("a URL"));
        assert!(!traces(&port).is_empty(), "it is there");
        signal(&child, kind);
        assert_eq!(child.wait().expect("it ends").code(), code);
        gone(&port);
    }
}

#[test]
fn where_no_server_is_it_says_how_to_get_one() {
    let done = evbus(["sandbox"]).env("EVBUS_RABBITMQ_SERVER", "/nowhere/rabbitmq-server").done().ends_with(1);
    assert!(done.err().contains("/nowhere/rabbitmq-server") && done.err().contains("hint:"), "{}", done.whole());
}
