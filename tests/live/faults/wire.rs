//! Faults of the wire, of the queues and of the operator: the broker itself is well.

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{COUNT, Course, KINDS, Truth, print};
use crate::support::live::{Live, broker};

/// It was cut off: partly done, and told so.
const CUT_OFF: Truth =
    Truth { codes: &[3], errors: &["connection_lost"], target_is_gone: false, source_is_gone: false, forgets: false };

#[test]
fn whatever_happens_to_the_wire_nothing_is_lost_and_what_is_said_is_true() {
    let Some(live) = broker("faults-wire") else { return };
    let mut rows = Vec::new();
    for kind in KINDS {
        let mut course = Course::set_out(&live, "connections cut", kind, &[]);
        course.under_way(&live, course.replay(&live, &[]));
        course.wire.cut();
        let done = course.ended();
        rows.push(course.judge(&live, &done, CUT_OFF));

        let mut course = Course::set_out(&live, "terminal closed", kind, &[]);
        course.under_way(&live, course.replay(&live, &[]));
        let pid = i32::try_from(course.process()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::HUP).expect("it gets the signal");
        course.wire.release();
        let done = course.ended();
        rows.push(course.judge(&live, &done, Truth { codes: &[130], errors: &[], ..CUT_OFF }));
    }
    // Nothing answers any more, and nobody says so: both at the same time, since that takes long.
    let mut silent: Vec<Course> = KINDS.iter().map(|kind| Course::set_out(&live, "black hole", kind, &[])).collect();
    for course in &mut silent {
        course.under_way(&live, course.replay(&live, &["--timeout", "4s"]));
        course.wire.swallow();
    }
    for mut course in silent {
        let done = course.ended();
        rows.push(course.judge(&live, &done, Truth { errors: &["timeout", "connection_lost"], ..CUT_OFF }));
    }
    print(&rows);
}

#[test]
fn whatever_happens_to_the_queues_nothing_is_lost_and_what_is_said_is_true() {
    let Some(live) = broker("faults-queues") else { return };
    let mut rows = Vec::new();
    for kind in KINDS {
        let mut course = Course::set_out(&live, "target deleted", kind, &[]);
        // Quorum queues of 3.10 never confirm what they were about to take when they were deleted.
        course.under_way(&live, course.replay(&live, &["--timeout", "5s"]));
        let arrived = live.wait(
            live.channel.queue_delete(course.work.as_str().into(), lapin::options::QueueDeleteOptions::default()),
        );
        course.wire.release();
        let done = course.ended();
        let truth = Truth { errors: &["", "timeout"], target_is_gone: true, ..CUT_OFF };
        rows.push(course.judge(&live, &done, truth));
        let (arrived, replayed) = (arrived.expect("it goes"), done.summary()["replayed"].as_u64());
        assert!(replayed.is_some_and(|replayed| replayed <= arrived.into()), "{arrived} arrived: {}", done.summary());

        let mut course = Course::set_out(&live, "dead letters deleted", kind, &[]);
        course.under_way(&live, course.replay(&live, &[]));
        live.delete(&course.dead);
        course.wire.release();
        let done = course.ended();
        let truth = Truth { errors: &["queue_gone"], source_is_gone: true, ..CUT_OFF };
        rows.push(course.judge(&live, &done, truth));

        let bound = [("x-max-length", json!(COUNT / 4)), ("x-overflow", json!("reject-publish"))];
        let course = Course::set_out(&live, "target full", kind, &bound);
        let done = course.replay(&live, &[]).done();
        rows.push(course.judge(&live, &done, Truth { errors: &[], ..CUT_OFF }));
        assert!(done.summary()["refused"].as_u64().is_some_and(|refused| refused > 0), "{}", done.summary());
    }
    print(&rows);
}

#[test]
fn a_target_that_drops_its_oldest_messages_is_told_of_before_anything_moves() {
    let Some(live) = broker("faults-drop-head") else { return };
    for kind in KINDS {
        let course = Course::set_out(&live, "target drops", kind, &[("x-max-length", json!(COUNT / 4))]);
        let done = course.replay(&live, &["--limit", "10"]).done().ends_with(0);
        let warning = format!("{} drops its oldest messages when it is full", course.work);
        assert!(done.err().contains(&warning), "{}", done.whole());
    }
}

/// A user of that virtual host who may do everything there.
fn user(live: &Live) -> String {
    let name = format!("{}-user", live.vhost);
    live.api(Method::PUT, &format!("users/{name}"), Some(json!({ "password": "p", "tags": "management" })));
    let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    live.api(Method::PUT, &format!("permissions/{}/{name}", live.vhost), Some(all));
    name
}

#[test]
fn whatever_happens_to_the_user_nothing_is_lost_and_what_is_said_is_true() {
    let Some(live) = broker("faults-user") else { return };
    let mut rows = Vec::new();
    for kind in KINDS {
        for (scene, is_deleted) in [("permissions revoked", false), ("user deleted", true)] {
            let name = user(&live);
            let mut course = Course::set_out(&live, scene, kind, &[]);
            let url = course.wire.url(&live).replace("guest:guest", &format!("{name}:p"));
            course.under_way(&live, course.replay(&live, &[]).env("EVBUS_URL", url));
            let path = if is_deleted { format!("users/{name}") } else { format!("permissions/{}/{name}", live.vhost) };
            live.api(Method::DELETE, &path, None);
            course.wire.release();
            let done = course.ended();
            // What a running channel may do, it goes on doing; what is asked anew is refused.
            let revoked = Truth { codes: &[0, 3], errors: &["", "no_permission", "vhost_forbidden"], ..CUT_OFF };
            rows.push(course.judge(&live, &done, if is_deleted { CUT_OFF } else { revoked }));
            live.api(Method::DELETE, &format!("users/{name}"), None);
        }
    }
    print(&rows);
}
