//! Models on emulated 64-bit Arm.

use anyhow::{Context, bail};
use dunlin_device::{Board, Options, Request, run};

use super::chart::{Bar, Group};
use super::markdown::{Table, grouped, times};
use super::models::Model;
use super::section::Section;

/// An aarch64 processor without and one with the dot product, by QEMU's names.
const PROCESSORS: [&str; 2] = ["cortex-a72", "cortex-a76"];

/// Runs every model on both processors and counts the instructions of one inference.
pub fn measure(models: &[Model]) -> anyhow::Result<Section> {
    let mut section = Section::new("64-bit Arm");
    let mut table = Table::new(&[
        "processor",
        "model",
        "kernels",
        ">instructions",
        ">per MAC",
        ">best other engine",
        ">ratio",
        "which",
    ]);
    let (mut operators, mut groups) = (Vec::new(), Vec::new());
    for (index, processor) in PROCESSORS.into_iter().enumerate() {
        for model in models {
            let name = model.subject.name;
            let request = Request {
                options: Options { profile: true, ..Options::default() },
                processor: Some(processor.to_owned()),
                count: true,
                ..Request::default()
            };
            let report =
                run(Board::named("aarch64")?, &model.blob, std::slice::from_ref(&model.sample), &request)
                    .with_context(|| format!("running {name} on {processor}"))?;
            let Some(counts) = &report.counts else { bail!("nothing was counted") };
            let instructions = counts.run.instructions;
            let (best, which) = model.subject.aarch64[index];
            table.push([
                processor.to_owned(),
                name.to_owned(),
                report.family.name().to_owned(),
                grouped(instructions),
                format!("{:.3}", instructions as f64 / model.subject.macs as f64),
                grouped(best),
                times(best, instructions),
                which.to_owned(),
            ]);
            let title = format!("{name} on {processor}: instructions per inference");
            let bars = vec![Bar::new("dunlin", instructions), Bar::new(which, best)];
            groups.push(Group { title, bars });
            section.figure(&format!("{processor}.{name}"), "instructions", instructions);
            let steps = report
                .profile
                .iter()
                .zip(&counts.steps)
                .map(|(step, count)| format!("{} {}", step.operator.name(), grouped(count.instructions)));
            operators.push(format!("{processor}, {name}: {}", steps.collect::<Vec<_>>().join(", ")));
        }
    }
    section.add("Without the dot product (Cortex-A72, Raspberry Pi 4) and with it (Cortex-A76, Raspberry Pi 5). Instructions are no time.");
    section.chart(
        "aarch64-instructions",
        "Instructions per inference on 64-bit Arm, shorter is better",
        &groups,
    );
    section.add(table);
    section.add("Instructions of each step:");
    section.add(operators.iter().map(|line| format!("- {line}\n")).collect::<String>());
    Ok(section)
}
