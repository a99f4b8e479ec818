//! Packs a lowered graph into a blob.
//!
//! A lowered graph has no batch normalization and no activation that could be fused; its tensors are float32, or int8
//! with [`Operator::Quantize`](crate::graph::Operator::Quantize) and `Dequantize` at the borders. Int8 activations have
//! one scale and zero point, weights are int8 constants with scales along axis 0 (convolution, fully connected) or 3
//! (depthwise) or one scale, biases are int32 constants.
//!
//! Module `lowering` turns nodes into steps, [`plan`] finds them places, `program` writes them down. Golden
//! vectors need the program to run: the blob is assembled without them, run, and assembled again.

mod activation;
mod aligned_bytes;
mod channels;
mod error;
mod exact_multiplier;
mod golden;
mod lowering;
mod manifest;
mod multiplier;
mod operators;
mod options;
mod packing;
mod program;
mod reference;
mod sections;
mod view;
mod weights_section;

pub use aligned_bytes::AlignedBytes;
pub use error::PackError;
pub use lowering::Note;
pub use options::{Golden, InterfaceDescription, PackOptions, ReferenceData};
pub use sections::Blob;

use dunlin_runtime::format::{Operator, section};
use dunlin_runtime::{Error, Family, Needs, Overlap, needs, overlap};

use crate::graph::Graph;
use crate::plan::{self, Plan, Problem};
use lowering::Lowering;
use program::ProgramSection;
use sections::Draft;
use view::{Place, ViewId};

/// A blob and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// The blob.
    pub blob: Blob,
    /// Where everything lies in the arena.
    pub plan: Plan,
    /// What is worth knowing.
    pub notes: Vec<Note>,
    /// The steps, in the order in which they run.
    pub steps: Vec<StepInfo>,
}

/// A step of the program, for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepInfo {
    /// The name of the node, with an ending if the node takes more steps after this one.
    pub name: String,
    /// The index of the node in the graph's list.
    pub node: usize,
    /// What is computed.
    pub operator: Operator,
    /// The output's shape.
    pub output_shape: Vec<usize>,
    /// Multiplications of weights and activations.
    pub macs: u64,
    /// Bytes of the weights section that it refers to. Steps may share some.
    pub weight_bytes: usize,
    /// Where the output starts in the arena.
    pub arena_offset: usize,
    /// The output's length in bytes.
    pub arena_bytes: usize,
    /// The position of this step, where the output begins to live.
    pub first_step: usize,
    /// The position of the last step that reads the output.
    pub last_step: usize,
}

/// Packs a graph.
///
/// # Errors
/// The first thing in the graph or the options that a blob cannot express.
pub fn pack(graph: &Graph, options: &PackOptions) -> Result<Packed, PackError> {
    let mut lowering = Lowering::run(graph)?;
    let ranges: Vec<(f32, f32)> = (0..graph.inputs.len())
        .map(|index| options.inputs.get(index).and_then(|input| input.range).unwrap_or((-1.0, 1.0)))
        .collect();
    let mut draft = Draft::new(std::mem::take(&mut lowering.weights).finish());
    let memory = step_memory(&lowering, &mut draft)?;
    let plan = plan::plan(&problem(&lowering, &memory));
    let program = ProgramSection::new(&lowering, &plan, &ranges)?;
    let arena = plan.arena_bytes.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX - 15));

    let mut sections = vec![(section::PROGRAM, program.bytes(arena))];
    sections.push((section::MANIFEST, manifest::section(graph, options)?));
    sections.push((section::NAMES, names(&plan)));
    let model = draft.assemble(&sections)?.open().map_err(|error| refused(&lowering, &plan, error))?;
    sections.push((section::GOLDEN, golden::section(&model, &options.golden)?));
    if let Some(data) = &options.reference {
        sections.push((section::REFERENCE, reference::section(data)?));
    }
    draft.assemble(&sections)?;
    let blob = draft.finish()?;
    let steps = plan.order.iter().map(|&step| step_info(&lowering, &plan, step)).collect();
    Ok(Packed { blob, notes: lowering.notes, plan, steps })
}

/// What the runtime says of the memory of a step.
#[derive(Debug, Clone, Default)]
struct StepMemory {
    needs: [Needs; 8],
    overlap: Option<Overlap>,
}

