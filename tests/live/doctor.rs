//! What `doctor` finds out, and that it waits.

use std::{
    io::{BufRead, BufReader, Read},
    net::{Shutdown, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use lapin::{options::QueueDeclareOptions, types::FieldTable};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    live::{Live, broker},
    run::evbus,
};

fn document(live: &Live, code: i32) -> Value {
    let done = live.evbus(&["doctor", "-o", "json"]).done().ends_with(code);
    let document = done.json().pop().unwrap_or_default();
    assert_eq!(document["format"], "evbus.doctor/1", "{}", done.whole());
    document
}

fn state<'a>(document: &'a Value, check: &str) -> &'a str {
    let checks = document["checks"].as_array().into_iter().flatten();
    checks.filter(|found| found["check"] == check).find_map(|found| found["state"].as_str()).unwrap_or("absent")
}

#[test]
fn a_usable_broker_is_described() {
    let Some(live) = broker("doctor") else { return };
    // A node that has just started tells of its plugins after some seconds.
    live.until("plugins are known", || state(&document(&live, 0), "plugins") == "ok");
    let found = document(&live, 0);
    assert_eq!(found["usable"], true, "{found}");
    assert_eq!(found["version"], live.version().to_string());
    assert_eq!(found["vhost"], live.vhost);
    assert_eq!(found["permissions"], json!({"configure": ".*", "write": ".*", "read": ".*"}));
    assert_eq!(found["tags"], json!(["administrator"]));
    assert_eq!((&found["alarms"], &found["leftovers"], &found["nodes_down"]), (&json!([]), &json!([]), &json!([])));
    let plugins = found["plugins"].as_array().expect("plugins are listed");
    assert!(plugins.contains(&json!("rabbitmq_management")), "{found}");
}

#[test]
fn what_a_run_left_behind_is_found_and_what_it_still_uses_is_told_from_it() {
    let Some(live) = broker("doctor-leftovers") else { return };
    let policy = json!({"pattern": "^x$", "apply-to": "queues", "definition": {"max-length": 7}});
    for run in ["gone", "busy"] {
        live.api(Method::PUT, &format!("policies/{}/evbus-tmp-{run}", live.vhost), Some(policy.clone()));
    }
    live.queue("evbus.lock.busy", &[("x-evbus-run", json!("busy"))]);
    live.queue("evbusXlock.no", &[]);
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let tail = live.channel.queue_declare("evbus-tail-now".into(), exclusive, FieldTable::default());
    live.wait(tail).expect("a queue of our own");
    let found = document(&live, 0);
    assert_eq!(state(&found, "leftovers"), "warning", "{found}");
    let names =
        found["leftovers"].as_array().into_iter().flatten().map(|one| (one["name"].clone(), one["in_use"].clone()));
    let expected =
        [("evbus-tmp-busy", true), ("evbus-tmp-gone", false), ("evbus-tail-now", true), ("evbus.lock.busy", false)];
    assert_eq!(names.collect::<Vec<_>>(), expected.map(|(name, in_use)| (json!(name), json!(in_use))));
    let done = live.evbus(&["doctor"]).done().ends_with(0);
    assert!(
        done.out().contains(&format!("rabbitmqctl clear_policy -p {} evbus-tmp-gone", live.vhost)),
        "{}",
        done.whole()
    );
}

#[test]
fn a_user_who_may_see_little_is_told_what_stays_unknown() {
    let Some(live) = broker("doctor-user") else { return };
    let (user, path) = ("evbus-doctor-user", format!("permissions/{}/evbus-doctor-user", live.vhost));
    live.api(Method::PUT, &format!("users/{user}"), Some(json!({"password": "p", "tags": "management"})));
    live.api(Method::PUT, &path, Some(json!({"configure": "", "write": "^w", "read": ".*"})));
    let url = live.url().replace("guest:guest", "evbus-doctor-user:p");
    let done = live.evbus(&["doctor", "-o", "json"]).env("EVBUS_URL", url).done().ends_with(0);
    let found = done.json().pop().unwrap_or_default();
    live.api(Method::DELETE, &format!("users/{user}"), None);
    assert_eq!((found["tags"].clone(), found["permissions"].clone()), (json!(["management"]), json!(null)), "{found}");
    for check in ["permissions", "plugins", "nodes"] {
        assert_eq!(state(&found, check), "unknown", "{check} in {found}");
    }
    assert_eq!(
        (state(&found, "alarms"), &found["alarms"]),
        ("ok", &json!([])),
        "every user may know of alarms: {found}"
    );
}

