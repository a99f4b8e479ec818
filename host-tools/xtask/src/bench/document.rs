//! docs/benchmarks.md: a head, and the latest section of every part.

use xshell::Shell;

use super::section::Section;

const PATH: &str = "docs/benchmarks.md";
const IMAGES: &str = "docs/images";
/// What stands in front of the sections.
const HEAD: &str = "\
# Benchmarks

Everything here is written by `cargo xtask bench`, which builds the images, starts the emulators, installs the other engines and draws the
charts. `cargo xtask bench --check` holds what is the same in every run (instructions, modelled cycles, bytes) against
[benchmarks/baseline.toml](../benchmarks/baseline.toml), where the goals are too.

What the figures are, and what they are not:

- **Ratios** say how many times what ours takes the other one takes: above 1 ours takes less.
- **Instructions** are counted by a plugin of QEMU that sees every instruction that is executed. They are exact, and the same in every run.
- **Modelled cycles** are those of a Cortex-M4 whose memory has no wait states, by the tables of its reference manual
  (`host-tools/emulator-plugin/src/cortex_m4.rs`). They are a model and were never held against silicon: parts with flash wait states take
  more, for every engine. What the model leaves out: address dependencies through an index register, and the spread of divisions.
- **Figures of others** on the Cortex-M4 and on 64-bit Arm are not measured by this command. TFLM is TensorFlow Lite for
  Microcontrollers 90b983c2 with CMSIS-NN 4ab83cc3, gcc 12.2, -O2, Cortex-M4F, in the same emulator, with a cycle model by the same rules
  that finds up to 0.6 % more cycles, as ours shows. Its initialisation does not verify a model; ours does. *Published* cycles come from
  vendors, who measured silicon at 120 MHz. The engines on 64-bit Arm were counted in QEMU's user mode, on the same processors.
- **Models** are the int8 models of MLPerf Tiny v1: kws (keyword spotting), ic (image classification), ad (anomaly detection). Inputs are
  the same in every run and for every engine.
- **Time** is of one machine in one hour. Nothing fails because of a time.
";

/// Replaces these sections, keeps the other ones, and writes the charts.
pub fn write(shell: &Shell, sections: &[Section], order: &[&str]) -> anyhow::Result<()> {
    let before = shell.read_file(PATH).unwrap_or_default();
    shell.create_dir(IMAGES)?;
    for (name, svg) in sections.iter().flat_map(|section| &section.charts) {
        shell.write_file(format!("{IMAGES}/{name}.svg"), svg)?;
    }
    shell.write_file(PATH, merged(&before, sections, order))?;
    println!("written: {PATH}");
    Ok(())
}

/// The document with these sections, and those of `before` that they do not replace, by their headings.
fn merged(before: &str, sections: &[Section], order: &[&str]) -> String {
    let old: Vec<_> =
        before.split("\n## ").skip(1).map(|section| format!("## {}\n", section.trim_end())).collect();
    let new = || sections.iter().map(|section| section.text.trim_end().to_owned() + "\n");
    let find = |heading: &str| {
        let line = format!("## {heading}\n");
        new().chain(old.iter().cloned()).find(|section| section.starts_with(&line))
    };
    let sections: Vec<_> = order.iter().copied().filter_map(find).collect();
    format!("{HEAD}\n{}", sections.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_sections_that_were_not_measured() {
        let section = |heading: &str, text: &str| {
            let mut section = Section::new(heading);
            section.add(text);
            section
        };
        let order = ["One", "Two", "Three"];
        let first = merged("", &[section("Two", "old"), section("One", "### kept\n\ntext")], &order);
        let second = merged(&first, &[section("Two", "new"), section("Three", "more")], &order);
        let expected = "## One\n\n### kept\n\ntext\n\n## Two\n\nnew\n\n## Three\n\nmore\n";
        assert_eq!(second, format!("{HEAD}\n{expected}"));
    }
}
