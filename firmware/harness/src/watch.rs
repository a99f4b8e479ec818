//! The observer that profiles and traces.

use dunlin_runtime::{Observer, StepReport, Trace, trace};

use crate::marks::{mark_begin, mark_end};
use crate::platform::Platform;
use crate::record::{LONGEST, Record};

/// Encodes a record and hands it to the platform.
pub(crate) fn report<P: Platform>(platform: &mut P, record: &Record<'_>) -> Result<(), P::Error> {
    let mut buffer = [0; LONGEST];
    // Only a reason could be too long, and it is cut before.
    record.encode(&mut buffer).map_or(Ok(()), |frame| platform.write_report(frame))
}

/// What is reported of each step.
#[derive(Clone, Copy)]
pub(crate) enum Subject {
    /// Ticks, with those of an empty measurement.
    Profile { overhead: u32 },
    /// A hash of the output of this sample's steps.
    Trace { sample: u32 },
}

/// Reports every step of a run.
pub(crate) struct Watch<'p, P: Platform> {
    pub platform: &'p mut P,
    pub subject: Subject,
    started: u32,
    /// The first error of the platform, which an observer cannot return.
    pub result: Result<(), P::Error>,
}

impl<'p, P: Platform> Watch<'p, P> {
    pub fn new(platform: &'p mut P, subject: Subject) -> Watch<'p, P> {
        Watch { platform, subject, started: 0, result: Ok(()) }
    }
}

impl<P: Platform> Observer for Watch<'_, P> {
    fn begin(&mut self, _: &StepReport<'_>) {
        if matches!(self.subject, Subject::Profile { .. }) {
            self.started = self.platform.ticks();
            mark_begin();
        }
    }

    fn end(&mut self, step: &StepReport<'_>) {
        let mut ticks = 0;
        if matches!(self.subject, Subject::Profile { .. }) {
            mark_end();
            ticks = self.platform.ticks().wrapping_sub(self.started);
        }
        let (operator, index) = (step.operator as u8, step.index as u16);
        let record = match self.subject {
            Subject::Profile { overhead } => Record::Profile { step: index, operator, ticks, overhead },
            Subject::Trace { sample } => {
                let hash = trace(Trace::default().0, step.bytes);
                Record::Trace { sample, step: index, operator, hash }
            }
        };
        if self.result.is_ok() {
            self.result = report(self.platform, &record);
        }
    }
}
