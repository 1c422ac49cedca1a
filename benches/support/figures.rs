//! What the benchmarks share: medians, sizes from the environment, and targets that can be required.

/// Whatever ends a benchmark early.
pub type Failure = Box<dyn std::error::Error>;

/// The middle one.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A number from the environment.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Says whether a target was met, and fails where it was not and `EVBUS_BENCH_REQUIRE` is set.
///
/// # Errors
/// The target that was missed.
pub fn require(met: bool, target: &str) -> Result<(), Failure> {
    println!("{} {target}", if met { "met:" } else { "MISSED:" });
    if met || std::env::var_os("EVBUS_BENCH_REQUIRE").is_none() {
        Ok(())
    } else {
        Err(format!("missed: {target}").into())
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
