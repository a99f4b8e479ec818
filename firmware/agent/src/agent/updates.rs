//! The life of an update.

use dunlin_protocol::message::{
    Block, BlockRequest, Deferral, Happening, Rejection, Release, Rollback, Subject, UpdateState,
};
use dunlin_protocol::{Capabilities, Digest, decode};
use dunlin_store::{Received, SlotId};
use heapless::Deque;

use super::download::{Download, GivenUp, Incoming};
use super::known::{Known, reason};
use super::trial::{Trial, Verdict};
use crate::event::Completion;
use crate::{Action, Profile};

/// After a failure of the flash the same is tried again so much later, in milliseconds,
const PAUSE: u64 = 1_000;
/// and so many times, where there is another way out.
const FAILURES: u8 = 5;
/// A trial is kept in flash so often, in seconds.
const TRIAL_KEPT: u32 = 300;

/// The update under way, and the check of what serves.
pub(super) struct Updates {
    phase: Phase,
    /// The release under way.
    release: Option<Release>,
    /// What the last message asks for.
    pending: Option<Pending>,
    /// What is to be said about releases that are not taken up.
    pub(super) answers: Deque<(Option<Subject>, UpdateState), 4>,
    /// An event that a refusal makes.
    pub(super) event: Option<Happening>,
    /// Highest sequence whose refusal made an event.
    refused: u64,
    /// What serving is to change to.
    serve: Option<Option<SlotId>>,
    failures: u8,
    pause_until: u64,
    /// The state of the update has changed.
    pub(super) changed: bool,
    /// An update has ended: the fleet is to be told what the device now holds.
    pub(super) ended: bool,
    /// A slot that was found damaged in this boot.
    pub(super) damaged: Option<SlotId>,
}

#[derive(Clone)]
enum Phase {
    /// Before a model serves after the start.
    Check {
        slot: SlotId,
        step: Step,
    },
    /// A confirmed model is damaged.
    LeaveDamaged {
        slot: SlotId,
    },
    Idle,
    Resume,
    Install(Download),
    Verify(Step),
    ShadowBegin,
    Shadow {
        compared: u32,
        agreed: u32,
    },
    ShadowEnd(Option<Rejection>),
    Start,
    Trial {
        trial: Trial,
        kept: u32,
    },
    Confirm,
    Return(Rollback),
    Abandon(Rejection),
}

/// A check of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Digest { restart: bool },
    Content,
    Golden { restart: bool, vector: u32 },
}

const FIRST_STEP: Step = Step::Digest { restart: true };

#[expect(clippy::large_enum_variant, reason = "there is one, and no allocator")]
enum Pending {
    Begin(Release),
    Index,
    Block(u32),
}

/// What decisions need to know beside the update.
pub(super) struct Surroundings<'a> {
    pub(super) known: &'a Known,
    pub(super) profile: &'a Profile,
    pub(super) arena_bytes: u32,
    pub(super) slot_bytes: u32,
    pub(super) now: u64,
}

impl Surroundings<'_> {
    fn capabilities(&self) -> Capabilities<'_> {
        let Known { confirmed, decommissioned, .. } = *self.known;
        self.profile.capabilities(confirmed, self.arena_bytes, self.slot_bytes, decommissioned)
    }
}

impl Updates {
    pub(super) fn new(release: Option<Release>, known: &Known) -> Updates {
        let phase = match known.active {
            Some(slot) => Phase::Check { slot, step: FIRST_STEP },
            None if release.is_some() => Phase::Resume,
            None => Phase::Idle,
        };
        Updates {
            phase,
            release,
            pending: None,
            answers: Deque::new(),
            event: None,
            refused: 0,
            serve: None,
            failures: 0,
            pause_until: 0,
            changed: true,
            ended: false,
            damaged: None,
        }
    }

    /// Whether the model that is to serve is still being checked.
    pub(super) fn is_checking(&self) -> bool {
        matches!(self.phase, Phase::Check { .. } | Phase::LeaveDamaged { .. })
    }

