//! Models on the emulated Cortex-M4.

use anyhow::{Context, bail};
use dunlin_device::{Board, Cost, Options, Request, RunReport, run};

use super::chart::{Bar, Group};
use super::markdown::{Table, grouped, times};
use super::models::Model;
use super::section::Section;

/// The board that stands for a Cortex-M4.
pub const BOARD: &str = "mps2-an386";

/// Runs every model and counts what opening, preparing and running it takes.
pub fn measure(models: &[Model]) -> anyhow::Result<Section> {
    let mut section = Section::new("Cortex-M4");
    let mut speed = Table::new(&[
        "model",
        ">MACs",
        ">instructions",
        ">TFLM",
        ">ratio",
        ">modelled cycles",
        ">TFLM",
        ">ratio",
        ">published",
    ]);
    let mut memory = Table::new(&[
        "model",
        ">arena",
        ">TFLM",
        ">stack",
        ">TFLM",
        ">blob",
        ">image",
        ">Model::open",
        ">TFLM",
        ">Session::new",
    ]);
    let mut operators = Vec::new();
    let (mut cycles, mut arenas) = (Vec::new(), Vec::new());
    for model in models {
        let (name, tflm) = (model.subject.name, &model.subject.tflm);
        let report =
            run_counted(&model.blob, &model.sample).with_context(|| format!("running {name} on {BOARD}"))?;
        let Some(counts) = &report.counts else { bail!("nothing was counted") };
        let (published, by) = model.subject.published;
        speed.push([
            name.to_owned(),
            grouped(model.subject.macs),
            grouped(counts.run.instructions),
            grouped(tflm.instructions),
            times(tflm.instructions, counts.run.instructions),
            grouped(counts.run.cycles),
            grouped(tflm.cycles),
            times(tflm.cycles, counts.run.cycles),
            format!("{} ({by})", grouped(published)),
        ]);
        let stack = report.stack.map_or(0, |stack| stack.open.max(stack.run)).into();
        let (arena, flash) = (report.arena.planned.into(), report.sizes.map_or(0, |sizes| sizes.flash));
        memory.push([
            name.to_owned(),
            grouped(arena),
            grouped(tflm.arena),
            grouped(stack),
            grouped(tflm.stack),
            grouped(model.blob.len() as u64),
            grouped(flash),
            grouped(counts.open.instructions),
            grouped(tflm.open),
            grouped(counts.prepare.instructions),
        ]);
        cycles.push(Group {
            title: format!("{name}: modelled cycles per inference"),
            bars: vec![
                Bar::new("dunlin", counts.run.cycles),
                Bar::new(&format!("{by} (published, silicon)"), published),
                Bar::new("TFLM + CMSIS-NN", tflm.cycles),
            ],
        });
        arenas.push(Group {
            title: format!("{name}: bytes of arena"),
            bars: vec![Bar::new("dunlin", arena), Bar::new("TFLM + CMSIS-NN", tflm.arena)],
        });
        let subject = format!("cortex-m4.{name}");
        for (quantity, number) in [
            ("instructions", counts.run.instructions),
            ("cycles", counts.run.cycles),
            ("open-instructions", counts.open.instructions),
            ("new-instructions", counts.prepare.instructions),
            ("arena-bytes", arena),
            ("stack-bytes", stack),
            ("blob-bytes", model.blob.len() as u64),
        ] {
            section.figure(&subject, quantity, number);
        }
        section.figure("cortex-m4.image", "flash-bytes", flash);
        operators.push((name, steps(&report)));
    }
    section.chart(
        "cortex-m4-cycles",
        "Modelled cycles per inference on a Cortex-M4, shorter is better",
        &cycles,
    );
    section.add(speed);
    section.add(
        "All figures of a model come from one image and one blob. Bytes: the arena as planned, the deepest stack of opening and running, \
         the blob, the whole image with its logs and files. `Model::open` (which verifies the structure of the blob) and `Session::new` \
         are instructions.",
    );
    section.chart("cortex-m4-arena", "Bytes of arena on a Cortex-M4, shorter is better", &arenas);
    section.add(memory);
    for (name, steps) in operators {
        section.add(format!("### {name}, operator by operator"));
        section.add(steps);
    }
    Ok(section)
}

/// Runs one sample, and makes sure that the clock of the board and the plugin of the emulator agree.
pub fn run_counted(blob: &[u8], sample: &[u8]) -> anyhow::Result<RunReport> {
    let options = Options { profile: true, ..Options::default() };
    let request = Request { options, count: true, ..Request::default() };
    let report = run(Board::named(BOARD)?, blob, &[sample.to_vec()], &request)?;
    let counted = report.counts.as_ref().map(|counts| Cost::Instructions(counts.run.instructions));
    if counted != Some(report.run) {
        bail!("the plugin counted {counted:?}, the clock of the board {:?}", report.run);
    }
    Ok(report)
}

/// What every step takes.
fn steps(report: &RunReport) -> Table {
    let mut table =
        Table::new(&[">step", "operator", ">instructions", ">cycles", ">loads", ">stores", ">branches"]);
    let counts = report.counts.as_ref().map(|counts| counts.steps.as_slice()).unwrap_or_default();
    for (step, count) in report.profile.iter().zip(counts) {
        table.push([
            step.step.to_string(),
            step.operator.name().to_owned(),
            grouped(count.instructions),
            grouped(count.cycles),
            grouped(count.loads + count.multiple),
            grouped(count.stores),
            grouped(count.taken),
        ]);
    }
    table
}
