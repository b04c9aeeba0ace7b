//! How likely it is that some two keys are the same by accident, and at what number of keys:
//! the birthday problem.

/// Returns the chance that among some keys of so many bits two are the same, if no two are
/// made from the same text.
pub fn of_a_collision(keys: u64, bits: u32) -> f64 {
    let keys = keys as f64;
    let pairs = keys * (keys - 1.0).max(0.0) / 2.0;
    -(-pairs / 2_f64.powf(f64::from(bits))).exp_m1()
}

/// Returns the number of keys of so many bits from which on the chance of a collision is at
/// least this; `chance` is above 0 and below 1.
pub fn keys_for(chance: f64, bits: u32) -> u64 {
    let pairs = -(-chance).ln_1p() * 2_f64.powf(f64::from(bits));
    // The positive root of n (n - 1) / 2 = pairs.
    ((1.0 + (1.0 + 8.0 * pairs).sqrt()) / 2.0).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_grows_with_the_keys() {
        assert_eq!(of_a_collision(0, 32), 0.0);
        assert_eq!(of_a_collision(1, 32), 0.0);
        for (chance, bits, keys) in
            [(0.01, 32, 9_292), (0.5, 32, 77_164), (0.99, 32, 198_890), (0.01, 64, 608_926_881)]
        {
            let found = keys_for(chance, bits);
            assert!(found.abs_diff(keys) <= keys / 1_000, "{found} and not {keys}");
            assert!(of_a_collision(found, bits) >= chance - 1e-9);
            assert!(of_a_collision(found - 2, bits) < chance + 1e-9);
        }
    }

    #[test]
    fn the_documentation_gives_these_figures() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/registry.md");
        let page = std::fs::read_to_string(path).expect("the page is there");
        for (scheme, bits) in [("int32", 32), ("int64", 64)] {
            let [one, half] = [0.01, 0.5].map(|chance| rounded(keys_for(chance, bits)));
            let row = format!("| {scheme} | {one} | {half} |");
            assert!(page.contains(&row), "docs/registry.md does not say: {row}");
        }
    }

    /// Writes a number with two digits that count.
    fn rounded(number: u64) -> String {
        let zeros = number.ilog10() - 1;
        let unit = 10_u64.pow(zeros);
        let digits = ((number + unit / 2) / unit * unit).to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }
}
