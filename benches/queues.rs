//! Listing and planning 10,000 queues against the plain call that others make, in one run: `cargo bench --bench queues`.
//!
//! `evbus queues`, as a process of its own with depths of now, `evbus plan` of a file with all of these queues, which finds nothing to do,
//! and `GET /api/queues` as it is, whose depths are seconds old.
//! The broker keeps its answers to the plain call for five times as long as they took to make, so the rounds wait for longer
//! than that. Machines are noisy: what counts is the ratio of the medians. Needs a broker to itself: `EVBUS_URL` and
//! `EVBUS_MANAGEMENT_URL` name it, and `evbus sandbox -- cargo bench --bench queues` brings one. `EVBUS_BENCH_QUEUES` and
//! `EVBUS_BENCH_ROUNDS` change the size. The target: the list in at most a third of the plain call's time up to 3.13, in at most half
//! of it from 4.0 on, and the plan in no more than that call's. With `EVBUS_BENCH_REQUIRE=1` it fails where the target is missed, with `0.8` where less than 0.8 of it is reached.

#![allow(clippy::disallowed_methods, reason = "the environment says which broker")]
#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

#[path = "support/figures.rs"]
mod figures;

use std::{
    fmt::Write,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use figures::{Failure, median, setting};
use reqwest::Method;
use serde_json::{Value, json};

/// A management API and who asks it.
struct Api {
    http: reqwest::Client,
    url: String,
}

impl Api {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Vec<u8>, Failure> {
        let mut request =
            self.http.request(method, format!("{}/api/{path}", self.url)).basic_auth("guest", Some("guest"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        Ok(request.send().await?.error_for_status()?.bytes().await?.into())
    }

    async fn import(&self, queues: usize) -> Result<(), Failure> {
        let queue = |number: usize| json!({ "name": format!("service-{number:05}"), "durable": true, "auto_delete": false, "arguments": { "x-queue-type": "classic" } });
        let all: Vec<Value> = (0..queues).map(queue).collect();
        let definitions = json!({ "queues": all, "exchanges": [], "bindings": [] });
        self.call(Method::POST, &format!("definitions/{VHOST}"), Some(definitions)).await?;
        Ok(())
    }

    /// The plain call, read to its end.
    async fn list(&self) -> Result<Duration, Failure> {
        let began = Instant::now();
        self.call(Method::GET, "queues", None).await?;
        Ok(began.elapsed())
    }
}

const VHOST: &str = "evbus-bench";

/// `evbus queues` as a process of its own; the list must be whole.
fn evbus(queues: usize) -> Result<Duration, Failure> {
    let began = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_evbus"))
        .args(["queues", "--vhost", VHOST])
        .stderr(Stdio::inherit())
        .output()?;
    let took = began.elapsed();
    let listed = done.stdout.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"service-")).count();
    if !done.status.success() || listed != queues {
        return Err(format!("evbus ended with {}, {listed} of {queues} queues listed", done.status).into());
    }
    Ok(took)
}

/// `evbus plan` as a process of its own; it must find everything as wanted.
fn plan(file: &Path) -> Result<Duration, Failure> {
    let began = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_evbus"))
        .args(["plan", "--exit-code", "--vhost", VHOST, "-q"])
        .arg(file)
        .stdout(Stdio::null())
        .status()?;
    if done.success() { Ok(began.elapsed()) } else { Err(format!("evbus ended with {done}").into()) }
}

/// A file with all of the queues.
fn topology(queues: usize) -> Result<String, Failure> {
    let mut text = "evbus: 1\nname: bench\nqueues:\n".to_owned();
    for number in 0..queues {
        writeln!(text, "  service-{number:05}: {{ type: classic }}")?;
    }
    Ok(text)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let required = figures::required()?;
    let (queues, rounds) = (setting("EVBUS_BENCH_QUEUES", 10_000), setting("EVBUS_BENCH_ROUNDS", 5));
    let url = std::env::var("EVBUS_MANAGEMENT_URL").map_err(|_| "EVBUS_MANAGEMENT_URL names no API")?;
    let api = Api { http: figures::http()?, url };
    let overview: Value = serde_json::from_slice(&api.call(Method::GET, "overview", None).await?)?;
    let version = overview["rabbitmq_version"].as_str().unwrap_or_default().to_owned();
    api.call(Method::PUT, &format!("vhosts/{VHOST}"), Some(json!({}))).await?;
    let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    api.call(Method::PUT, &format!("permissions/{VHOST}/guest"), Some(all)).await?;
    api.import(queues).await?;
    println!("{queues} queues, RabbitMQ {version}, medians of {rounds}");
    let folder = std::env::temp_dir().join(format!("evbus-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("evbus.yaml");
    std::fs::write(&file, topology(queues)?)?;
    // One of each that does not count.
    evbus(queues)?;
    plan(&file)?;
    let mut wait = api.list().await?;
    let (mut ours, mut plans, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        tokio::time::sleep(wait * 6).await;
        ours.push(evbus(queues)?.as_secs_f64());
        plans.push(plan(&file)?.as_secs_f64());
        wait = api.list().await?;
        theirs.push(wait.as_secs_f64());
    }
    api.call(Method::DELETE, &format!("vhosts/{VHOST}"), None).await?;
    std::fs::remove_dir_all(&folder)?;
    let (ours, plan, theirs) = (median(ours), median(plans), median(theirs));
    println!(
        "evbus queues {ours:.2} s   evbus plan {plan:.2} s   GET /api/queues {theirs:.2} s   they take {:.2} and {:.2} of its time",
        ours / theirs,
        plan / theirs
    );
    let allowed = if version.starts_with("3.") { 1.0 / 3.0 } else { 0.5 };
    figures::judge(theirs / plan, required, "a plan takes no longer than the plain call")?;
    figures::judge(allowed * theirs / ours, required, &format!("at most {allowed:.2} of the plain call's time"))
}
