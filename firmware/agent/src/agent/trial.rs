//! The rules of a trial.

use dunlin_protocol::message::{Rollback, Trial as Rules, UpdateState};
use dunlin_store::TrialProgress;

/// A model on trial.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    rules: Rules,
    /// Before this boot.
    before: TrialProgress,
    /// In this boot and before.
    progress: TrialProgress,
    /// When it began, or went on, in this boot.
    since: u64,
    resets: u32,
}

/// How a trial ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Confirm,
    Return(Rollback),
}

impl Trial {
    pub(super) fn new(rules: Rules, progress: TrialProgress, resets: u32, now: u64) -> Trial {
        Trial { rules, before: progress, progress, since: now, resets }
    }

    /// Counts an inference, of this latency in µs if it succeeded.
    pub(super) fn count(&mut self, latency: Option<u32>) {
        let progress = &mut self.progress;
        match latency {
            None => progress.errors = progress.errors.saturating_add(1),
            Some(latency) => {
                progress.inferences = progress.inferences.saturating_add(1);
                if self.rules.latency != 0 && latency > self.rules.latency {
                    progress.over_budget = progress.over_budget.saturating_add(1);
                }
            }
        }
    }

    /// How far it is.
    pub(super) fn progress(&self, now: u64) -> TrialProgress {
        TrialProgress { seconds: self.seconds(now), ..self.progress }
    }

    pub(super) fn state(&self, now: u64) -> UpdateState {
        let TrialProgress { inferences, errors, over_budget, seconds } = self.progress(now);
        UpdateState::Trial { inferences, errors, over_budget, resets: self.resets, seconds }
    }

    /// Whether it ends now.
    pub(super) fn verdict(&self, now: u64) -> Option<Verdict> {
        let Rules { inferences: needed, seconds, deadline, errors: limit, over_budget: per_mille, .. } =
            self.rules;
        let TrialProgress { inferences, errors, over_budget, seconds: passed } = self.progress(now);
        if errors > limit {
            return Some(Verdict::Return(Rollback::Errors { found: errors, limit }));
        }
        // Also before all inferences are made, once the others could not make up for it.
        let basis = u64::from(inferences.max(needed));
        if u64::from(over_budget) * 1000 > basis * u64::from(per_mille) {
            return Some(Verdict::Return(Rollback::Latency { over_budget, inferences, limit: per_mille }));
        }
        if inferences >= needed && passed >= seconds {
            return Some(Verdict::Confirm);
        }
        (deadline != 0 && passed >= deadline)
            .then_some(Verdict::Return(Rollback::Deadline { inferences, needed }))
    }

    /// When time alone may end it.
    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
        let passed = self.seconds(now);
        let enough = (self.progress.inferences >= self.rules.inferences).then_some(self.rules.seconds);
        let late = (self.rules.deadline != 0).then_some(self.rules.deadline);
        let second = [enough, late].into_iter().flatten().min()?;
        let left = second.saturating_sub(self.before.seconds);
        if passed >= second {
            return Some(now);
        }
        Some(self.since.saturating_add(u64::from(left) * 1000))
    }

    fn seconds(&self, now: u64) -> u32 {
        let seconds = u32::try_from(now.saturating_sub(self.since) / 1000).unwrap_or(u32::MAX);
        self.before.seconds.saturating_add(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        inferences: 100,
        seconds: 60,
        deadline: 600,
        errors: 2,
        latency: 1_000,
        over_budget: 50,
        resets: 1,
    };

    fn trial() -> Trial {
        Trial::new(RULES, TrialProgress::default(), 0, 5_000)
    }

    #[test]
    fn inferences_and_seconds_must_both_be_reached() {
        let mut trial = trial();
        assert_eq!(trial.verdict(64_000 + 5_000), None);
        for _ in 0..100 {
            assert_eq!(trial.verdict(64_999), None);
            trial.count(Some(1_000));
        }
        assert_eq!(trial.verdict(64_999), None);
        assert_eq!(trial.deadline(64_999), Some(65_000));
        assert_eq!(trial.verdict(65_000), Some(Verdict::Confirm));
    }

    #[test]
    fn each_rule_returns_to_the_previous_model_one_step_above_its_limit() {
        let mut errors = trial();
        errors.count(None);
        errors.count(None);
        assert_eq!(errors.verdict(6_000), None);
        errors.count(None);
        let reason = Rollback::Errors { found: 3, limit: 2 };
        assert_eq!(errors.verdict(6_000), Some(Verdict::Return(reason)));

        let mut slow = trial();
        for _ in 0..5 {
            slow.count(Some(1_001));
        }
        assert_eq!(slow.verdict(6_000), None, "the 95 others may be fast");
        slow.count(Some(1_001));
        let reason = Rollback::Latency { over_budget: 6, inferences: 6, limit: 50 };
        assert_eq!(slow.verdict(6_000), Some(Verdict::Return(reason)));

        let late = trial();
        assert_eq!(late.verdict(604_999), None);
        assert_eq!(late.deadline(10_000), Some(605_000));
        let reason = Rollback::Deadline { inferences: 0, needed: 100 };
        assert_eq!(late.verdict(605_000), Some(Verdict::Return(reason)));
    }

    #[test]
    fn a_trial_goes_on_where_it_was_kept() {
        let before = TrialProgress { inferences: 99, errors: 2, over_budget: 0, seconds: 59 };
        let mut trial = Trial::new(RULES, before, 1, 0);
        trial.count(Some(1));
        assert_eq!(trial.verdict(999), None);
        assert_eq!(trial.verdict(1_000), Some(Verdict::Confirm));
        trial.count(None);
        assert!(matches!(trial.verdict(1_000), Some(Verdict::Return(Rollback::Errors { .. }))));
    }
}
