//! What the runtime takes of a Cortex-M4's flash.

use std::collections::BTreeSet;

use dunlin_device::{Board, Selection, runtime_flash};
use dunlin_kernel_tests::aligned_bytes::AlignedBytes;
use dunlin_runtime::format::{DataType, Operator};
use dunlin_runtime::{Feature, Model as Opened};

use super::cortex_m4::BOARD;
use super::markdown::{Table, grouped, times};
use super::models::Model;
use super::section::Section;

/// Bytes of the program around TensorFlow Lite for Microcontrollers, which its figures contain.
const TFLM_AROUND: u64 = 952;

/// Measures the runtime with the operators of each model, with all of them, and if `each_operator`, with one operator at a time.
pub fn measure(models: &[Model], each_operator: bool) -> anyhow::Result<Section> {
    let board = Board::named(BOARD)?;
    // Operators with all parts of their kernels.
    let flash = |features: &[&'static str]| {
        let parts = Feature::ALL.iter().map(|part| part.name());
        runtime_flash(board, &Selection::Only(features.iter().copied().chain(parts).collect::<BTreeSet<_>>()))
    };
    let mut section = Section::new("Code size");
    section.add(
        "Code and constants of the runtime on a Cortex-M4, in bytes: an image that opens a model and runs it, less an image that does \
         nothing. Logging, files, start-up and the blob are not part of it.",
    );
    let mut table = Table::new(&["image with", ">bytes", ">TFLM", ">ratio"]);
    for model in models {
        let (name, blob) = (model.subject.name, AlignedBytes::copy(&model.blob));
        let bytes = runtime_flash(board, &Selection::of([Opened::open(&blob)?]))?;
        let tflm = model.subject.tflm.flash - TFLM_AROUND;
        section.figure(&format!("code-size.{name}"), "flash-bytes", bytes);
        table.push([format!("the operators of {name}"), grouped(bytes), grouped(tflm), times(tflm, bytes)]);
    }
    let operators: Vec<_> = Operator::ALL.iter().map(|operator| operator.name()).collect();
    let int8 = flash(&operators)?;
    let everything = runtime_flash(board, &Selection::Everything)?;
    for (subject, title, bytes) in [
        ("code-size.int8", "all operators, int8", int8),
        ("code-size.everything", "all operators, int8 and float32", everything),
    ] {
        section.figure(subject, "flash-bytes", bytes);
        table.push([title.to_owned(), grouped(bytes)]);
    }
    section.add(table);
    if each_operator {
        let core = flash(&[])?;
        let mut table = Table::new(&["operator", ">int8 alone", ">int8 and float32 alone"]);
        table.push(["none: blobs, sessions, errors".to_owned(), grouped(core)]);
        for operator in operators {
            let alone = flash(&[operator])?.saturating_sub(core);
            let both = flash(&[operator, DataType::Float32.name()])?.saturating_sub(core);
            table.push([operator.to_owned(), grouped(alone), grouped(both)]);
        }
        section.add(
            "Bytes per operator: what an image with this operator alone takes more than one without operators. Operators share code, so \
             that several together take less than the sum.",
        );
        section.add(table);
    }
    Ok(section)
}