    /// The release under way, or the last one that ended, and its state.
    pub(super) fn status(&self, known: &Known, now: u64) -> Option<(Subject, UpdateState)> {
        let Some(release) = &self.release else { return known.ended };
        let state = match &self.phase {
            Phase::Install(download) if download.counts.held == 0 => UpdateState::Offered,
            Phase::Install(download) => {
                let held = download.counts.held.min(download.blocks);
                UpdateState::Downloading { held, total: download.blocks, reused: download.counts.reused }
            }
            Phase::Verify(Step::Golden { .. }) => UpdateState::SelfTest,
            Phase::Verify(_) => UpdateState::Verifying,
            Phase::Shadow { compared, agreed } => {
                UpdateState::Shadow { compared: *compared, agreed: *agreed }
            }
            Phase::ShadowBegin | Phase::ShadowEnd(_) | Phase::Start => UpdateState::SelfTest,
            Phase::Trial { trial, .. } => trial.state(now),
            _ => match known.trial {
                Some(kept) => self.trial(kept, now)?.state(now),
                None => UpdateState::Offered,
            },
        };
        Some((subject(release), state))
    }

    /// The latency budget of the release on trial, in µs.
    pub(super) fn budget(&self) -> Option<u32> {
        self.release.as_ref().filter(|_| matches!(self.phase, Phase::Trial { .. })).map(|r| r.trial.latency)
    }

    /// A release was offered.
    pub(super) fn offer(&mut self, payload: &[u8], around: &Surroundings<'_>) {
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

    /// A block came.
    pub(super) fn block(&mut self, payload: &[u8], now: u64) {
        let Phase::Install(download) = &mut self.phase else { return };
        let Ok(block) = decode::<Block<'_>>(payload) else { return };
        self.pending = match download.incoming(&block, now) {
            Incoming::Ignored => return,
            Incoming::Index => Some(Pending::Index),
            Incoming::Block => Some(Pending::Block(block.number)),
        };
    }

    /// The model that serves has run; its latency in µs if it succeeded.
    pub(super) fn inference(&mut self, latency: Option<u32>) {
        if let Phase::Trial { trial, .. } = &mut self.phase {
            trial.count(latency);
        }
    }

    /// Both models have run on a sample.
    pub(super) fn compared(&mut self, agrees: bool) {
        let Phase::Shadow { compared, agreed } = &mut self.phase else { return };
        *compared = compared.saturating_add(1);
        *agreed = agreed.saturating_add(agrees.into());
        let (compared, agreed) = (*compared, *agreed);
        let Some(rules) = self.release.as_ref().and_then(|release| release.shadow) else { return };
        if compared >= rules.samples {
            let needed = rules.agreement;
            let enough = u64::from(agreed) * 1000 >= u64::from(compared) * u64::from(needed);
            let rejection = Rejection::ShadowAgreement { compared, agreed, needed };
            self.phase = Phase::ShadowEnd((!enough).then_some(rejection));
        }
    }

    /// The device takes no more updates.
    pub(super) fn decommissioned(&mut self, known: &Known) {
        if known.trial.is_some() || self.is_checking() {
            return;
        }
        if let Some(release) = self.release.take() {
            self.answer(Some(subject(&release)), UpdateState::Rejected(Rejection::Decommissioned));
        }
        self.phase = Phase::Idle;
    }

    pub(super) fn reconnected(&mut self) {
        self.changed = true;
        if let Phase::Install(download) = &mut self.phase {
            download.reconnected();
        }
    }

    /// The blocks that are to be asked for.
    pub(super) fn request(&self) -> Option<BlockRequest> {
        match &self.phase {
            Phase::Install(download) => download.request(),
            _ => None,
        }
    }

    pub(super) fn requested(&mut self, now: u64) {
        if let Phase::Install(download) = &mut self.phase {
            download.sent(now);
        }
    }

    /// Whether numbers are to be sent from time to time.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.phase, Phase::Install(_) | Phase::Shadow { .. } | Phase::Trial { .. })
    }

    pub(super) fn has_first_action(&self) -> bool {
        self.serve.is_some() || self.pending.is_some()
    }

