//! Time of an inference on this machine, beside other engines.

use std::process::Command;

use dunlin_runtime::Family;
use xshell::{Shell, cmd};

use super::chart::{Bar, Group};
use super::engine::{Engine, ROUNDS, take_turns};
use super::markdown::Table;
use super::models::{Model, blob_path};
use super::peers;
use super::section::Section;

/// A model with its engines, as they were timed.
struct Timed {
    name: &'static str,
    engines: Vec<Engine>,
}

/// Times every model with every engine that can be had.
pub fn measure(shell: &Shell, models: &[Model]) -> anyhow::Result<Section> {
    let mut section = Section::new("This machine");
    let dunlin = peers::rust_engine(shell, "engine-dunlin")?;
    let tract = told(peers::rust_engine(shell, "engine-tract"), peers::TRACT, &mut section);
    let python = told(peers::python(shell), "LiteRT and onnxruntime", &mut section);
    let families: Vec<_> = Family::ALL.into_iter().filter(|family| family.is_available()).collect();
    let mut timed = Vec::new();
    for model in models {
        let name = model.subject.name;
        let mut engines = Vec::new();
        let mut start = |engine: String, command: &mut Command| match Engine::start(&engine, command) {
            Ok(engine) => engines.push(engine),
            Err(error) => section.add(format!("- {engine}, {name}: skipped: {error:#}")),
        };
        for family in &families {
            let mut command = peers::pinned(shell, &dunlin);
            command.arg(blob_path(name)).arg(family.name());
            start(format!("dunlin {}", family.name()), &mut command);
        }
        if let Some(python) = &python {
            for (engine, kind, file) in [
                ("LiteRT + XNNPACK int8", "litert", format!("{name}_int8.tflite")),
                ("onnxruntime float32", "onnxruntime", format!("{name}_float.onnx")),
                ("onnxruntime int8 (u8, per tensor)", "onnxruntime", format!("{name}_int8_qdq_u8s8_pt.onnx")),
                (
                    "onnxruntime int8 (s8, per channel)",
                    "onnxruntime",
                    format!("{name}_int8_qdq_s8s8_pc.onnx"),
                ),
            ] {
                let mut command = peers::pinned(shell, python);
                command.args(["benchmarks/engines/peers.py", kind]).arg(model.trained.with_file_name(file));
                start(engine.to_owned(), &mut command);
            }
        }
        if let Some(tract) = &tract {
            let mut command = peers::pinned(shell, tract);
            command.arg(model.trained.with_file_name(format!("{name}_float.onnx")));
            start("tract float32".to_owned(), &mut command);
        }
        take_turns(&mut engines)?;
        timed.push(Timed { name, engines });
    }
    describe(shell, &mut section);
    section.chart(
        "host-latency",
        "Microseconds per inference on one thread, shorter is better",
        &groups(&timed),
    );
    section.add(table(&timed));
    Ok(section)
}

/// What is there, or `None` with a word in the section.
fn told<T>(result: anyhow::Result<T>, what: &str, section: &mut Section) -> Option<T> {
    result.map_err(|error| section.add(format!("- {what}: skipped: {error:#}"))).ok()
}

/// The machine and the method, in words.
fn describe(shell: &Shell, section: &mut Section) {
    let processor = shell.read_file("/proc/cpuinfo").unwrap_or_default();
    let processor = processor
        .lines()
        .find_map(|line| {
            line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let compiler = cmd!(shell, "rustc --version").quiet().read().unwrap_or_default();
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    section.add(format!(
        "{processor}, {count} processors, {compiler}; {}. Every engine is a process of its own on the same processor, with one thread; \
         all of them take turns of about 12 ms, {ROUNDS} times over. A number is the median of the turns, in brackets the least, in \
         microseconds per inference: compare within a column alone. The time of dunlin includes copying the input.",
        peers::versions()
    ));
}

/// Bars of the medians.
fn groups(timed: &[Timed]) -> Vec<Group> {
    let bar = |engine: &Engine| Bar {
        name: engine.name.clone(),
        value: engine.median(),
        text: format!("{:.1}", engine.median() / 1e3),
    };
    timed
        .iter()
        .map(|timed| Group {
            title: format!("{}: microseconds per inference", timed.name),
            // The portable kernels are the definition of the results, and slow: the table has them.
            bars: timed.engines.iter().filter(|engine| engine.name != "dunlin portable").map(bar).collect(),
        })
        .collect()
}

/// A row for each engine, a column for each model, and what the fastest kernels of ours save.
fn table(timed: &[Timed]) -> Table {
    let mut headings = vec!["engine".to_owned()];
    for Timed { name, .. } in timed {
        headings.extend([format!(">{name}"), ">ratio".to_owned()]);
    }
    let mut table = Table::new(&headings);
    let mut names: Vec<&str> = Vec::new();
    for engine in timed.iter().flat_map(|timed| &timed.engines) {
        if !names.contains(&engine.name.as_str()) {
            names.push(&engine.name);
        }
    }
    for name in names {
        let mut row = vec![name.to_owned()];
        for Timed { engines, .. } in timed {
            let ours = engines.iter().filter(|engine| engine.name.starts_with("dunlin"));
            let best = ours.map(Engine::median).fold(f64::INFINITY, f64::min);
            match engines.iter().find(|engine| engine.name == name) {
                Some(engine) => row.extend([
                    format!("{:.1} ({:.1})", engine.median() / 1e3, engine.least() / 1e3),
                    format!("{:.2}×", engine.median() / best),
                ]),
                None => row.extend([String::new(), String::new()]),
            }
        }
        table.push(row);
    }
    table
}
