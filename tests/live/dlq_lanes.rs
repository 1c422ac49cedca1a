//! Where so much stays that one channel does not hold it all, everything is as it is on one.

use evbus::broker::{Broker, Connection, Deliveries, Delivery, Error, Order};
use reqwest::Method;
use serde_json::json;

use super::connection::{User, endpoint};
use crate::support::live::broker;

/// So many that several channels hold them.
const MANY: usize = 9000;

fn numbered(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|n| format!("m{n}")).collect()
}

#[test]
fn what_stays_on_many_channels_goes_back_in_order_and_what_is_chosen_goes() {
    let Some(live) = broker("lanes-order") else { return };
    let is_chosen = |n: &usize| n.is_multiple_of(100);
    for kind in ["classic", "quorum"] {
        let (dead, target) = (format!("{kind}-dead"), format!("queue:{kind}-work"));
        for queue in ["dead", "work"] {
            live.queue(&format!("{kind}-{queue}"), &[("x-queue-type", json!(kind))]);
        }
        live.fill(&dead, MANY);
        let chosen = ["--where", ".body.json.n % 100 == 0", "--yes", "-o", "json"];
        let done = live.evbus(&["dlq", "replay", &dead, "--to", &target]).and(chosen).done().ends_with(0);
        let summary = done.summary();
        assert_eq!((&summary["replayed"], &summary["left"]), (&json!(90), &json!(8910)), "{}", done.whole());
        assert_eq!(live.ids(&format!("{kind}-work")), numbered((0..MANY).filter(is_chosen)), "{kind}");
        // The rest goes back twice: the second time as it went back the first time, and one of a hundred fewer.
        let done = live
            .evbus(&["dlq", "purge", &dead, "--no-archive", "--where", ".body.json.n % 100 == 1"])
            .and(["--yes", "-o", "json"])
            .done()
            .ends_with(0);
        assert_eq!(done.summary()["removed"], 90, "{}", done.whole());
        let ids = live.ids(&dead);
        let stays = numbered((0..MANY).filter(|n| n % 100 > 1));
        let first = ids.iter().zip(&stays).position(|(id, expected)| id != expected);
        assert!(ids == stays, "{kind}: {} of {}, the first out of place is at {first:?}", ids.len(), stays.len());
    }
}

/// Takes so many messages and keeps all but the first, which is returned.
async fn keep(connection: &Connection, deliveries: &mut Deliveries, count: usize) -> Delivery {
    let first = deliveries.next().await.expect("a message");
    for _ in 1..count {
        let (kept, most) = deliveries.kept();
        if kept + 1 >= most {
            deliveries.renew(Some(connection), |_| 1000).await.expect("there is room for more");
        }
        let delivery = deliveries.next().await.expect("a message");
        deliveries.keep(delivery.receipt);
    }
    first
}

#[test]
fn what_goes_back_first_is_what_is_wanted_to() {
    let Some(live) = broker("lanes-return") else { return };
    let user = User::new(&live, "returns", "management", Some([".*", ".*", ".*"]));
    let broker = Broker::new(endpoint(&live, &user.name)).expect("no certificate is needed");
    for (queue, order, first) in [("first-first", Order::FirstFirst, "m0"), ("last-first", Order::LastFirst, "m20")] {
        live.queue(queue, &[]);
        live.fill(queue, 30);
        live.wait(async {
            let connection = broker.connect("a test").await.expect("it may connect");
            let mut deliveries = connection.consume(queue, 10).await.expect("a consumer");
            deliveries.return_in(order);
            for number in 0..30 {
                if number > 0 && number % 10 == 0 {
                    deliveries.renew(None, |_| 10).await.expect("another consumer");
                }
                let delivery = deliveries.next().await.expect("a message");
                deliveries.keep(delivery.receipt);
            }
            // Who waits gets what is back first, before the rest is.
            let mut waiting = connection.consume(queue, 1).await.expect("a consumer");
            assert_eq!(deliveries.end().await.expect("they go back"), 30);
            let got = waiting.next().await.expect("a message").message.properties.message_id;
            assert_eq!(got.as_deref(), Some(first), "{queue}");
            connection.close().await;
        });
    }
}

#[test]
fn who_may_open_few_channels_gets_along_with_one() {
    let Some(live) = broker("lanes-limited") else { return };
    let user = User::new(&live, "few-channels", "management", Some([".*", ".*", ".*"]));
    live.api(Method::PUT, &format!("user-limits/{}/max-channels", user.name), Some(json!({ "value": 2 })));
    live.queue("queue", &[]);
    live.fill("queue", MANY);
    let done = user.evbus(&["dlq", "purge", "queue", "--no-archive", "--where", ".body.json.n == 8000", "--yes"]);
    done.done().ends_with(0);
    assert_eq!(live.ids("queue"), numbered((0..MANY).filter(|n| *n != 8000)));
}

#[test]
fn an_acknowledgement_is_known_to_be_worked_off_on_whichever_channel_it_was_written() {
    let Some(live) = broker("lanes-settled") else { return };
    let user = User::new(&live, "lanes", "management", Some([".*", ".*", ".*"]));
    let (queue, other) = ("queue", "other");
    live.queue(queue, &[]);
    live.queue(other, &[]);
    live.fill(queue, MANY);
    live.fill(other, 1);
    let broker = Broker::new(endpoint(&live, &user.name)).expect("no certificate is needed");
    live.wait(async {
        let connection = broker.connect("a test").await.expect("it may connect");
        let mut deliveries = connection.consume(queue, 1000).await.expect("a consumer");
        let first = keep(&connection, &mut deliveries, MANY - 1).await;
        let last = deliveries.next().await.expect("a message");
        deliveries.acknowledge([first.receipt, last.receipt]).await.expect("it is written");
        deliveries.worked_off().await.expect("both are gone");
        // What the broker knows nothing of ends the channel that it is acknowledged on: the first one, which holds no first message now.
        let mut others = connection.consume(other, 1).await.expect("a consumer");
        let foreign = others.next().await.expect("a message");
        deliveries.acknowledge([foreign.receipt]).await.expect("it is written");
        let worked_off = deliveries.worked_off().await;
        // The broker's own words, unless it has closed the channel before it is asked.
        assert!(matches!(worked_off, Err(Error::Precondition { .. } | Error::TakenBack { .. })), "{worked_off:?}");
        deliveries.catch_up().await.expect("the last channel is another one");
        // What was held on the first one is in the queue, and comes again.
        let next = deliveries.next().await.map(|again| again.message.properties.message_id);
        assert!(matches!(next, Err(Error::TakenBack { .. })), "{next:?}");
        let ended = deliveries.end().await;
        assert!(matches!(ended, Err(Error::TakenBack { .. })), "{ended:?}");
        connection.close().await;
    });
    live.until("what was held is back", || live.ready(queue) as usize == MANY - 2);
    assert_eq!(live.ids(queue), numbered(1..MANY - 1));
}
