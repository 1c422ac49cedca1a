//! Sandboxes come, and go without a trace.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::Child,
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

/// What there is of a sandbox: its folder and the processes that know of it.
///
/// Where processes can be looked at, its port says nothing more: a free port is soon somebody else's.
fn traces(folder: &str, url: &str) -> Vec<String> {
    let mut traces: Vec<String> = processes(folder).iter().map(|process| format!("process {process:?}")).collect();
    traces.extend(Path::new(folder).exists().then(|| folder.to_owned()));
    if !Path::new("/proc/self/environ").exists() {
        let port = url.trim().rsplit(':').next().unwrap_or_default();
        traces.extend(TcpStream::connect(format!("127.0.0.1:{port}")).is_ok().then(|| format!("port {port} answers")));
    }
    traces
}

/// The processes that have this text in their environment or command line; where there is no `/proc`, none.
fn processes(text: &str) -> Vec<(i32, String)> {
    let mentions = |path: &Path, file: &str| {
        std::fs::read(path.join(file))
            .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
            .unwrap_or_default()
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        let (command, environment) = (mentions(&entry.path(), "cmdline"), mentions(&entry.path(), "environ"));
        (command.contains(text) || environment.contains(text)).then_some((id, command))
    });
    all.collect()
}

#[track_caller]
fn gone(folder: &str, url: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !traces(folder, url).is_empty() {
        assert!(Instant::now() < deadline, "left behind: {:?}", traces(folder, url));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A sandbox without a command, and what it says of itself.
fn started() -> (Child, String, String) {
    let mut child = sandbox(&["-o", "json"]).start();
    let mut line = String::new();
    let out = child.stdout.take().expect("its stdout");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let shown: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let text = |key: &str| shown[key].as_str().unwrap_or_else(|| panic!("no {key} in {line}")).to_owned();
    (child, text("folder"), text("url"))
}

fn signal(process: u32, signal: Signal) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("it gets the signal");
}

/// What a command in a sandbox says of it: its address and, known by the port, the file that configures it. The folder is in
/// nobody's environment but the server's.
const SAY: &str = r#"echo $EVBUS_URL; grep -l ":${EVBUS_URL##*:}$" /tmp/evbus-sandbox-*/rabbitmq.conf"#;

fn folder_of(file: &str) -> String {
    file.trim().trim_end_matches("/rabbitmq.conf").to_owned()
}

#[test]
fn two_at_once_do_not_disturb_each_other_and_a_commands_code_is_passed_on() {
    if broker("sandboxes").is_none() {
        return;
    }
    let command = |code: i32| format!("{SAY}; exit {code}");
    let children: Vec<_> = (0..2).map(|code| sandbox(&["--", "sh", "-c", &command(code)]).start()).collect();
    let mut seen = Vec::new();
    for (code, child) in (0..).zip(children) {
        let output = crate::support::run::ended(child);
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (url, file) = said.trim().split_once('\n').unwrap_or_else(|| panic!("{said:?}"));
        seen.push((folder_of(file), url.to_owned()));
    }
    assert!(seen[0].0 != seen[1].0 && seen[0].1 != seen[1].1, "{seen:?}");
    for (folder, url) in &seen {
        assert!(folder.starts_with("/tmp/evbus-sandbox-"), "{folder}");
        gone(folder, url);
    }
}

#[test]
fn interrupted_terminated_or_killed_it_leaves_nothing() {
    if broker("sandbox-signals").is_none() {
        return;
    }
    for (kind, code) in [(Signal::INT, Some(0)), (Signal::TERM, Some(0)), (Signal::KILL, None)] {
        let (mut child, folder, url) = started();
        assert!(traces(&folder, &url).len() >= 3, "it is there: {:?}", traces(&folder, &url));
        signal(child.id(), kind);
        assert_eq!(child.wait().expect("it ends").code(), code);
        gone(&folder, &url);
    }
}

#[test]
fn a_command_is_told_to_end_when_the_sandbox_is() {
    if broker("sandbox-command").is_none() {
        return;
    }
    let mut child = sandbox(&["--", "sh", "-c", &format!("{SAY}; exec sleep 600")]).start();
    let mut lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
    let mut line = || lines.next().expect("a line").expect("it can be read");
    let (url, folder) = (line(), folder_of(&line()));
    assert!(!traces(&folder, &url).is_empty(), "it is there: {folder}");
    signal(child.id(), Signal::INT);
    assert_eq!(child.wait().expect("it ends").code(), Some(128 + 15));
    gone(&folder, &url);
}

#[test]
fn what_was_left_by_a_killed_keeper_goes_at_the_next_start() {
    if broker("sandbox-stale").is_none() {
        return;
    }
    let (mut child, folder, url) = started();
    // Both at once, so that nobody is left to clear up. The keeper has the folder in its command line.
    let keeper = processes(&folder).into_iter().find(|(_, command)| command.contains("--keep"));
    let Some((keeper, _)) = keeper else { return eprintln!("SKIPPED sandbox-stale: no /proc here") };
    signal(u32::try_from(keeper).expect("a process"), Signal::KILL);
    signal(child.id(), Signal::KILL);
    child.wait().expect("it ends");
    assert!(!traces(&folder, &url).is_empty(), "the server outlives its keeper");
    let (mut next, next_folder, next_url) = started();
    gone(&folder, &url);
    assert!(!traces(&next_folder, &next_url).is_empty(), "the one in use stays");
    signal(next.id(), Signal::TERM);
    next.wait().expect("it ends");
    gone(&next_folder, &next_url);
}

#[test]
fn a_server_that_does_not_start_is_an_error_with_its_last_words() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let program = folder.path().join("server");
    let text = "#!/bin/sh\npwd >>\"$(dirname \"$0\")/tried\"\necho no room for a broker >&2\nexit 1\n";
    std::fs::write(&program, text).expect("the program is written");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it can be run");
    let done = evbus(["sandbox"]).env("EVBUS_RABBITMQ_SERVER", &program).done().ends_with(1);
    assert!(done.err().contains("no room for a broker"), "{}", done.whole());
    let tried = std::fs::read_to_string(folder.path().join("tried")).expect("it was tried");
    for sandbox in tried.lines() {
        assert!(!Path::new(sandbox).exists(), "{sandbox} is left behind");
    }
}

#[test]
fn where_no_server_is_it_says_how_to_get_one() {
    let done = evbus(["sandbox"]).env("EVBUS_RABBITMQ_SERVER", "/nowhere/rabbitmq-server").done().ends_with(1);
    assert!(done.err().contains("/nowhere/rabbitmq-server") && done.err().contains("hint:"), "{}", done.whole());
}

#[test]
fn a_password_is_in_no_command_line_of_a_child() {
    if broker("sandbox-ps").is_none() {
        return;
    }
    let url = "amqp://somebody:hunter2swordfish@127.0.0.1:1";
    let look = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c 'sandbox\\|hunter2sword[f]ish'; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'hunter2sword[f]ish'";
    let done = sandbox(&["-vv", "--", "sh", "-c", look]).env("EVBUS_URL", url).done();
    let (seen, with_password) =
        done.out().trim().split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap_or_default();
    assert_ne!(seen, "0", "the processes are seen: {}", done.whole());
    assert_eq!(with_password, "0", "{}", done.whole());
    assert!(!done.whole().contains("hunter2"), "{}", done.whole());
}
