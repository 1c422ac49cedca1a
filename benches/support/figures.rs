//! What the benchmarks share: medians, sizes from the environment, and targets that can be required.

/// Whatever ends a benchmark early.
pub type Failure = Box<dyn std::error::Error>;

/// The middle one.
#[allow(dead_code, reason = "each benchmark uses a part of it")]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A number from the environment.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How much of its target a benchmark must reach, from `EVBUS_BENCH_REQUIRE`: 1 is all of it, 0.8 allows for a noisy machine.
/// Absent, nothing is required.
///
/// # Errors
/// What is no such share.
pub fn required() -> Result<Option<f64>, Failure> {
    let Some(text) = std::env::var_os("EVBUS_BENCH_REQUIRE") else { return Ok(None) };
    let share = text.to_str().and_then(|text| text.parse().ok()).filter(|share| *share > 0.0 && *share <= 1.0);
    share.map(Some).ok_or_else(|| {
        format!("EVBUS_BENCH_REQUIRE is {}: a share of the target is wanted, up to 1, as in 0.8", text.display()).into()
    })
}

/// Says how much of a target was reached, where 1 is just all of it, and fails where more of it is required.
///
/// # Errors
/// The target that was missed.
pub fn judge(reached: f64, required: Option<f64>, target: &str) -> Result<(), Failure> {
    let verdict = if reached >= 1.0 { "met" } else { "MISSED" };
    println!("{verdict}, {reached:.2} of the target: {target}");
    match required {
        Some(share) if reached < share => {
            Err(format!("{reached:.2} of the target, and {share} is required: {target}").into())
        }
        _ => Ok(()),
    }
}

/// A client of the management API, in clear; figures of the API itself are not to be those of a compressor.
///
/// # Errors
/// When there can be none.
pub fn http() -> Result<reqwest::Client, Failure> {
    // A second call finds the provider there: that is as good.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().no_gzip().build()?)
}