    /// What follows from the last message, or concerns serving: to be done before everything else.
    pub(super) fn first_action<'b>(&mut self, buffer: &'b mut [u8]) -> Option<Action<'b>> {
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

    /// The release that [`Action::BeginInstall`] means.
    pub(super) fn beginning(&self) -> Option<&Release> {
        match &self.pending {
            Some(Pending::Begin(release)) => Some(release),
            _ => None,
        }
    }

    /// The work of the phase.
    pub(super) fn action<'b>(
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
    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
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

    /// What became of an action that [`first_action`](Self::first_action) gave.
    pub(super) fn first_done(&mut self, completion: &Completion<'_>, around: &Surroundings<'_>) {
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
    pub(super) fn done(&mut self, completion: &Completion<'_>, around: &Surroundings<'_>) {
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

    fn begin(&mut self, release: Release) {
        self.release = Some(release);
        self.install();
    }

    fn install(&mut self) {
        self.changed = true;
        let Some(release) = &self.release else {
            self.phase = Phase::Idle;
            return;
        };
        let blocks = release.geometry().blocks(dunlin_protocol::message::Part::Blob);
        let download = Download::new(release.index_digest.content(), release.block.bytes(), blocks);
        self.phase = Phase::Install(download);
    }

    /// The update is over; what became of it is in the state.
    fn end(&mut self) {
        self.release = None;
        (self.changed, self.ended) = (true, true);
    }

    /// Checks the slot that is active now, and lets nothing serve until it is good.
    fn serve_active(&mut self, known: &Known) {
        self.serve = Some(None);
        self.changed = true;
        self.phase = match known.active {
            Some(slot) => Phase::Check { slot, step: FIRST_STEP },
            None => Phase::Idle,
        };
    }

    fn trial(&self, kept: dunlin_store::Trial, now: u64) -> Option<Trial> {
        let rules = self.release.as_ref()?.trial;
        let resets = rules.resets.min(u8::MAX.into()).saturating_sub(kept.crashes_left.into());
        Some(Trial::new(rules, kept.progress, resets, now))
    }

    /// Says why a release is not taken up. Whoever repeats old messages cannot wear the flash out: only the first refusal of each
    /// higher sequence becomes an event.
    fn refuse(&mut self, offered: Subject, rejection: Rejection) {
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
    fn answer(&mut self, subject: Option<Subject>, state: UpdateState) {
        if self.answers.is_full() {
            self.answers.pop_front();
        }
        let _ = self.answers.push_back((subject, state));
    }
}

fn subject(release: &Release) -> Subject {
    Subject { sequence: release.sequence, digest: release.digest }
}

fn happening(subject: Subject, state: UpdateState) -> Happening {
    Happening::Update { sequence: subject.sequence, digest: subject.digest, state }
}

fn check<'b>(slot: SlotId, step: Step, signed: bool) -> Action<'b> {
    match step {
        Step::Digest { restart } => Action::Digest { slot, restart },
        Step::Content => Action::CheckContent { slot, signed },
        Step::Golden { restart, .. } => Action::TestVector { slot, restart },
    }
}

/// What a step of a check has shown.
enum Judged {
    /// There are more steps.
    More,
    /// The flash failed.
    Failed,
    Good,
    Bad(Rejection),
}

fn judge(step: &mut Step, completion: &Completion<'_>, wanted: Option<Digest>, tests: bool) -> Judged {
    match (*step, completion) {
        (Step::Digest { .. }, Completion::Working) => {
            *step = Step::Digest { restart: false };
            Judged::More
        }
        (Step::Content, Completion::Working) => Judged::More,
        (Step::Digest { .. }, Completion::Digest(found)) => {
            if wanted != Some(Digest(*found)) {
                return Judged::Bad(Rejection::Digest);
            }
            *step = Step::Content;
            Judged::More
        }
        (Step::Content, Completion::Content(Ok(_))) => {
            if !tests {
                return Judged::Good;
            }
            *step = Step::Golden { restart: true, vector: 0 };
            Judged::More
        }
        (Step::Golden { vector, .. }, Completion::Vector(Ok(true))) => {
            *step = Step::Golden { restart: false, vector: vector.saturating_add(1) };
            Judged::More
        }
        (Step::Golden { .. }, Completion::Vector(Ok(false))) => Judged::Good,
        (_, Completion::Content(Err(rejection)) | Completion::Vector(Err(rejection))) => {
            Judged::Bad(*rejection)
        }
        _ => Judged::Failed,
    }
}

impl From<GivenUp> for Rejection {
    fn from(given_up: GivenUp) -> Rejection {
        match given_up {
            GivenUp::Index => Rejection::Index,
            GivenUp::Unavailable => Rejection::Unavailable,
            GivenUp::Storage => Rejection::Storage,
        }
    }
}

/// What is kept in flash when a model on trial crashed the device once too often.
pub(crate) fn crash_verdict(release: &Release) -> Happening {
    let limit = release.trial.resets.min(u8::MAX.into());
    let rollback = Rollback::Resets { found: limit.saturating_add(1), limit };
    happening(subject(release), UpdateState::RolledBack(rollback))
}
