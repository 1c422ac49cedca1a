//! The word somebody meant.

/// The candidate nearest to a word that is not known, if one is near enough to suggest.
pub fn among<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::among;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let names = ["customer-service.dlq", "inventory-service.dlq"];
        assert_eq!(among("custmer-service.dlq", names), Some("customer-service.dlq"));
        assert_eq!(among("x", names), None);
    }
}
