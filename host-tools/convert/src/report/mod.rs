//! What there is to know about a blob before anything is flashed: its cost layer by layer, its totals, how far it is from
//! the trained model, and whether a board has room for it.
//!
//! The types serialize to the JSON that `--report` writes; [`terminal`] renders the same for people.

mod blob;
mod board;
mod comparison;
mod step_cost;
mod table;
pub mod terminal;

use serde::Serialize;

pub use blob::{Arena, BlobDescription, FamilyArena, Interface, Layer, SectionBytes, describe};
pub use board::{BoardBudget, BoardVerdict};
pub use comparison::{
    Classification, Comparer, Comparison, LayerDeviation, OutputDeviation, Regression, Truth,
};
pub use table::Table;

use crate::pack::Packed;
use crate::passes::PassReport;
use crate::timing::StageSeconds;

/// The report of a conversion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The model file that was converted.
    pub source: String,
    /// `int8`, `float32`, or `imported int8` where the integers came with the model.
    pub scheme: String,
    /// The blob.
    pub blob: BlobDescription,
    /// Transposes that the imported graph had and the blob has not.
    pub transposes_removed: usize,
    /// Transposes in the blob: those that the model really needs.
    pub transposes_left: usize,
    /// Each pass and the number of rewrites that it made.
    pub passes: Vec<Pass>,
    /// The memory plan's strategy and bounds.
    pub plan: PlanSummary,
    /// What the activations' ranges were taken from; `None` where nothing had to be calibrated.
    pub calibration: Option<CalibrationSummary>,
    /// Difference between the float model and the blob on the calibration inputs.
    pub comparison: Option<Comparison>,
    /// Remarks on single nodes.
    pub notes: Vec<String>,
    /// Whether the board has room, if one was named.
    pub board: Option<BoardVerdict>,
    /// What the stages took, if that was asked for: all else is the same in every conversion of the same files.
    pub seconds: Option<StageSeconds>,
}

/// What a pass did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pass {
    /// Its name.
    pub name: String,
    /// How many rewrites it made.
    pub rewrites: usize,
}

/// How the arena was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanSummary {
    /// The strategy whose arena was the smallest.
    pub strategy: String,
    /// Bytes for activations.
    pub activation_bytes: usize,
    /// No placement for this order of steps is shorter.
    pub lower_bound: usize,
    /// What placing the largest buffers first would have taken.
    pub greedy_by_size_bytes: Option<usize>,
    /// The name of the step that needs the most memory, scratch of the family `dsp` included.
    pub peak_layer: String,
}

/// What calibration saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationSummary {
    /// The file, and the key in it.
    pub inputs: String,
    /// Number of samples.
    pub samples: usize,
    /// How ranges were taken from the histograms.
    pub method: String,
}

impl Report {
    /// The report of a packed blob; what only the conversion knows is left to the public fields.
    ///
    /// # Errors
    /// If the runtime refuses the blob, which [`pack`](crate::pack::pack) excludes.
    pub fn new(source: &str, scheme: &str, packed: &Packed) -> Result<Report, dunlin_runtime::Error> {
        let mut blob = describe(&packed.blob.open()?);
        for (layer, step) in blob.layers.iter_mut().zip(&packed.steps) {
            layer.name.clone_from(&step.name);
            layer.first_step = Some(step.first_step);
            layer.last_step = Some(step.last_step);
        }
        let plan = &packed.plan;
        let transposes_left =
            packed.steps.iter().filter(|step| step.operator == dunlin_runtime::format::Operator::Transpose);
        let greedy = plan.attempts.iter().filter(|attempt| {
            attempt.strategy == crate::plan::Strategy::GreedyBySize
                && !(attempt.in_place || attempt.overlapping || attempt.reordered)
        });
        Ok(Report {
            source: source.to_owned(),
            scheme: scheme.to_owned(),
            transposes_removed: 0,
            transposes_left: transposes_left.count(),
            passes: Vec::new(),
            plan: PlanSummary {
                strategy: plan.chosen.strategy.to_string(),
                activation_bytes: plan.activation_bytes,
                lower_bound: plan.lower_bound,
                greedy_by_size_bytes: greedy.map(|attempt| attempt.bytes).min(),
                peak_layer: plan.step_names.get(plan.peak_step()).cloned().unwrap_or_default(),
            },
            calibration: None,
            comparison: None,
            notes: packed.notes.iter().map(|note| format!("{}: {}", note.node, note.message)).collect(),
            board: None,
            seconds: None,
            blob,
        })
    }

    /// Notes what the passes did. What the pass `layout` counts are transposes.
    pub fn set_passes(&mut self, passes: &[PassReport]) {
        let layout = passes.iter().find(|pass| pass.name == "layout");
        self.transposes_removed = layout.map_or(0, |pass| pass.rewrites);
        self.passes =
            passes.iter().map(|pass| Pass { name: pass.name.to_owned(), rewrites: pass.rewrites }).collect();
    }

    /// Notes the comparison with the float model, and the deviation of each layer of the same name.
    pub fn set_comparison(&mut self, comparison: Comparison) {
        for layer in &mut self.blob.layers {
            if let Some(deviation) = comparison.layers.iter().find(|other| other.name == layer.name) {
                layer.sqnr_db = deviation.sqnr_db;
                layer.worst_error = Some(deviation.worst_error);
            }
        }
        self.comparison = Some(comparison);
    }

    /// Holds the blob against a board.
    pub fn judge(&mut self, board: &BoardBudget) {
        self.board = Some(board.judge(&self.blob));
    }

    /// The report as JSON. A signal-to-noise ratio is `null` where nothing differs.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Any of this module's types as indented JSON, with a line feed at its end.
pub fn to_json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| unreachable!("names, numbers and lists always serialize: {error}"));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
