//! What follows when something was done.

use dunlin_protocol::message::{Rejection, Rollback};
use dunlin_store::Received;

use super::check::{FIRST_STEP, Judged, Step, judge};
use super::{FAILURES, PAUSE, Pending, Phase, Surroundings, Updates, subject};
use crate::agent::download::GivenUp;
use crate::event::Completion;

impl Updates {
    /// What became of an action that [`first_action`](Self::first_action) gave.
    pub(in crate::agent) fn first_done(&mut self, completion: &Completion<'_>, around: &Surroundings<'_>) {
        let now = around.now;
        if let Some(slot) = self.serve.take() {
            if slot.is_some() && !matches!(completion, Completion::Ok) {
                // The copy of a slot could not be made yet.
                self.serve = Some(slot);
            }
            return;
        }
        match (self.pending.take(), &mut self.phase) {
            (Some(Pending::Begin(release)), _) => match completion {
                Completion::State(_) => self.begin(release),
                Completion::Refused(rejection) => self.refuse(subject(&release), *rejection),
                _ => self.refuse(subject(&release), Rejection::Storage),
            },
            (Some(Pending::Index), Phase::Install(download)) => {
                if let Completion::Block(_) = completion {
                    download.again();
                }
            }
            (Some(Pending::Block(number)), Phase::Install(download)) => match completion {
                Completion::Block(Received::Stored | Received::AlreadyThere) => {
                    self.changed |= download.counts.held == 0;
                    download.stored(number, now);
                }
                Completion::Block(Received::Again) => download.again(),
                Completion::Failed => {
                    if let Err(given_up) = download.failed(now) {
                        self.phase = Phase::Abandon(given_up.into());
                    }
                }
                // A wrong block is asked for again when the others are there.
                _ => {}
            },
            _ => {}
        }
    }

    /// What became of an action that [`action`](Self::action) gave.
    pub(in crate::agent) fn done(&mut self, completion: &Completion<'_>, around: &Surroundings<'_>) {
        let Surroundings { known, now, .. } = *around;
        let failed = matches!(completion, Completion::Failed);
        if failed {
            self.failures = self.failures.saturating_add(1);
            self.pause_until = now.saturating_add(PAUSE);
        } else {
            self.failures = 0;
        }
        let hopeless = self.failures >= FAILURES;
        match &mut self.phase {
            Phase::Idle | Phase::Shadow { .. } | Phase::Trial { .. } => {}
            Phase::Check { slot, step } => {
                let slot = *slot;
                match judge(step, completion, known.digest(slot), known.trial.is_some()) {
                    Judged::More => {}
                    Judged::Good => {
                        self.serve = Some(Some(slot));
                        self.phase = match known.trial {
                            Some(kept) => {
                                self.trial(kept, now).map_or(Phase::Return(Rollback::Damaged), |t| {
                                    Phase::Trial { trial: t, kept: kept.progress.seconds }
                                })
                            }
                            None if self.release.is_some() => Phase::Resume,
                            None => Phase::Idle,
                        };
                        self.changed = true;
                    }
                    Judged::Failed if !hopeless => {}
                    bad => {
                        self.failures = 0;
                        self.phase = match (known.trial, bad) {
                            (None, _) => Phase::LeaveDamaged { slot },
                            (Some(_), Judged::Bad(Rejection::Golden { vector })) => {
                                Phase::Return(Rollback::SelfTest { vector })
                            }
                            (Some(_), _) => Phase::Return(Rollback::Damaged),
                        };
                    }
                }
            }
            Phase::LeaveDamaged { slot } => {
                if !failed {
                    self.damaged = Some(*slot);
                    self.release = None;
                    self.serve_active(known);
                } else if hopeless {
                    // The flash takes no writes, so that nothing may take the place of the damaged model.
                    self.phase = Phase::Idle;
                }
            }
            Phase::Resume => match completion {
                Completion::Ok => self.install(),
                Completion::Refused(rejection) => self.phase = Phase::Abandon(*rejection),
                _ if hopeless => self.phase = Phase::Abandon(Rejection::Storage),
                _ => {}
            },
            Phase::Install(download) => {
                let outcome = match completion {
                    Completion::Install(progress, counts) => {
                        let was_empty = download.counts.held == 0;
                        if download.progress(*progress, *counts, around.profile.window) {
                            self.phase = Phase::Verify(FIRST_STEP);
                            self.changed = true;
                        } else {
                            self.changed |= was_empty && counts.held != 0;
                        }
                        Ok(())
                    }
                    Completion::BadIndex => download.bad_index(now),
                    Completion::Refused(_) => Err(GivenUp::Storage),
                    _ => {
                        self.pause_until = 0;
                        download.failed(now)
                    }
                };
                if let Err(given_up) = outcome {
                    self.phase = Phase::Abandon(given_up.into());
                }
            }
            Phase::Verify(step) => {
                let wanted = self.release.as_ref().map(|release| release.digest);
                let before = *step;
                match judge(step, completion, wanted, true) {
                    Judged::More => {
                        let is_test = |step| matches!(step, Step::Golden { .. });
                        self.changed |= is_test(before) != is_test(*step);
                    }
                    Judged::Good => {
                        self.changed = true;
                        let shadow = self.release.as_ref().and_then(|release| release.shadow);
                        let compares =
                            shadow.is_some_and(|rules| rules.samples > 0) && known.active.is_some();
                        self.phase = if compares { Phase::ShadowBegin } else { Phase::Start };
                    }
                    Judged::Bad(rejection) => self.phase = Phase::Abandon(rejection),
                    Judged::Failed if hopeless => self.phase = Phase::Abandon(Rejection::Storage),
                    Judged::Failed => {}
                }
            }
            Phase::ShadowBegin => match completion {
                Completion::Ok => {
                    self.phase = Phase::Shadow { compared: 0, agreed: 0 };
                    self.changed = true;
                }
                Completion::Refused(rejection) => self.phase = Phase::Abandon(*rejection),
                _ if hopeless => self.phase = Phase::Abandon(Rejection::Storage),
                _ => {}
            },
            Phase::ShadowEnd(rejection) => {
                self.phase = rejection.map_or(Phase::Start, Phase::Abandon);
            }
            Phase::Start => match completion {
                Completion::State(_) => {
                    self.changed = true;
                    let kept = known.trial;
                    if let Some(trial) = kept.and_then(|kept| self.trial(kept, now)) {
                        self.phase = Phase::Trial { trial, kept: 0 };
                    }
                    self.serve = Some(known.active);
                }
                _ if hopeless => self.phase = Phase::Abandon(Rejection::Storage),
                _ => {}
            },
            Phase::Confirm => {
                if !failed {
                    self.end();
                    self.phase = Phase::Idle;
                }
            }
            Phase::Return(_) => {
                if !failed {
                    self.end();
                    self.serve_active(known);
                }
            }
            Phase::Abandon(_) => {
                if !failed {
                    self.end();
                    self.phase = Phase::Idle;
                }
            }
        }
    }
}
