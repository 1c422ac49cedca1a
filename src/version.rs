//! Which series a broker is of: behaviour differs, and the differences decide what is safe.

use std::{fmt, str::FromStr};

/// A broker's version. What follows the third number (`-rc.1`, `+7`) is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
}

impl Version {
    /// A version by its numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Version {
        Version { major, minor, patch }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = String;

    /// Two numbers or three: `4.3` is `4.3.0`.
    fn from_str(text: &str) -> Result<Version, String> {
        let wrong = || format!("{text:?} is not a version like 4.0 or 3.10.8");
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numbers.split('.').map(str::parse::<u16>);
        let mut next = || parts.next().transpose().map_err(|_| wrong());
        let (major, minor, patch) = (next()?, next()?, next()?);
        match (major, minor, parts.next()) {
            (Some(major), Some(minor), None) => Ok(Version::new(major, minor, patch.unwrap_or(0))),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_compare_as_numbers() {
        let version = |text: &str| text.parse::<Version>();
        assert_eq!(version("3.10"), Ok(Version::new(3, 10, 0)));
        assert_eq!(version("4.3.0-rc.1"), Ok(Version::new(4, 3, 0)));
        assert!(version("3.9.29") < version("3.10.0"));
        assert!(version("4").is_err() && version("4.x").is_err() && version("1.2.3.4").is_err());
    }
}
