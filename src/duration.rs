//! Lengths of time as people write them: `500ms`, `10s`, `2m`, `1h30m`, `14d`.

use std::time::Duration;

/// Reads a length of time. A bare number is refused: nobody can tell its unit.
///
/// # Errors
/// What was expected, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a length of time; write 500ms, 10s, 2m, 1h30m or 14d");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let millis: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(wrong()),
        };
        rest = rest[letters..].trim_start();
        let part = number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
    }
    Ok(total)
}

/// A length of time as short as it can be said: `90s` is `1m30s`, a quarter of a second `250ms`. What is finer is left away.
#[must_use]
pub fn words(time: Duration) -> String {
    let mut rest = time.as_millis();
    let mut words = String::new();
    for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        let count = rest / millis;
        rest %= millis;
        if count > 0 {
            words.push_str(&count.to_string());
            words.push_str(unit);
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words }
}

/// Reads how many of something per time: `50/s`, `1000/m`, or a bare number per second. Answers the time between two.
///
/// # Errors
/// What was expected, in words.
pub fn rate(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a rate; write 50/s, 1000/m or 20");
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    if !number.is_finite() || number <= 0.0 {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(seconds / number).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_a_unit() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("14d"), Ok(Duration::from_secs(14 * 86400)));
        for wrong in ["", "60", "s", "-5m", "5x", "1.5h", "99999999999999999999s", "99999999999999999w"] {
            assert!(duration(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn words_are_read_back_as_the_time_they_say() {
        for (millis, text) in [(250, "250ms"), (90_000, "1m30s"), (14 * 86_400_000, "14d"), (3_600_001, "1h1ms")] {
            assert_eq!(words(Duration::from_millis(millis)), text);
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)));
        }
        assert_eq!(words(Duration::ZERO), "0s");
    }

    #[test]
    fn a_rate_is_a_time_between_two() {
        assert_eq!(rate("50/s"), Ok(Duration::from_millis(20)));
        assert_eq!(rate("60/m"), Ok(Duration::from_secs(1)));
        assert_eq!(rate("4"), Ok(Duration::from_millis(250)));
        for wrong in ["0", "-1/s", "x", "5/y", "nan", ""] {
            assert!(rate(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
