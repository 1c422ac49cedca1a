//! Passwords and payloads stay where they belong, also when everything is told that can be.

use reqwest::Method;
use serde_json::json;

use crate::support::live::broker;

/// Nothing else in any output looks like these.
const PASSWORD: &str = "hunter2+/%swordfish";
const ENCODED: &str = "hunter2%2B%2F%25swordfish";
const PAYLOAD: &str = "the-customers-card-number";

#[test]
fn no_command_shows_a_password_or_logs_a_payload() {
    let Some(live) = broker("secrets") else { return };
    let user = format!("evbus-secrets-{}", std::process::id());
    live.api(Method::PUT, &format!("users/{user}"), Some(json!({"password": PASSWORD, "tags": "administrator"})));
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    live.api(Method::PUT, &format!("permissions/{}/{user}", live.vhost), Some(all));
    live.pair("quorum", "work", "work.dlq");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("evbus.yaml");
    let topology = format!("evbus: 1\nname: secrets\nvhost: {}\nbus: {{ exchange: events }}\n", live.vhost);
    std::fs::write(&file, topology).expect("a topology file");
    let body = format!("{{\"card\":\"{PAYLOAD}\"}}");
    let file = file.display().to_string();
    let url = live.url().replace("guest:guest", &format!("{user}:{ENCODED}"));
    let management = live.management_url().replace("http://", &format!("http://{user}:{ENCODED}@"));
    let wrong = url.replace(ENCODED, &format!("{ENCODED}x"));
    let nowhere = "amqps://u:hunter2%2B%2F%25swordfish@127.0.0.1:1".to_owned();
    let commands: &[(&[&str], i32)] = &[
        (&["doctor"], 0),
        (&["apply", "-f", &file, "--yes"], 0),
        (&["plan", "-f", &file], 0),
        (&["publish", "--exchange", "", "--key", "work", "--data", &body], 0),
        (&["publish", "--exchange", "", "--key", "nobody", "--data", &body], 1),
        (&["queues"], 0),
        (&["dlq", "list"], 0),
        (&["dlq", "show", "work"], 0),
        (&["dlq", "replay", "work", "--yes", "--to", "queue:work.dlq"], 0),
        (&["dlq", "replay", "work.dlq", "--yes"], 1),
        (&["tail", "#", "--exchange", "amq.topic", "--for", "100ms"], 0),
        (&["dlq", "show", "no-such-queue"], 1),
    ];
    for (arguments, code) in commands {
        for (urls, code) in
            [((&url, &management), Some(*code)), ((&wrong, &management), None), ((&nowhere, &nowhere), None)]
        {
            let run = live.evbus(arguments).and(["-vv"]).within(folder.path());
            let done = run.env("EVBUS_URL", urls.0).env("EVBUS_MANAGEMENT_URL", urls.1).done();
            let whole = done.whole();
            assert!(code.is_none_or(|code| done.code() == Some(code)), "{arguments:?} ended otherwise\n{whole}");
            assert!(!whole.contains("hunter2") && !whole.contains("swordfish"), "{arguments:?}\n{whole}");
            assert!(!done.err().contains(PAYLOAD), "{arguments:?}\n{whole}");
        }
    }
    live.api(Method::DELETE, &format!("users/{user}"), None);
}
