//! What a list of dead letter queues says without a look, and with one.

use serde_json::{Value, json};

use crate::{
    dlq_look::spent,
    support::live::{Live, broker},
};

/// The dead letter queue of that name, as a list shows it.
fn listed(live: &Live, queue: &str, more: &[&str]) -> Value {
    let done = live.evbus(&["dlq", "list", "-o", "json"]).and(more).done().ends_with(0);
    let document = done.json().remove(0);
    let found = document["queues"].as_array().into_iter().flatten().find(|found| found["name"] == queue);
    found.unwrap_or_else(|| panic!("no {queue} in {document}")).clone()
}

#[test]
fn a_look_says_when_the_oldest_died_and_why_the_first_ones_did() {
    let Some(live) = broker("list-look") else { return };
    live.pair("classic", "mail", "mail.dead");
    live.fill("mail", 70);
    live.reject_all("mail", "mail.dead");
    live.pair("classic", "idle", "idle.dead");
    spent(&live, 3);
    let unseen = listed(&live, "mail.dead", &[]);
    assert_eq!(
        (&unseen["oldest_at"], &unseen["reasons"], &unseen["looked"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    for _ in 0..2 {
        let seen = listed(&live, "mail.dead", &["--look"]);
        assert_eq!((&seen["looked"], &seen["reasons"]), (&json!(50), &json!({ "rejected": 50 })), "{seen}");
        assert!(seen["oldest_at"].is_string(), "{seen}");
        let seen = listed(&live, "dead", &["--look"]);
        assert_eq!((&seen["looked"], &seen["reasons"]), (&json!(3), &json!({ "delivery_limit": 3 })), "{seen}");
        let seen = listed(&live, "idle.dead", &["--look"]);
        assert_eq!(
            (&seen["looked"], &seen["reasons"], &seen["oldest_at"]),
            (&json!(0), &json!({}), &Value::Null),
            "{seen}"
        );
    }
    live.until("statistics tell how it grows", || listed(&live, "mail.dead", &[])["growth"].is_number());
    let page = live.evbus(&["dlq", "list", "--look"]).env("COLUMNS", "80").done().ends_with(0);
    assert!(page.out().lines().all(|line| line.chars().count() <= 80), "{}", page.whole());
    assert!(page.out().contains("rejected 50") && page.out().contains("mail.dead"), "{}", page.whole());
    let count = |queue: &str| live.ids(queue).len();
    assert_eq!((count("mail.dead"), count("dead")), (70, 3));
}
