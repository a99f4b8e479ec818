//! Tensors, steps, operands and attributes as the records of the program section.

use std::collections::BTreeMap;

use dunlin_runtime::format::{OPERATOR_SET, PACKING, ProgramHeader, StepRecord, Storage, TensorRecord};

use super::error::PackError;
use super::lowering::{LoweredStep, Lowering};
use super::view::{Affine, Place, View, ViewId};
use crate::plan::Plan;

/// The tables of a program section.
#[derive(Debug, Default)]
pub(super) struct ProgramSection {
    inputs: usize,
    outputs: usize,
    activation_bytes: usize,
    tensors: Vec<TensorRecord>,
    steps: Vec<StepRecord>,
    operands: Vec<u16>,
    attributes: Vec<u8>,
}

impl ProgramSection {
    /// The records of a planned program. `input_ranges` states for each float32 input the values from which synthetic
    /// vectors are made.
    ///
    /// # Errors
    /// If there is more of something than the format can count.
    pub fn new(lowering: &Lowering, plan: &Plan, input_ranges: &[(f32, f32)]) -> Result<Self, PackError> {
        let graph = lowering.graph;
        let mut section = Self {
            inputs: graph.inputs.len(),
            outputs: graph.outputs.len(),
            activation_bytes: plan.activation_bytes,
            ..Self::default()
        };
        let mut index_of = BTreeMap::new();
        for (position, &input) in graph.inputs.iter().enumerate() {
            let view = lowering.interface(input);
            section.operand(&mut index_of, lowering, plan, view);
            if let (None, Some(&(low, high))) = (lowering.view(view).quantization, input_ranges.get(position))
            {
                let Affine { scale, zero_point } = range_as_affine(low, high);
                let tensor = &mut section.tensors[usize::from(index_of[&view])];
                (tensor.scale, tensor.zero_point) = (scale, zero_point);
            }
        }
        for &output in &graph.outputs {
            section.operand(&mut index_of, lowering, plan, lowering.interface(output));
        }
        for (&step, &scratch_offset) in plan.order.iter().zip(&plan.scratch_offsets) {
            section.step(&mut index_of, lowering, plan, &lowering.steps[step], scratch_offset as u32);
        }
        let counts = [
            ("tensors", index_of.len(), usize::from(u16::MAX)),
            ("steps", section.steps.len(), usize::from(u16::MAX)),
            ("operands", section.operands.len(), usize::from(u16::MAX) - 1),
            ("inputs", graph.inputs.len(), usize::from(u8::MAX)),
            ("outputs", graph.outputs.len(), usize::from(u8::MAX)),
            ("bytes of activations", plan.activation_bytes, u32::MAX as usize),
        ];
        for (what, count, limit) in counts {
            if count > limit {
                return Err(PackError::TooLarge { what, count, limit });
            }
        }
        Ok(section)
    }

    fn step(
        &mut self,
        index_of: &mut BTreeMap<ViewId, u16>,
        lowering: &Lowering,
        plan: &Plan,
        step: &LoweredStep,
        scratch_offset: u32,
    ) {
        self.steps.push(StepRecord {
            operator: step.operator as u8,
            input_count: step.inputs.len() as u8,
            reserved: 0,
            first_operand: self.operands.len() as u32,
            attribute_offset: self.attributes.len() as u32,
            scratch_offset,
        });
        self.attributes.extend_from_slice(&step.attributes);
        for &view in step.inputs.iter().chain([&step.output]) {
            self.operand(index_of, lowering, plan, view);
        }
    }

    /// Appends an operand, and the tensor that it names when it is met for the first time.
    fn operand(
        &mut self,
        index_of: &mut BTreeMap<ViewId, u16>,
        lowering: &Lowering,
        plan: &Plan,
        view: ViewId,
    ) {
        let next = self.tensors.len() as u16;
        let index = *index_of.entry(view).or_insert(next);
        if index == next {
            self.tensors.push(tensor(lowering.view(view), plan));
        }
        self.operands.push(index);
    }

    /// The section, with the arena that each kernel family needs.
    pub fn bytes(&self, arena_bytes: [u32; 8]) -> Vec<u8> {
        let header = ProgramHeader {
            operator_set: OPERATOR_SET,
            packing: PACKING,
            tensor_count: self.tensors.len() as u16,
            step_count: self.steps.len() as u16,
            operand_count: self.operands.len() as u16,
            input_count: self.inputs as u8,
            output_count: self.outputs as u8,
            attribute_bytes: self.attributes.len() as u32,
            activation_bytes: self.activation_bytes as u32,
            arena_bytes,
            reserved: [0; 3],
        };
        let mut operands = self.operands.clone();
        operands.resize(operands.len().next_multiple_of(2), 0);
        [
            bytemuck::bytes_of(&header),
            bytemuck::cast_slice(&self.tensors),
            bytemuck::cast_slice(&self.steps),
            bytemuck::cast_slice(&operands),
            &self.attributes,
        ]
        .concat()
    }
}

fn tensor(view: &View, plan: &Plan) -> TensorRecord {
    let (storage, offset) = match view.place {
        Place::Buffer(buffer) => (Storage::Arena, plan.buffers[buffer].offset as u32),
        Place::Constant(offset) => (Storage::Weights, offset),
    };
    let Affine { scale, zero_point } = view.quantization.unwrap_or(Affine { scale: 1.0, zero_point: 0 });
    TensorRecord {
        data_type: view.data_type as u8,
        rank: view.rank,
        storage: storage as u8,
        reserved: 0,
        offset,
        dims: view.dims,
        scale,
        zero_point,
    }
}

/// A scale and zero point whose int8 range covers `low` to `high` and 0.
fn range_as_affine(low: f32, high: f32) -> Affine {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let scale = (high - low) / 255.0;
    if !(scale.is_normal() && scale.is_sign_positive()) {
        return Affine { scale: 1.0 / 128.0, zero_point: 0 };
    }
    Affine { scale, zero_point: ((-128.0 - low / scale).round() as i32).clamp(-128, 127) }
}
