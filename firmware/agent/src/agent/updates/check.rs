//! The check of a slot: digest, content, golden vectors.

use dunlin_protocol::Digest;
use dunlin_protocol::message::Rejection;
use dunlin_store::SlotId;

use crate::Action;
use crate::event::Completion;

/// A check of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Digest { restart: bool },
    Content,
    Golden { restart: bool, vector: u32 },
}
pub(super) const FIRST_STEP: Step = Step::Digest { restart: true };

pub(super) fn check<'b>(slot: SlotId, step: Step, signed: bool) -> Action<'b> {
    match step {
        Step::Digest { restart } => Action::Digest { slot, restart },
        Step::Content => Action::CheckContent { slot, signed },
        Step::Golden { restart, .. } => Action::TestVector { slot, restart },
    }
}

/// What a step of a check has shown.
pub(super) enum Judged {
    /// There are more steps.
    More,
    /// The flash failed.
    Failed,
    Good,
    Bad(Rejection),
}

pub(super) fn judge(
    step: &mut Step,
    completion: &Completion<'_>,
    wanted: Option<Digest>,
    tests: bool,
) -> Judged {
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
