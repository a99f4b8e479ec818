//! Writes blobs from what `docs/format.md` says, apart from the converter.

use bytemuck::{Pod, Zeroable, bytes_of};
use dunlin_runtime::format::{
    DataType, FORMAT_VERSION, GoldenHeader, HEADER_BYTES, Header, MAGIC, OPERATOR_SET, Operator, PACKING,
    ProgramHeader, SectionEntry, StepRecord, Storage, TensorRecord, section,
};
use dunlin_runtime::{Family, Model, content_digest, needs};

use crate::aligned_bytes::AlignedBytes;
use crate::case::Quantization;

/// A blob under construction. Fields are open, so that tests can make them wrong.
#[derive(Debug, Clone, Default)]
pub struct BlobBuilder {
    /// The weights section.
    pub weights: Vec<u8>,
    /// Tensor records.
    pub tensors: Vec<TensorRecord>,
    /// Step records; operands are counted from the first one of all steps, a scratch offset of 0 is that behind all tensors.
    pub steps: Vec<StepRecord>,
    /// Operands of the steps.
    pub operands: Vec<u16>,
    /// The attribute table.
    pub attributes: Vec<u8>,
    /// Model inputs.
    pub inputs: Vec<u16>,
    /// Model outputs.
    pub outputs: Vec<u16>,
    /// Bytes of the arena that tensors occupy.
    pub activation_bytes: u32,
    /// Content of the golden section, if there is to be one.
    pub golden: Option<Vec<u8>>,
}

impl BlobBuilder {
    /// Puts bytes into the weights section, at a multiple of 16. Returns where.
    pub fn weights(&mut self, bytes: &[u8]) -> u32 {
        self.weights.resize(self.weights.len().next_multiple_of(16), 0);
        let offset = self.weights.len() as u32;
        self.weights.extend(bytes);
        offset
    }

    /// Adds a tensor at the end of the arena, or in the weights section if it has `constant` bytes.
    pub fn tensor(
        &mut self,
        data_type: DataType,
        dims: [u32; 4],
        quantization: Quantization,
        constant: Option<&[u8]>,
    ) -> u16 {
        let (storage, offset) = match constant {
            Some(bytes) => (Storage::Weights, self.weights(bytes)),
            None => (Storage::Arena, self.activation_bytes),
        };
        let Quantization { scale, zero_point } = quantization;
        let tensor = TensorRecord {
            data_type: data_type as u8,
            rank: 4,
            storage: storage as u8,
            reserved: 0,
            offset,
            dims,
            scale,
            zero_point,
        };
        if storage == Storage::Arena {
            let bytes = tensor.bytes().expect("a tensor of a test is small") as u32;
            self.activation_bytes = (offset + bytes).next_multiple_of(16);
        }
        self.tensors.push(tensor);
        self.tensors.len() as u16 - 1
    }

    /// Adds a tensor in the place of another one.
    pub fn tensor_over(&mut self, other: u16, quantization: Quantization) -> u16 {
        let mut tensor = self.tensors[usize::from(other)];
        (tensor.scale, tensor.zero_point) = (quantization.scale, quantization.zero_point);
        self.tensors.push(tensor);
        self.tensors.len() as u16 - 1
    }

    /// Adds a step.
    pub fn step(&mut self, operator: Operator, inputs: &[u16], output: u16, attributes: &[u8]) {
        self.steps.push(StepRecord {
            operator: operator as u8,
            input_count: inputs.len() as u8,
            reserved: 0,
            first_operand: self.operands.len() as u32,
            attribute_offset: self.attributes.len() as u32,
            scratch_offset: 0,
        });
        self.operands.extend(inputs);
        self.operands.push(output);
        self.attributes.extend(attributes);
    }

    /// The blob, with the arena that its steps need. Its digest is left to [`seal`].
    ///
    /// # Panics
    /// If the runtime does not open it.
    pub fn build(&self) -> AlignedBytes {
        let unbounded = self.build_with_arena([1 << 30; 8]);
        let model = Model::open(&unbounded).unwrap_or_else(|error| panic!("{error}"));
        let mut arena = [self.activation_bytes; 8];
        for family in Family::ALL {
            let of_steps = (0..self.steps.len()).map(|step| {
                let operation = model.program().operation(step).expect("the step was verified");
                needs(&operation, family).expect("the step was verified")
            });
            let scratch = of_steps.clone().map(|needs| needs.scratch).max().unwrap_or(0);
            let prepared: usize = of_steps.map(|needs| needs.prepared).sum();
            arena[family as usize] += (scratch + prepared) as u32;
        }
        self.build_with_arena(arena)
    }

    /// The blob, with a stated arena and without opening it. Its digest is left to [`seal`].
    pub fn build_with_arena(&self, arena_bytes: [u32; 8]) -> AlignedBytes {
        let mut sections =
            vec![(section::WEIGHTS, self.weights.clone()), (section::PROGRAM, self.program(arena_bytes))];
        sections.extend(self.golden.clone().map(|golden| (section::GOLDEN, golden)));
        let mut header = Header {
            magic: MAGIC,
            version: FORMAT_VERSION,
            header_bytes: HEADER_BYTES as u16,
            section_count: sections.len() as u32,
            ..Header::zeroed()
        };
        let mut body = Vec::new();
        for (entry, (kind, bytes)) in header.sections.iter_mut().zip(&sections) {
            let offset = (HEADER_BYTES + body.len()) as u32;
            *entry = SectionEntry { kind: *kind, offset, length: bytes.len() as u32 };
            body.extend(bytes);
            body.resize(body.len().next_multiple_of(16), 0);
        }
        header.total_bytes = (HEADER_BYTES + body.len()) as u32;
        AlignedBytes::copy(&[bytes_of(&header), &body].concat())
    }

    fn program(&self, arena_bytes: [u32; 8]) -> Vec<u8> {
        let mut operands = [self.inputs.as_slice(), &self.outputs].concat();
        let first_operand = operands.len() as u32;
        operands.extend(&self.operands);
        let operand_count = operands.len() as u16;
        operands.resize(operands.len().next_multiple_of(2), 0);
        let header = ProgramHeader {
            operator_set: OPERATOR_SET,
            packing: PACKING,
            tensor_count: self.tensors.len() as u16,
            step_count: self.steps.len() as u16,
            operand_count,
            input_count: self.inputs.len() as u8,
            output_count: self.outputs.len() as u8,
            attribute_bytes: self.attributes.len() as u32,
            activation_bytes: self.activation_bytes,
            arena_bytes,
            reserved: [0; 3],
        };
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|step| StepRecord {
                first_operand: step.first_operand + first_operand,
                scratch_offset: match step.scratch_offset {
                    0 => self.activation_bytes,
                    stated => stated,
                },
                ..*step
            })
            .collect();
        fn bytes<T: Pod>(records: &[T]) -> &[u8] {
            bytemuck::cast_slice(records)
        }
        let tables = [bytes(&self.tensors), bytes(&steps), bytes(&operands), &self.attributes];
        [bytes_of(&header), &tables.concat()].concat()
    }
}

/// Puts the digest of a blob's content into its header.
pub fn seal(blob: &mut [u8]) {
    let digest = content_digest(blob);
    blob[Header::DIGEST_OFFSET..][..digest.len()].copy_from_slice(&digest);
}

/// The header of a golden section for `count` vectors, compared exactly.
pub fn golden_header(count: u32) -> GoldenHeader {
    GoldenHeader { count, tolerance: 0.0, reserved: [0; 2] }
}
