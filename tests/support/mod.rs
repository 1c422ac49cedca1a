//! What the tests share: running the program, a real broker, waiting without sleeping blindly.
//!
//! Tests know nothing of their surroundings: the program runs with an empty environment but for what the test gives it.
//! Whole outputs are compared with files under `snapshots`; `BLESS=1` renews them.
//!
//! A broker is taken from `EVBUS_TEST_URL` and `EVBUS_TEST_MANAGEMENT_URL`, else one sandbox is started for the whole
//! process (`EVBUS_RABBITMQ_SERVER` names its program). Without RabbitMQ live tests say that they are skipped, and with
//! `EVBUS_REQUIRE_BROKER=1` they fail. Each test has a virtual host of its own.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod cluster;
pub mod live;
pub mod own;
pub mod proxy;
pub mod pty;
pub mod run;
pub mod shop;
pub mod snapshot;

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Asks again and again until the answer is yes; fails loudly after the time.
///
/// # Panics
/// When the answer was never yes.
pub async fn until<F: Future<Output = bool>>(what: &str, patience: Duration, mut ask: impl FnMut() -> F) {
    let deadline = Instant::now() + patience;
    while !ask().await {
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
