//! The routine.

use core::fmt::Write;

use dunlin_runtime::format::TensorRecord;
use dunlin_runtime::{Error, Family, GoldenFailure, Model, Session};

use crate::failure::Failure;
use crate::marks::{mark_begin, mark_end, marked};
use crate::options::Options;
use crate::platform::Platform;
use crate::record::Record;
use crate::watch::{Subject, Watch, report};
use crate::zone::{Paint, Zone};

/// Longest reason of a failure, in bytes.
const REASON_BYTES: usize = 200;

/// Opens `blob`, runs its golden vectors and all samples in an arena that is part of `memory`, and reports.
///
/// A failure is the last record of the report.
///
/// # Errors
/// Why the model could not be exercised.
pub fn exercise<P: Platform>(
    blob: &[u8],
    memory: &mut [u8],
    options: &Options,
    platform: &mut P,
) -> Result<(), Failure<P::Error>> {
    let result = run(blob, memory, options, platform);
    match &result {
        Ok(()) => report(platform, &Record::Finished).map_err(Failure::Platform)?,
        Err(failure) => {
            let mut reason = heapless::String::<REASON_BYTES>::new();
            // What does not fit is cut.
            let _ = write!(reason, "{failure}");
            report(platform, &Record::Failed { reason: &reason }).map_err(Failure::Platform)?;
        }
    }
    result
}

fn run<P: Platform>(
    blob: &[u8],
    memory: &mut [u8],
    options: &Options,
    platform: &mut P,
) -> Result<(), Failure<P::Error>> {
    platform.paint_stack();
    let model = open(blob)?;
    let family = options.family.unwrap_or_else(Family::best);
    let planned = model.arena_bytes(family);
    let given = planned.saturating_sub(options.arena_shortfall as usize);
    let free = memory.len();
    let mut zone =
        Zone::new(memory, given).ok_or(Failure::Memory { free, needed: Zone::memory_bytes(given) })?;
    let golden_vectors = self_test(&mut open_session(&model, &mut zone, family)?).map_err(Failure::Golden)?;
    let open_stack = platform.stack_used();

    let samples = Samples::new(&model, platform)?;
    let blob_bytes = model.bytes().len() as u32;
    let opened = Record::Opened { family: family.name(), blob_bytes, golden_vectors, samples: samples.count };
    report(platform, &opened).map_err(Failure::Platform)?;

    let mut high_water = 0;
    let mut guards_intact = zone.guards_intact();
    for paint in [Paint::Plain, Paint::Inverted] {
        zone.paint(paint);
        let mut session = open_session(&model, &mut zone, family)?;
        samples.load(0, &mut session, platform)?;
        session.run()?;
        high_water = high_water.max(zone.high_water());
        guards_intact &= zone.guards_intact();
    }

    let mut session = marked(|| open_session(&model, &mut zone, family))?;
    let run_stack = measure(&samples, &mut session, options.profile, platform)?;
    for sample in 0..samples.count {
        samples.load(sample, &mut session, platform)?;
        if options.trace {
            let mut watch = Watch::new(platform, Subject::Trace { sample });
            session.run_with(&mut watch)?;
            watch.result.map_err(Failure::Platform)?;
        } else {
            session.run()?;
        }
        for index in 0..model.program().header().output_count.into() {
            platform.write_outputs(session.output_bytes(index)?).map_err(Failure::Platform)?;
        }
    }
    guards_intact &= zone.guards_intact();

    let shorter = zone.arena().split_last_mut().map(|(_, shorter)| shorter).unwrap_or_default();
    let shorter_refused =
        matches!(Session::with_family(&model, shorter, family), Err(Error::ArenaTooSmall { .. }));
    let arena = Record::Arena {
        planned: planned as u32,
        high_water: high_water as u32,
        guards_intact,
        shorter_refused,
    };
    report(platform, &arena).map_err(Failure::Platform)?;
    if let (Some(open), Some(run)) = (open_stack, run_stack) {
        report(platform, &Record::Stack { open, run }).map_err(Failure::Platform)?;
    }
    Ok(())
}

/// Opens a blob and checks its digest; not part of its caller, so that its stack is seen.
#[inline(never)]
fn open(blob: &[u8]) -> Result<Model<'_>, Error> {
    let model = marked(|| Model::open(blob))?;
    model.check_digest()?;
    Ok(model)
}

/// Runs the golden vectors; not part of its caller, so that its stack is seen.
#[inline(never)]
fn self_test(session: &mut Session<'_>) -> Result<u32, GoldenFailure> {
    session.self_test()
}

fn open_session<'s>(model: &Model<'s>, zone: &'s mut Zone<'_>, family: Family) -> Result<Session<'s>, Error> {
    Session::with_family(model, zone.arena(), family)
}

/// Runs the first sample for its ticks and its stack, and once more for those of every step. Returns the stack.
fn measure<P: Platform>(
    samples: &Samples,
    session: &mut Session<'_>,
    profile: bool,
    platform: &mut P,
) -> Result<Option<u32>, Failure<P::Error>> {
    samples.load(0, session, platform)?;
    let overhead = time(platform, || Ok(()))?;
    platform.paint_stack();
    let ticks = time(platform, || session.run())?;
    let stack = platform.stack_used();
    report(platform, &Record::Run { ticks, overhead }).map_err(Failure::Platform)?;
    if profile {
        samples.load(0, session, platform)?;
        let started = platform.ticks();
        mark_begin();
        mark_end();
        let overhead = platform.ticks().wrapping_sub(started);
        let mut watch = Watch::new(platform, Subject::Profile { overhead });
        session.run_with(&mut watch)?;
        watch.result.map_err(Failure::Platform)?;
    }
    Ok(stack)
}

/// Ticks of `function`, between the two marks.
#[inline(always)]
fn time<P: Platform>(platform: &mut P, function: impl FnOnce() -> Result<(), Error>) -> Result<u32, Error> {
    let started = platform.ticks();
    let result = marked(function);
    let ticks = platform.ticks().wrapping_sub(started);
    result.map(|()| ticks)
}

/// The file of samples.
struct Samples {
    /// Length of one sample in bytes.
    bytes: u32,
    count: u32,
}

impl Samples {
    fn new<P: Platform>(model: &Model<'_>, platform: &mut P) -> Result<Samples, Failure<P::Error>> {
        let program = model.program();
        let mut bytes = 0u32;
        for index in 0..program.header().input_count.into() {
            let input = program.input(index).and_then(TensorRecord::bytes).unwrap_or(0);
            bytes = bytes.saturating_add(input as u32);
        }
        let file = platform.inputs_len().map_err(Failure::Platform)?;
        match file.checked_div(bytes) {
            Some(count) if count != 0 && file.is_multiple_of(bytes) => Ok(Samples { bytes, count }),
            _ => Err(Failure::Samples { file, sample: bytes }),
        }
    }

    /// Fills the inputs of `session` with a sample.
    fn load<P: Platform>(
        &self,
        sample: u32,
        session: &mut Session<'_>,
        platform: &mut P,
    ) -> Result<(), Failure<P::Error>> {
        let mut offset = sample.wrapping_mul(self.bytes);
        for index in 0..session.model().program().header().input_count.into() {
            let input = session.input_bytes(index)?;
            let bytes = input.len() as u32;
            platform.read_inputs(offset, input).map_err(Failure::Platform)?;
            offset = offset.wrapping_add(bytes);
        }
        Ok(())
    }
}
