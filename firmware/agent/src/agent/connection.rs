//! When to connect, and what stands in between.

use crate::random::Random;

/// A connection that lasted so long counts as a success, in milliseconds.
const LASTING: u64 = 60_000;
/// Longest time drawn from before the first attempt, in milliseconds; it doubles with each failure,
const FIRST: u32 = 1_000;
/// up to this.
const LONGEST: u32 = 300_000;
/// A platform that has not answered for so long is asked anew, in milliseconds.
const UNANSWERED: u64 = 120_000;

/// The connection to the broker.
pub(super) struct Connection {
    link: Link,
    /// Connections of this boot.
    number: u32,
    /// Failures since the last connection that lasted.
    failures: u32,
    random: Random,
}

#[derive(Clone, Copy)]
enum Link {
    Waiting { until: u64 },
    Connecting { since: u64 },
    Up { since: u64, subscribed: bool },
}

impl Connection {
    pub(super) fn new(seed: u64, now: u64) -> Connection {
        let mut random = Random::new(seed);
        let until = now.saturating_add(random.up_to(FIRST).into());
        Connection { link: Link::Waiting { until }, number: 0, failures: 0, random }
    }

    /// Connections of this boot, this one included.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Whether messages can be published.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.link, Link::Up { subscribed: true, .. })
    }

    pub(super) fn wants_subscription(&self) -> bool {
        matches!(self.link, Link::Up { subscribed: false, .. })
    }

    pub(super) fn subscribed(&mut self) {
        if let Link::Up { subscribed, .. } = &mut self.link {
            *subscribed = true;
        }
    }

    /// Whether to connect now; it counts as begun then.
    pub(super) fn begin(&mut self, now: u64) -> bool {
        match self.link {
            Link::Connecting { since } if now >= since.saturating_add(UNANSWERED) => self.disconnected(now),
            _ => {}
        }
        match self.link {
            Link::Waiting { until } if now >= until => {
                self.number = self.number.saturating_add(1);
                self.link = Link::Connecting { since: now };
                true
            }
            _ => false,
        }
    }

    pub(super) fn connected(&mut self, now: u64) {
        if let Link::Connecting { .. } = self.link {
            self.link = Link::Up { since: now, subscribed: false };
        }
    }

    /// Draws the time of the next attempt: full jitter.
    pub(super) fn disconnected(&mut self, now: u64) {
        match self.link {
            Link::Waiting { .. } => return,
            Link::Up { since, .. } if now.saturating_sub(since) >= LASTING => self.failures = 0,
            _ => self.failures = self.failures.saturating_add(1),
        }
        let most = FIRST.checked_shl(self.failures.min(16)).unwrap_or(LONGEST).min(LONGEST);
        self.link = Link::Waiting { until: now.saturating_add(self.random.up_to(most).into()) };
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match self.link {
            Link::Waiting { until } => Some(until),
            Link::Connecting { since } => Some(since.saturating_add(UNANSWERED)),
            Link::Up { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest of many delays drawn after `failures` failures, and the mean of them.
    fn delays(failures: u32) -> (u64, u64) {
        let mut all = std::vec::Vec::new();
        for seed in 1..2000 {
            let mut connection = Connection::new(seed * 0x9E37_79B9, 0);
            connection.failures = failures;
            connection.link = Link::Up { since: 0, subscribed: true };
            connection.disconnected(1);
            all.push(connection.deadline().unwrap() - 1);
        }
        (*all.iter().max().unwrap(), all.iter().sum::<u64>() / all.len() as u64)
    }

    #[test]
    fn delays_are_drawn_evenly_and_their_range_doubles_up_to_five_minutes() {
        for (failures, most) in [(0, 2_000), (1, 4_000), (5, 64_000), (8, 300_000), (200, 300_000)] {
            let (longest, mean) = delays(failures);
            assert!((most * 98 / 100..=most).contains(&longest), "{failures}: {longest}");
            assert!((most * 45 / 100..most * 55 / 100).contains(&mean), "{failures}: {mean}");
        }
    }

    #[test]
    fn a_connection_that_lasted_a_minute_forgets_failures() {
        let mut connection = Connection::new(7, 0);
        connection.failures = 9;
        connection.link = Link::Up { since: 0, subscribed: true };
        connection.disconnected(LASTING);
        assert!(connection.deadline().unwrap() <= LASTING + u64::from(FIRST));
    }

    #[test]
    fn a_platform_that_does_not_answer_is_asked_again() {
        let mut connection = Connection::new(7, 0);
        assert!(connection.begin(1_000));
        assert!(!connection.begin(1_000 + UNANSWERED - 1));
        assert!(!connection.begin(1_000 + UNANSWERED), "first comes the delay");
        assert!(connection.begin(connection.deadline().unwrap()));
        assert_eq!(connection.number(), 2);
    }
}
