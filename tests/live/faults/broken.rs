//! Faults of the broker: it takes no messages for a time, or for longer than anybody waits, or it is killed.

use super::{COUNT, Course, KINDS, Truth, print};
use crate::support::{live::Live, own::own, run::Done};

/// A replay from each kind of queue, all of them met in the middle.
fn courses(live: &Live, scene: &str, more: &[&str]) -> Vec<Course> {
    let set_out = |kind: &&str| Course::set_out(live, scene, kind, &[]);
    let mut courses: Vec<Course> = KINDS.iter().map(set_out).collect();
    begin(live, &mut courses, more);
    courses
}

fn begin(live: &Live, courses: &mut [Course], more: &[&str]) {
    for course in courses {
        course.under_way(live, course.replay(live, more));
    }
}

fn ended(courses: &mut [Course]) -> Vec<Done> {
    courses.iter_mut().map(Course::ended).collect()
}

fn judge(live: &Live, courses: &[Course], all: &[Done], truth: Truth) -> Vec<String> {
    courses.iter().zip(all).map(|(course, done)| course.judge(live, done, truth)).collect()
}

#[test]
fn whatever_happens_to_the_broker_nothing_is_lost_and_what_is_said_is_true() {
    let Some(mut own) = own("faults-broker") else { return };
    let mut live = own.live("faults-broker");

    let mut waits = courses(&live, "memory alarm", &[]);
    own.raise_alarm();
    for course in &waits {
        course.wire.release();
    }
    own.end_alarm();
    let all = ended(&mut waits);
    let mut rows = judge(&live, &waits, &all, Truth { codes: &[0], ..Truth::default() });
    for done in &all {
        assert!(done.err().contains("takes no messages"), "{}", done.whole());
        assert_eq!(done.summary()["replayed"], COUNT, "{}", done.whole());
    }

    let mut gives_up = courses(&live, "disk alarm", &["--timeout", "8s"]);
    own.raise_disk_alarm();
    for course in &gives_up {
        course.wire.release();
    }
    let all = ended(&mut gives_up);
    own.end_disk_alarm();
    // On a loaded machine the broker's tool may take longer than evbus waits while nothing passes.
    rows.extend(judge(
        &live,
        &gives_up,
        &all,
        Truth { codes: &[3], errors: &["blocked", "", "timeout"], ..Truth::default() },
    ));

    let mut cut_off: Vec<Course> =
        KINDS.iter().map(|kind| Course::set_out(&live, "broker killed", kind, &[])).collect();
    // Broker fact (4.3.6): a quorum queue that was declared seconds before a crash can come back empty, whatever it confirmed. An
    // orderly restart writes the declaration down.
    own.restart();
    live.reconnect(&cut_off[1].dead);
    begin(&live, &mut cut_off, &[]);
    own.crash();
    own.start_again();
    for course in &cut_off {
        course.wire.release();
    }
    let all = ended(&mut cut_off);
    live.reconnect(&cut_off[1].dead);
    let killed = Truth { codes: &[3], errors: &["connection_lost"], forgets: true, ..Truth::default() };
    rows.extend(judge(&live, &cut_off, &all, killed));
    print(&rows);
}