/// The steps and buffers as the plan sees them. `memory` is that of each step; none before the runtime has seen the steps.
fn problem(lowering: &Lowering, memory: &[StepMemory]) -> Problem {
    let buffer = |id: &ViewId| match lowering.view(*id).place {
        Place::Buffer(buffer) => Some(buffer),
        Place::Constant(_) => None,
    };
    let steps = lowering.steps.iter().enumerate().map(|(index, step)| {
        let output = lowering.view(step.output);
        let in_place = matches!(
            step.operator,
            Operator::Add
                | Operator::Sub
                | Operator::Mul
                | Operator::Lookup
                | Operator::Unary
                | Operator::Softmax
        );
        let same = |id: &&ViewId| {
            let input = lowering.view(**id);
            input.dims == output.dims && input.data_type == output.data_type
        };
        let overwritable = step.inputs.iter().filter(|id| in_place && same(id)).filter_map(buffer);
        let StepMemory { needs, overlap } = memory.get(index).cloned().unwrap_or_default();
        let first = step.inputs.first().and_then(buffer);
        let overlaps =
            first.zip(overlap).map(|(input, Overlap { below, above })| plan::Overlap { input, below, above });
        plan::Step {
            name: step_name(lowering, index),
            inputs: step.inputs.iter().filter_map(buffer).collect(),
            output: buffer(&step.output).unwrap_or_default(),
            overwritable: overwritable.collect(),
            overlaps: overlaps.into_iter().collect(),
            scratch: needs.map(|needs| needs.scratch),
            prepared: needs.map(|needs| needs.prepared),
            input_copy: step.inputs.first().map_or(0, |id| lowering.view(*id).bytes().next_multiple_of(16)),
        }
    });
    Problem { buffers: lowering.buffers.clone(), steps: steps.collect() }
}

/// The name of a step, on one line: that of its node, or of its output if it only prepares the node's last step.
fn step_name(lowering: &Lowering, index: usize) -> String {
    let step = &lowering.steps[index];
    let prepares = lowering.steps.get(index + 1).is_some_and(|next| next.node == step.node);
    let name = match lowering.view(step.output).place {
        Place::Buffer(buffer) if prepares => &lowering.buffers[buffer].name,
        _ => &lowering.graph.nodes[step.node].name,
    };
    name.replace(['\n', '\r'], " ")
}

/// The names of the steps, one a line.
fn names(plan: &Plan) -> Vec<u8> {
    plan.step_names.join("\n").into_bytes()
}

/// Asks the runtime what memory every step needs, with all tensors apart.
fn step_memory(lowering: &Lowering, draft: &mut Draft) -> Result<Vec<StepMemory>, PackError> {
    let plan = plan::plan(&problem(lowering, &[]));
    let program = ProgramSection::new(lowering, &plan, &[])?;
    // More than any step needs: the runtime refuses programs that state too little.
    let sections = [(section::PROGRAM, program.bytes([u32::MAX - 15; 8]))];
    let model = draft.assemble(&sections)?.open().map_err(|error| refused(lowering, &plan, error))?;
    let mut memory = vec![StepMemory::default(); lowering.steps.len()];
    for (position, &step) in plan.order.iter().enumerate() {
        let Some(operation) = model.program().operation(position) else { continue };
        let refused =
            |defect| refused(lowering, &plan, Error::MalformedStep { step: position as u16, defect });
        memory[step].overlap = overlap(&operation).map_err(refused)?;
        for family in Family::ALL {
            memory[step].needs[family as usize] = needs(&operation, family).map_err(refused)?;
        }
    }
    Ok(memory)
}

/// A refusal of the runtime with the name of the node that it is about.
fn refused(lowering: &Lowering, plan: &Plan, error: Error) -> PackError {
    let Error::MalformedStep { step, defect } = error else { return PackError::Refused(error) };
    let Some(&index) = plan.order.get(usize::from(step)) else { return PackError::Refused(error) };
    let node = &lowering.graph.nodes[lowering.steps[index].node];
    PackError::Node {
        node: node.name.clone(),
        operator: node.operator.to_string(),
        problem: format!("the runtime cannot execute it: {defect}"),
        advice: "check its extents and padding, or report this as a defect of Dunlin, with the model".into(),
    }
}

fn step_info(lowering: &Lowering, plan: &Plan, index: usize) -> StepInfo {
    let step = &lowering.steps[index];
    let output = lowering.view(step.output);
    let skipped = output.dims.len() - usize::from(output.rank);
    let mut info = StepInfo {
        name: step_name(lowering, index),
        node: step.node,
        operator: step.operator,
        output_shape: output.dims.iter().skip(skipped).map(|&dim| dim as usize).collect(),
        macs: step.macs,
        weight_bytes: step.weight_bytes,
        arena_offset: 0,
        arena_bytes: output.bytes(),
        first_step: 0,
        last_step: 0,
    };
    if let Place::Buffer(buffer) = output.place {
        let planned = &plan.buffers[buffer];
        info.arena_offset = planned.offset;
        (info.first_step, info.last_step) = (planned.first_step, planned.last_step);
    }
    info
}
