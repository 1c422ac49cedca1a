//! The wall clock of evbus alone jumps in the middle of a replay: a library that is loaded before the system's own tells it the time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Course, KINDS, Truth, print};
use crate::support::live::broker;

/// A day, in seconds.
const DAY: i64 = 86_400;

/// Builds the clock that can be set; whoever has built this test has a C compiler, for it links with that.
fn clock() -> PathBuf {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}.so", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/faults/clock.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(built.is_ok_and(|status| status.success()), "cc builds the clock");
    library
}

#[test]
fn when_the_clock_jumps_nothing_is_lost_and_what_is_said_is_true() {
    let Some(live) = broker("faults-clock") else { return };
    let (library, folder) = (clock(), tempfile::tempdir().expect("a folder"));
    let mut rows = Vec::new();
    for kind in KINDS {
        for (scene, off) in [("clock a day ahead", DAY), ("clock a day back", -DAY)] {
            let set = folder.path().join(format!("{kind}{off}"));
            let mut course = Course::set_out(&live, scene, kind, &[]);
            // At a pace, so that it waits for the time to come as well.
            let run = course.replay(&live, &["--rate", "4000"]);
            course.under_way(&live, run.env("LD_PRELOAD", &library).env("EVBUS_TEST_CLOCK", &set));
            fs::write(&set, off.to_string()).expect("the clock is set");
            course.wire.release();
            let done = course.ended();
            rows.push(course.judge(&live, &done, Truth { codes: &[0], ..Truth::default() }));
            let summary = done.summary();
            let time = |name: &str| summary[name].as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok());
            let seconds = time("ended_at").zip(time("started_at")).map(|(end, start)| (end - start).get_seconds());
            assert!(seconds.is_some_and(|seconds| (seconds - off).abs() < 600), "the clock has jumped: {summary}");
        }
    }
    print(&rows);
    fs::remove_file(library).expect("it is there");
}
