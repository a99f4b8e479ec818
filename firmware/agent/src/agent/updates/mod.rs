//! The life of an update.

mod check;
mod completion;
mod offer;
mod work;

use dunlin_protocol::message::{
    Block, BlockRequest, Happening, Rejection, Release, Rollback, Subject, UpdateState,
};
use dunlin_protocol::{Capabilities, decode};
use dunlin_store::SlotId;
use heapless::Deque;

use crate::Profile;
use crate::agent::download::{Download, GivenUp, Incoming};
use crate::agent::known::Known;
use crate::agent::trial::Trial;
use check::{FIRST_STEP, Step};

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

    /// The release that [`Action::BeginInstall`] means.
    pub(super) fn beginning(&self) -> Option<&Release> {
        match &self.pending {
            Some(Pending::Begin(release)) => Some(release),
            _ => None,
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
}

fn subject(release: &Release) -> Subject {
    Subject { sequence: release.sequence, digest: release.digest }
}

fn happening(subject: Subject, state: UpdateState) -> Happening {
    Happening::Update { sequence: subject.sequence, digest: subject.digest, state }
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

/// So many resets by faults may happen while a release is fetched and tested.
pub(crate) const INSTALL_CRASHES: u8 = 3;

/// What is kept in flash when there were more.
pub(crate) fn install_crash_verdict(release: &Release) -> Happening {
    let limit = u32::from(INSTALL_CRASHES);
    let rejection = Rejection::Resets { found: limit + 1, limit };
    happening(subject(release), UpdateState::Rejected(rejection))
}
