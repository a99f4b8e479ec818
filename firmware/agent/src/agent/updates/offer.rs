//! Releases that are offered: taken up, deferred or refused.

use dunlin_protocol::message::{Deferral, Happening, Rejection, Release, Subject, UpdateState};

use super::{Pending, Phase, Surroundings, Updates, subject};

impl Updates {
    /// A release was offered.
    pub(in crate::agent) fn offer(&mut self, payload: &[u8], around: &Surroundings<'_>) {
        let release: Release = match around.known.keys.open(payload) {
            Ok(release) => release,
            Err(error) => return self.answer(None, UpdateState::Rejected(error.into())),
        };
        let offered = subject(&release);
        if self.release.as_ref().is_some_and(|current| subject(current) == offered) {
            self.changed = true;
            return;
        }
        if let Some((ended, state)) = around.known.ended
            && ended == offered
        {
            return self.answer(Some(offered), state);
        }
        if let Err(rejection) = around.capabilities().admit(&release) {
            return self.refuse(offered, rejection);
        }
        // What was tried is not tried again: a new attempt is a new release.
        let tried = around.known.ended.map_or(0, |(ended, _)| ended.sequence);
        let current = self.release.as_ref().map_or(0, |current| current.sequence);
        let by = tried.max(current);
        if release.sequence <= by {
            return self.answer(Some(offered), UpdateState::Rejected(Rejection::Superseded { by }));
        }
        let deferral = match self.phase {
            Phase::Idle | Phase::Resume | Phase::Install(_) | Phase::ShadowBegin | Phase::Shadow { .. } => {
                self.pending = Some(Pending::Begin(release));
                return;
            }
            Phase::Trial { .. } | Phase::Confirm | Phase::Return(_) => {
                Deferral::TrialRunning { sequence: current }
            }
            Phase::Check { .. } if around.known.trial.is_some() => {
                Deferral::TrialRunning { sequence: current }
            }
            _ => Deferral::Busy { sequence: current },
        };
        self.answer(Some(offered), UpdateState::Deferred(deferral));
    }

    /// Says why a release is not taken up. Whoever repeats old messages cannot wear the flash out: only the first refusal of each
    /// higher sequence becomes an event.
    pub(super) fn refuse(&mut self, offered: Subject, rejection: Rejection) {
        let state = UpdateState::Rejected(rejection);
        let Subject { sequence, digest } = offered;
        let repeatable =
            matches!(rejection, Rejection::Replayed { .. } | Rejection::WrongFleet | Rejection::WrongTarget);
        if !repeatable && sequence > self.refused {
            self.refused = sequence;
            self.event = Some(Happening::Update { sequence, digest, state });
        }
        self.answer(Some(offered), state);
    }

    /// Queues an answer. The oldest gives way: a fleet that misses one offers the release again.
    pub(super) fn answer(&mut self, subject: Option<Subject>, state: UpdateState) {
        if self.answers.is_full() {
            self.answers.pop_front();
        }
        let _ = self.answers.push_back((subject, state));
    }
}
