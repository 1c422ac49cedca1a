//! The node that leads the dead letter queue is killed in the middle of a replay.

use reqwest::Method;
use serde_json::json;

use super::{Course, Truth, print};
use crate::support::cluster::{cluster, has_running};

#[test]
fn when_the_leader_is_killed_nothing_is_lost_and_what_is_said_is_true() {
    let Some(mut cluster) = cluster("faults-leader") else { return };
    let live = cluster.live("faults-leader");
    // Which node leads is the broker's choice: of several queues one is led by another than the one that evbus talks to.
    let led_elsewhere = |name: &str| {
        live.queue(name, &[("x-queue-type", json!("quorum")), ("x-queue-leader-locator", json!("balanced"))]);
        let leader = || live.api(Method::GET, &format!("queues/{}/{name}", live.vhost), None)["leader"].clone();
        live.until("it is led", || leader().is_string());
        let leader = leader();
        (1..3).find(|node| leader == format!("n{node}@localhost"))
    };
    let found = (0..9).find_map(|number| {
        let name = format!("dead{number}");
        led_elsewhere(&name).map(|node| (name, node))
    });
    let (dead, node) = found.expect("leaders are spread over the nodes");
    live.queue("work", &[("x-queue-type", json!("quorum"))]);
    let mut course = Course::from(&live, "leader killed | quorum", &dead, "work");
    course.under_way(&live, course.replay(&live, &[]));
    cluster.crash(node);
    course.wire.release();
    let done = course.ended();
    has_running(&live, 2);
    // With a new leader it goes on; where the broker does not let it, it says so.
    let truth = Truth { codes: &[0, 3], errors: &["", "unread", "timeout", "queue_gone"], ..Truth::default() };
    print(&[course.judge(&live, &done, truth)]);
}
