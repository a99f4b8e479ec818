//! Rules of trial and shadow on the command line: `inferences=100,seconds=60`.

use dunlin_protocol::message::{Shadow, Trial};

/// Twenty inferences and ten seconds without an error; one reset is forgiven.
pub const DEFAULT_TRIAL: &str =
    "inferences=20,seconds=10,deadline=0,errors=0,latency=0,over-budget=0,resets=1";

/// Reads the rules of a trial; what is not said is as in [`DEFAULT_TRIAL`].
pub fn parse_trial(text: &str) -> Result<Trial, String> {
    let mut trial =
        Trial { inferences: 20, seconds: 10, deadline: 0, errors: 0, latency: 0, over_budget: 0, resets: 1 };
    for rule in text.split(',') {
        let (name, value) = split(rule)?;
        match name {
            "inferences" => trial.inferences = value,
            "seconds" => trial.seconds = value,
            "deadline" => trial.deadline = value,
            "errors" => trial.errors = value,
            "latency" => trial.latency = value,
            "over-budget" => trial.over_budget = per_mille(value)?,
            "resets" => trial.resets = value,
            _ => {
                return Err(format!(
                    "`{name}` is no rule: there are inferences, seconds, deadline, errors, latency, over-budget, resets"
                ));
            }
        }
    }
    if trial.deadline > 0 && trial.deadline < trial.seconds {
        return Err(format!(
            "the deadline of {} s is over before the {} s of the trial are",
            trial.deadline, trial.seconds
        ));
    }
    Ok(trial)
}

/// Reads the rules of a comparison in shadow.
pub fn parse_shadow(text: &str) -> Result<Shadow, String> {
    let mut shadow = Shadow { samples: 100, agreement: 950 };
    for rule in text.split(',') {
        let (name, value) = split(rule)?;
        match name {
            "samples" => shadow.samples = value,
            "agreement" => shadow.agreement = per_mille(value)?,
            _ => return Err(format!("`{name}` is no rule: there are samples and agreement")),
        }
    }
    Ok(shadow)
}

fn split(rule: &str) -> Result<(&str, u32), String> {
    let (name, value) =
        rule.split_once('=').ok_or_else(|| format!("`{rule}` is not of the form name=number"))?;
    let number = value.parse().map_err(|_| format!("`{value}` is no number from 0 to {}", u32::MAX))?;
    Ok((name.trim(), number))
}

fn per_mille(value: u32) -> Result<u16, String> {
    u16::try_from(value)
        .ok()
        .filter(|&value| value <= 1000)
        .ok_or_else(|| format!("{value} per mille is more than all"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_it_says() {
        assert_eq!(parse_trial(DEFAULT_TRIAL), parse_trial("resets=1"));
    }

    #[test]
    fn rules_are_read_and_others_are_named() {
        let trial = parse_trial("inferences=5, latency=900,over-budget=10").unwrap();
        assert_eq!((trial.inferences, trial.latency, trial.over_budget, trial.seconds), (5, 900, 10, 10));
        assert_eq!(parse_shadow("samples=7"), Ok(Shadow { samples: 7, agreement: 950 }));
        for (text, word) in [
            ("speed=3", "speed"),
            ("seconds", "name=number"),
            ("seconds=-1", "-1"),
            ("over-budget=1001", "1001"),
            ("seconds=60,deadline=30", "deadline"),
        ] {
            assert!(parse_trial(text).unwrap_err().contains(word), "{text}");
        }
        assert!(parse_shadow("agreement=2000").unwrap_err().contains("2000"));
    }
}