#[test]
fn a_broker_that_cannot_be_used_is_a_failure_with_a_way_out() {
    let Some(live) = broker("doctor-no-vhost") else { return };
    let url = format!("{}/evbus-nowhere", live.server_url());
    let done = live.evbus(&["doctor"]).env("EVBUS_URL", url).done().ends_with(1);
    assert!(done.out().contains("there is no virtual host evbus-nowhere"), "{}", done.whole());
    assert!(done.out().contains("add_vhost"), "{}", done.whole());
}

/// Passes connections on to a broker.
fn forward(listener: &TcpListener, to: &str) {
    for from in listener.incoming().flatten() {
        let Ok(to) = TcpStream::connect(to) else { continue };
        for (mut from, mut to) in [(from.try_clone(), to.try_clone()), (Ok(to), Ok(from))]
            .into_iter()
            .filter_map(|(from, to)| Some((from.ok()?, to.ok()?)))
        {
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    }
}

#[test]
fn it_waits_for_a_broker_that_is_starting() {
    let Some(live) = broker("doctor-wait") else { return };
    // A port where nobody listens until the program has said that it waits.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/{}", live.vhost);
    let mut child = live.evbus(&["doctor", "--wait", "60s"]).env("EVBUS_URL", url).start();
    let mut talk = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut line = String::new();
    talk.read_line(&mut line).expect("a line");
    assert!(line.starts_with("waiting: nobody listens"), "{line:?}");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is still free");
    let to = live.server_url().rsplit('@').next().unwrap_or_default().to_owned();
    std::thread::spawn(move || forward(&listener, &to));
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let mut rest = String::new();
    talk.read_to_string(&mut rest).expect("the rest of its stderr");
    assert!(!rest.contains("waiting"), "the reason did not change: {rest}");
}

#[test]
fn a_wait_that_was_in_vain_ends() {
    let started = Instant::now();
    let run = evbus(["doctor", "--wait", "1s"]).env("EVBUS_URL", "amqp://127.0.0.1:1");
    let done = run.env("EVBUS_MANAGEMENT_URL", "http://127.0.0.1:1").done().ends_with(1);
    assert!(done.out().contains("nobody listens at 127.0.0.1:1"), "{}", done.whole());
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_queue_is_looked_for_in_the_virtual_host_of_the_topology_file() {
    let Some(live) = broker("file-vhost") else { return };
    live.pair("classic", "work", "dead");
    live.fill("dead", 3);
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("it is written");
    let file = format!("evbus: 1\nvhost: {}\n", live.vhost);
    // A URL without a path leaves the virtual host to the file.
    let run = |arguments: &[&str], url: &str| live.evbus(arguments).env("EVBUS_URL", url).within(folder.path()).done();
    let commands: [&[&str]; 6] = [
        &["queues"],
        &["doctor"],
        &["dlq", "list"],
        &["dlq", "show", "dead"],
        &["dlq", "replay", "dead", "--dry-run", "--to", "queue:work"],
        &["dlq", "purge", "dead", "--dry-run"],
    ];
    let told = format!("vhost {} (topology file)", live.vhost);
    write("evbus.yaml", &file);
    write("named.yaml", &file);
    write("elsewhere.yaml", "evbus: 1\nvhost: elsewhere\n");
    for command in commands {
        let found = run(command, live.server_url()).ends_with(0);
        assert!(found.err().contains(&told), "{}", found.whole());
        let json = run(&[command, &["-o", "json"]].concat(), live.server_url()).ends_with(0);
        assert!(json.out().contains(&live.vhost) || json.out().contains("m0") || json.out().contains("would"));
        run(&[command, &["-f", "elsewhere.yaml"]].concat(), &live.url()).ends_with(2);
        let typed = [command, &["-f", "elsewhere.yaml", "--vhost", &live.vhost]].concat();
        run(&typed, live.server_url()).ends_with(0);
    }

    // One that merely lies there stops nobody; one that was named must be right.
    for (text, word) in [("evbus: 1\nvhost: elsewhere\n", "is for elsewhere"), ("evbus: one\n", "left out of account")]
    {
        write("evbus.yaml", text);
        for command in commands {
            let found = run(command, &live.url()).ends_with(0);
            assert!(found.err().contains(word), "{}", found.whole());
            run(&[command, &["-f", "named.yaml"]].concat(), live.server_url()).ends_with(0);
        }
    }
    run(&["dlq", "show", "dead", "-f", "evbus.yaml"], &live.url()).ends_with(2);
    assert_eq!(live.ready("dead"), 3);
}
