//! Lists of queues tell what is true now, and say what they do not know.

use serde_json::{Value, json};

use crate::support::live::{Live, broker};

fn list(live: &Live, arguments: &[&str]) -> Vec<Value> {
    let done = live.evbus(&["queues", "-o", "json"]).and(arguments).done().ends_with(0);
    let shown = done.json().remove(0);
    assert_eq!(shown["format"], "evbus.queues/1");
    shown["queues"].as_array().cloned().unwrap_or_default()
}

fn of<'a>(queues: &'a [Value], name: &str) -> &'a Value {
    queues.iter().find(|queue| queue["name"] == name).unwrap_or(&Value::Null)
}

#[test]
fn depths_are_those_of_this_moment_on_every_kind_of_queue() {
    let Some(live) = broker("queues") else { return };
    live.pair("classic", "c", "c.dead");
    live.pair("quorum", "q", "q.dead");
    for round in 1..=3_u64 {
        for queue in ["c", "q"] {
            live.fill(queue, 7);
        }
        let queues = list(&live, &[]);
        for queue in ["c", "q"] {
            assert_eq!(of(&queues, queue)["ready"], round * 7, "{queue} in round {round}: {queues:?}");
        }
        assert_eq!((&of(&queues, "c")["total"], &of(&queues, "c")["type"]), (&(round * 7).into(), &"classic".into()));
        assert_eq!(
            (&of(&queues, "q.dead")["dead_letter_queue"], &of(&queues, "q")["dead_letter_queue"]),
            (&true.into(), &false.into())
        );
    }
}

#[test]
fn a_dead_letter_queue_is_known_by_its_routes_and_not_by_its_name() {
    let Some(live) = broker("dlq-list") else { return };
    live.pair("classic", "work", "the cellar / ünder");
    live.queue("not.dlq", &[]);
    // A delay queue gives its messages back: the work queue is no dead letter queue.
    let delay = [
        ("x-message-ttl", json!(60000)),
        ("x-dead-letter-exchange", json!("")),
        ("x-dead-letter-routing-key", json!("work")),
    ];
    live.queue("work.wait", &delay);
    live.fill("work", 4);
    live.reject_all("work", "the cellar / ünder");
    let done = live.evbus(&["dlq", "list", "-o", "json"]).done().ends_with(0);
    let shown = done.json().remove(0);
    let queues = shown["queues"].as_array().cloned().unwrap_or_default();
    assert_eq!(queues.len(), 1, "{shown}");
    assert_eq!((&queues[0]["name"], &queues[0]["owners"]), (&"the cellar / ünder".into(), &json!(["work"])));
    assert_eq!(
        (&queues[0]["ready"], &queues[0]["oldest_at"], &queues[0]["reasons"]),
        (&4.into(), &Value::Null, &Value::Null)
    );
    let by_policy = json!({"pattern": "^not", "apply-to": "queues", "definition": {"dead-letter-exchange": "", "dead-letter-routing-key": "work"}});
    live.api(reqwest::Method::PUT, &format!("policies/{}/dlx", live.vhost), Some(by_policy));
    live.until("the policy is known", || {
        let queues = list(&live, &[]);
        of(&queues, "work")["dead_letter_queue"] == true
    });
}

#[test]
fn dead_letters_are_followed_through_an_alternate_exchange_that_a_policy_gives() {
    let Some(live) = broker("dlq-alternate") else { return };
    let put = |path: &str, body: Value| live.api(reqwest::Method::PUT, &path.replace('%', &live.vhost), Some(body));
    put("exchanges/%/dead", json!({"type": "direct"}));
    put("exchanges/%/rest", json!({"type": "fanout"}));
    live.queue("work", &[("x-dead-letter-exchange", json!("dead"))]);
    live.queue("grave", &[]);
    live.api(reqwest::Method::POST, &format!("bindings/{}/e/rest/q/grave", live.vhost), Some(json!({})));
    let policy = json!({"pattern": "^dead$", "apply-to": "exchanges", "definition": {"alternate-exchange": "rest"}});
    put("policies/%/rest", policy);
    let done = live.evbus(&["dlq", "list", "-o", "json"]).done().ends_with(0);
    let queues = &done.json()[0]["queues"];
    assert_eq!((&queues[0]["name"], &queues[0]["owners"]), (&"grave".into(), &json!(["work"])), "{}", done.whole());
}

#[test]
fn filters_sort_and_rates_do_what_they_say() {
    let Some(live) = broker("queues-sort") else { return };
    for (name, count) in [("a.one", 1), ("b.two", 9), ("c.one", 5)] {
        live.queue(name, &[]);
        live.fill(name, count);
    }
    let names = |arguments: &[&str]| -> Vec<String> {
        list(&live, arguments).iter().filter_map(|queue| queue["name"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(names(&["--sort", "ready"]), ["b.two", "c.one", "a.one"]);
    assert_eq!(names(&["one"]), ["a.one", "c.one"]);
    assert_eq!(names(&["?.one", "--sort", "total"]), ["c.one", "a.one"]);
    let all = list(&live, &["--all-vhosts", "a.one"]);
    assert!(all.iter().any(|queue| queue["vhost"] == live.vhost.as_str()));
    let table = live.evbus(&["queues", "--rates"]).done().ends_with(0);
    assert!(table.out().lines().all(|line| line.chars().count() <= 100), "{}", table.whole());
    let none = live.evbus(&["queues", "a.onee"]).done().ends_with(0);
    assert!(none.err().contains("did you mean a.one?"), "{}", none.whole());
}

#[test]
fn a_virtual_host_that_is_not_there_or_not_ours_is_called_that() {
    let Some(live) = broker("queues-vhost") else { return };
    for command in [&["queues"][..], &["dlq", "list"], &["queues", "--rates"]] {
        let gone = live.evbus(command).and(["--vhost", "nowhere"]).done().ends_with(1);
        assert!(gone.err().contains("there is no virtual host nowhere"), "{}", gone.whole());
        assert!(gone.err().contains("check --vhost") && !gone.err().contains("evbus queues lists"), "{}", gone.whole());
    }
    let name = format!("{}-stranger", live.vhost);
    let user = json!({ "password": "secret", "tags": "management" });
    live.api(reqwest::Method::PUT, &format!("users/{name}"), Some(user));
    let url = live.url().replacen("guest:guest@", &format!("{name}:secret@"), 1);
    let barred = live.evbus(&["queues"]).env("EVBUS_URL", url).done().ends_with(1);
    live.api(reqwest::Method::DELETE, &format!("users/{name}"), None);
    assert!(barred.err().contains("may not use the virtual host"), "{}", barred.whole());
    assert!(barred.err().contains("set_permissions") && !barred.err().contains("set_user_tags"), "{}", barred.whole());
}
