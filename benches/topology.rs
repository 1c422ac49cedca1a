//! Making a topology of a thousand services against importing the same objects, in one run: `cargo bench --bench topology`.
//!
//! `evbus apply`, as a process of its own, declares each object over AMQP and looks at all of them before and after; the peer is the
//! broker's own `POST /api/definitions`, which gets what the first left, without policies, in another virtual host. Then a plan that
//! finds nothing to do. Machines are noisy: what counts is the ratio of the medians. Needs a broker to itself: `EVBUS_URL` and
//! `EVBUS_MANAGEMENT_URL` name it, and `evbus sandbox -- cargo bench --bench topology` brings one. `EVBUS_BENCH_SERVICES` and
//! `EVBUS_BENCH_ROUNDS` change the size. The target: no slower than the import, with classic queues and with quorum queues. With
//! `EVBUS_BENCH_REQUIRE=1` it fails where the target is missed, with `0.8` where less than 0.8 of it is reached.

#![allow(clippy::disallowed_methods, reason = "the environment says which broker")]
#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

#[path = "support/figures.rs"]
mod figures;

use std::{
    fmt::Write,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use figures::{Failure, median, setting};
use reqwest::Method;
use serde_json::{Value, json};

/// A management API and who asks it.
struct Api {
    http: reqwest::Client,
    url: String,
}

/// Where evbus makes the topology, and where the import does.
const OURS: &str = "evbus-bench-ours";
const THEIRS: &str = "evbus-bench-theirs";

impl Api {
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request =
            self.http.request(method, format!("{}/api/{path}", self.url)).basic_auth("guest", Some("guest"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let text = request.send().await?.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    async fn fresh(&self, vhost: &str) -> Result<(), Failure> {
        self.call(Method::PUT, &format!("vhosts/{vhost}"), Some(&json!({}))).await?;
        let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        self.call(Method::PUT, &format!("permissions/{vhost}/guest"), Some(&all)).await?;
        Ok(())
    }
}

/// A service for each event, with a dead letter queue and a ladder of one rung: six objects each.
fn topology(services: usize, kind: &str) -> Result<String, Failure> {
    let mut text = format!("evbus: 1\ndefaults: {{ queue: {{ type: {kind} }}, retry: {{ delays: [1s] }} }}\nevents:\n");
    for number in 0..services {
        writeln!(text, "  E{number}: {{ routing_key: e.{number} }}")?;
    }
    text.push_str("services:\n");
    for number in 0..services {
        writeln!(text, "  s{number:05}: {{ subscribes: [E{number}] }}")?;
    }
    Ok(text)
}

/// One command of evbus on that file; says how long it took.
fn evbus(file: &Path, arguments: &[&str]) -> Result<f64, Failure> {
    let began = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_evbus"))
        .args(arguments)
        .arg(file)
        .args(["--vhost", OURS, "-q", "--timeout", "5m"])
        .stdout(Stdio::null())
        .status()?;
    if done.success() { Ok(began.elapsed().as_secs_f64()) } else { Err(format!("evbus ended with {done}").into()) }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let required = figures::required()?;
    let (services, rounds) = (setting("EVBUS_BENCH_SERVICES", 1000), setting("EVBUS_BENCH_ROUNDS", 3));
    let url = std::env::var("EVBUS_MANAGEMENT_URL").map_err(|_| "EVBUS_MANAGEMENT_URL names no API")?;
    let api = Api { http: figures::http()?, url };
    let overview = api.call(Method::GET, "overview", None).await?;
    println!("{services} services, RabbitMQ {}, medians of {rounds}", overview["rabbitmq_version"]);
    let folder = std::env::temp_dir().join(format!("evbus-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("evbus.yaml");
    let mut reached = f64::INFINITY;
    for kind in ["classic", "quorum"] {
        std::fs::write(&file, topology(services, kind)?)?;
        let (mut ours, mut theirs, mut plans, mut objects) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            api.fresh(OURS).await?;
            api.fresh(THEIRS).await?;
            ours.push(evbus(&file, &["apply", "--yes"])?);
            plans.push(evbus(&file, &["plan", "--exit-code"])?);
            let made = api.call(Method::GET, &format!("definitions/{OURS}"), None).await?;
            let parts = ["exchanges", "queues", "bindings"];
            objects = parts.iter().filter_map(|part| made[part].as_array()).map(Vec::len).sum();
            let wanted: Value = parts.iter().map(|part| ((*part).to_owned(), made[part].clone())).collect();
            let began = Instant::now();
            api.call(Method::POST, &format!("definitions/{THEIRS}"), Some(&wanted)).await?;
            theirs.push(began.elapsed().as_secs_f64());
            for vhost in [OURS, THEIRS] {
                api.call(Method::DELETE, &format!("vhosts/{vhost}"), None).await?;
            }
        }
        let (ours, theirs, plan) = (median(ours), median(theirs), median(plans));
        println!(
            "{kind:<8} {objects} objects   apply {ours:.2} s   import {theirs:.2} s   apply takes {:.2} of its time   plan {plan:.2} s",
            ours / theirs
        );
        reached = reached.min(theirs / ours);
    }
    std::fs::remove_dir_all(&folder)?;
    figures::judge(reached, required, "no slower than the import of the same objects")
}
