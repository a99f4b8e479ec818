//! What an update wants done next, and when.

use dunlin_protocol::message::{Happening, Rejection, UpdateState};
use dunlin_store::SlotId;

use super::check::check;
use super::{Pending, Phase, Surroundings, TRIAL_KEPT, Updates, happening, subject};
use crate::Action;
use crate::agent::known::reason;
use crate::agent::trial::Verdict;

impl Updates {
    /// What follows from the last message, or concerns serving: to be done before everything else.
    pub(in crate::agent) fn first_action<'b>(&mut self, buffer: &'b mut [u8]) -> Option<Action<'b>> {
        if let Some(slot) = self.serve {
            return Some(Action::Serve(slot));
        }
        match self.pending.as_ref()? {
            Pending::Begin(release) => {
                let by = release.sequence;
                let state = UpdateState::Rejected(Rejection::Superseded { by });
                let what = self.release.as_ref().map(|old| happening(subject(old), state));
                Some(Action::BeginInstall { reason: what.map_or(&[], |what| reason(&what, buffer)) })
            }
            Pending::Index => Some(Action::WriteIndex),
            Pending::Block(_) => Some(Action::WriteBlock),
        }
    }

    /// The work of the phase.
    pub(in crate::agent) fn action<'b>(
        &mut self,
        around: &Surroundings<'_>,
        buffer: &'b mut [u8],
    ) -> Option<Action<'b>> {
        let now = around.now;
        if let Phase::Trial { trial, .. } = &self.phase
            && let Some(verdict) = trial.verdict(now)
        {
            self.changed = true;
            self.phase = match verdict {
                Verdict::Confirm => Phase::Confirm,
                Verdict::Return(rollback) => Phase::Return(rollback),
            };
        }
        if now < self.pause_until {
            return None;
        }
        let target = around.known.inactive();
        let release = self.release.as_ref().map(subject);
        let told = |state| release.map(|subject| happening(subject, state));
        Some(match &mut self.phase {
            Phase::Idle => return None,
            Phase::Check { slot, step } => check(*slot, *step, false),
            Phase::LeaveDamaged { slot } => {
                let address = if *slot == SlotId::A { 0 } else { around.slot_bytes };
                Action::LeaveDamaged { reason: reason(&Happening::StorageFault { address }, buffer) }
            }
            Phase::Resume => Action::ResumeInstall,
            Phase::Install(download) => {
                if !download.wants_work(now) {
                    return None;
                }
                match download.work() {
                    Ok(()) => Action::StepInstall,
                    Err(given_up) => {
                        self.phase = Phase::Abandon(given_up.into());
                        return self.action(around, buffer);
                    }
                }
            }
            Phase::Verify(step) => check(target, *step, true),
            Phase::ShadowBegin => Action::Shadow(Some(target)),
            Phase::ShadowEnd(_) => Action::Shadow(None),
            Phase::Shadow { .. } => return None,
            Phase::Start => {
                let resets = self.release.as_ref().map_or(0, |release| release.trial.resets);
                Action::StartTrial { crashes_forgiven: u8::try_from(resets).unwrap_or(u8::MAX) }
            }
            Phase::Trial { trial, kept } => {
                let progress = trial.progress(now);
                if progress.seconds < kept.saturating_add(TRIAL_KEPT) {
                    return None;
                }
                *kept = progress.seconds;
                Action::SaveTrial(progress)
            }
            Phase::Confirm => {
                let what = told(UpdateState::Confirmed);
                Action::Confirm { reason: what.map_or(&[], |what| reason(&what, buffer)) }
            }
            Phase::Return(rollback) => {
                let what = told(UpdateState::RolledBack(*rollback));
                Action::ReturnToPrevious { reason: what.map_or(&[], |what| reason(&what, buffer)) }
            }
            Phase::Abandon(rejection) => {
                let what = told(UpdateState::Rejected(*rejection));
                Action::AbandonInstall { reason: what.map_or(&[], |what| reason(&what, buffer)) }
            }
        })
    }

    /// When [`action`](Self::action) has something to do again, if nothing else happens.
    pub(in crate::agent) fn deadline(&self, now: u64) -> Option<u64> {
        let at = match &self.phase {
            Phase::Idle | Phase::Shadow { .. } => return None,
            Phase::Install(download) => download.deadline(now)?,
            Phase::Trial { trial, kept } => {
                let left = kept.saturating_add(TRIAL_KEPT).saturating_sub(trial.progress(now).seconds);
                let save = now.saturating_add(u64::from(left) * 1000);
                trial.deadline(now).unwrap_or(save).min(save)
            }
            _ => now,
        };
        Some(at.max(self.pause_until))
    }
}
