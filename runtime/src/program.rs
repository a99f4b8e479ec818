//! The program of a blob, read in place.

use bytemuck::Pod;

use crate::error::{Defect, Error};
use crate::format::{
    DataType, MAX_RANK, Operator, PACKING, ProgramHeader, StepRecord, Storage, TensorRecord, section,
};

/// Tensors, steps and weights of a blob.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    header: &'a ProgramHeader,
    tensors: &'a [TensorRecord],
    steps: &'a [StepRecord],
    operands: &'a [u16],
    attributes: &'a [u8],
    weights: &'a [u8],
}

/// Takes `count` records off the front of `bytes`.
fn take<'a, T: Pod>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [T]> {
    let (records, rest) = bytes.split_at_checked(count.checked_mul(size_of::<T>())?)?;
    *bytes = rest;
    bytemuck::try_cast_slice(records).ok()
}

impl<'a> Program<'a> {
    /// Splits a program section into its tables. Tensors are checked, steps are not yet.
    ///
    /// # Errors
    /// [`Error::UnsupportedOperatorSet`] and [`Error::UnsupportedPacking`] for later programs, [`Error::MalformedSection`] for
    /// tables that do not fit the section, [`Error::MalformedTensor`] for a tensor outside of its storage.
    pub(crate) fn parse(section_bytes: &'a [u8], weights: &'a [u8]) -> Result<Program<'a>, Error> {
        const MALFORMED: Error = Error::MalformedSection(section::PROGRAM);
        let mut rest = section_bytes;
        let header = take::<ProgramHeader>(&mut rest, 1).and_then(<[_]>::first).ok_or(MALFORMED)?;
        if header.operator_set > crate::format::OPERATOR_SET {
            return Err(Error::UnsupportedOperatorSet {
                needed: header.operator_set,
                available: crate::format::OPERATOR_SET,
            });
        }
        if header.packing != PACKING {
            return Err(Error::UnsupportedPacking(header.packing));
        }
        let program = Program::tables(header, rest, weights).ok_or(MALFORMED)?;
        match program.malformed_tensor() {
            Some(index) => Err(Error::MalformedTensor(index)),
            None => Ok(program),
        }
    }

    /// Splits what is behind the header into tables. `None` if they do not fit, or if a field of the header is wrong.
    fn tables(header: &'a ProgramHeader, bytes: &'a [u8], weights: &'a [u8]) -> Option<Program<'a>> {
        let mut rest = bytes;
        let tensors = take(&mut rest, header.tensor_count.into())?;
        let steps = take(&mut rest, header.step_count.into())?;
        let operand_count = usize::from(header.operand_count);
        let operands: &[u16] = take(&mut rest, operand_count.next_multiple_of(2))?;
        let operands = operands.get(..operand_count)?;
        let interfaces = u16::from(header.input_count) + u16::from(header.output_count);
        // Bits that are set in none of them.
        let arena_bytes = header.arena_bytes.iter().fold(header.activation_bytes, |all, bytes| all | bytes);
        let reserved = header.reserved.iter().fold(0, |all, field| all | field);
        let is_valid = header.operator_set != 0
            && reserved == 0
            && header.attribute_bytes.is_multiple_of(4)
            && arena_bytes.is_multiple_of(16)
            && header.attribute_bytes as usize == rest.len()
            && header.input_count != 0
            && header.output_count != 0
            && header.operand_count >= interfaces
            && operands.iter().all(|&operand| operand < header.tensor_count);
        is_valid.then_some(Program { header, tensors, steps, operands, attributes: rest, weights })
    }

    /// The first tensor that is malformed, or an input or output of the model that does not lie in the arena.
    #[inline(never)]
    fn malformed_tensor(&self) -> Option<u16> {
        let (inputs, outputs) = (usize::from(self.header.input_count), usize::from(self.header.output_count));
        let mut interfaces = self.operands.iter().take(inputs + outputs).copied();
        let is_constant =
            |&index: &u16| self.tensor(index).is_none_or(|tensor| tensor.storage() != Some(Storage::Arena));
        let malformed = self.tensors.iter().position(|tensor| !self.holds(tensor));
        malformed.map(|index| index as u16).or_else(|| interfaces.find(is_constant))
    }

    /// Whether a tensor is well formed and lies inside its storage.
    fn holds(&self, tensor: &TensorRecord) -> bool {
        let (Some(bytes), Some(storage)) = (tensor.bytes(), tensor.storage()) else { return false };
        let available = match storage {
            Storage::Arena => self.header.activation_bytes as usize,
            Storage::Weights => self.weights.len(),
        };
        let rank = usize::from(tensor.rank);
        let mut are_dims_valid = rank <= MAX_RANK;
        for (index, &dim) in tensor.dims.iter().enumerate() {
            are_dims_valid &= dim == 1 || dim != 0 && index + rank >= MAX_RANK;
        }
        // Positive and finite: neither 0 nor infinite.
        let is_scale_valid = (1..f32::INFINITY.to_bits()).contains(&tensor.scale.to_bits());
        tensor.reserved == 0
            && are_dims_valid
            && is_scale_valid
            && tensor.offset.is_multiple_of(4)
            && (tensor.offset as usize).saturating_add(bytes) <= available
            && (-128..=127).contains(&tensor.zero_point)
    }

    /// Header of the section.
    pub fn header(&self) -> &'a ProgramHeader {
        self.header
    }

    /// Tensor records.
    pub fn tensors(&self) -> &'a [TensorRecord] {
        self.tensors
    }

    /// Step records.
    pub fn steps(&self) -> &'a [StepRecord] {
        self.steps
    }

    /// The weights section.
    pub fn weights(&self) -> &'a [u8] {
        self.weights
    }

    fn tensor(&self, index: u16) -> Option<&'a TensorRecord> {
        self.tensors.get(usize::from(index))
    }

    /// Model input `index`.
    pub fn input(&self, index: usize) -> Option<&'a TensorRecord> {
        let inputs = self.operands.get(..self.header.input_count.into())?;
        self.tensor(*inputs.get(index)?)
    }

    /// Model output `index`.
    pub fn output(&self, index: usize) -> Option<&'a TensorRecord> {
        let first = usize::from(self.header.input_count);
        let outputs = self.operands.get(first..first + usize::from(self.header.output_count))?;
        self.tensor(*outputs.get(index)?)
    }

    /// Step `index` with its operands. `None` if there is no such step, or it has no input, or operands that are not in the table.
    pub fn operation(&self, index: usize) -> Option<Operation<'_>> {
        let step = self.steps.get(index)?;
        let operands = self.operands.get(step.first_operand as usize..)?;
        let (inputs, rest) = operands.split_at_checked(step.input_count.into())?;
        let (first_input, output) = (self.tensor(*inputs.first()?)?, self.tensor(*rest.first()?)?);
        Some(Operation { program: self, step, inputs, first_input, output })
    }
}

/// A step with its operands and attributes.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    program: &'a Program<'a>,
    step: &'a StepRecord,
    inputs: &'a [u16],
    first_input: &'a TensorRecord,
    output: &'a TensorRecord,
}

impl<'a> Operation<'a> {
    /// The operator; `None` for a number of a later operator set.
    pub fn operator(&self) -> Option<Operator> {
        Operator::from_number(self.step.operator)
    }

    /// The number of the operator, known or not.
    pub(crate) fn number(&self) -> u8 {
        self.step.operator
    }

    /// The program that the step belongs to.
    pub fn program(&self) -> &'a Program<'a> {
        self.program
    }

    /// Number of inputs.
    pub fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// Input `index`.
    ///
    /// # Errors
    /// [`Defect::Operands`] if there are fewer.
    pub fn input(&self, index: usize) -> Result<&'a TensorRecord, Defect> {
        self.inputs.get(index).and_then(|&input| self.program.tensor(input)).ok_or(Defect::Operands)
    }

    /// The first input.
    pub fn first_input(&self) -> &'a TensorRecord {
        self.first_input
    }

    /// The output.
    pub fn output(&self) -> &'a TensorRecord {
        self.output
    }

    /// The record of attributes, of the type that belongs to the operator.
    ///
    /// # Errors
    /// [`Defect::Attributes`] if the record is not in the table.
    pub fn attributes<T: Pod>(&self) -> Result<&'a T, Defect> {
        self.record().ok_or(Defect::Attributes)
    }

    // Not inlined, as an `Option`: a microcontroller returns it in registers.
    #[inline(never)]
    fn record<T: Pod>(&self) -> Option<&'a T> {
        let bytes = self.program.attributes.get(self.step.attribute_offset as usize..)?;
        bytemuck::try_from_bytes(bytes.get(..size_of::<T>())?).ok()
    }

    /// `count` records of the weights section, from `offset` bytes on.
    ///
    /// # Errors
    /// [`Defect::Weights`] if they are not inside the section or not aligned.
    pub fn weights<T: Pod>(&self, offset: u32, count: usize) -> Result<&'a [T], Defect> {
        let bytes = self.weight_bytes(offset, count.saturating_mul(size_of::<T>()));
        bytes.and_then(|bytes| bytemuck::try_cast_slice(bytes).ok()).ok_or(Defect::Weights)
    }

    #[inline(never)]
    fn weight_bytes(&self, offset: u32, length: usize) -> Option<&'a [u8]> {
        self.program.weights.get(offset as usize..)?.get(..length)
    }

    /// Checks that there are `count` inputs and that they and the output are of `data_type`.
    pub(crate) fn require(&self, count: usize, data_type: DataType) -> Result<(), Defect> {
        if self.inputs.len() != count || self.step.reserved != 0 {
            return Err(Defect::Operands);
        }
        let mut inputs = self.inputs.iter().map(|&input| self.program.tensor(input));
        let is_same =
            self.output.is(data_type) && inputs.all(|input| input.is_some_and(|input| input.is(data_type)));
        if is_same { Ok(()) } else { Err(Defect::DataTypes) }
    }

    /// Checks that there are `count` inputs and that they and the output are int8, or all float32 in a build that has such steps.
    pub(crate) fn require_elements(&self, count: usize) -> Result<(), Defect> {
        self.require(count, if self.is_float32() { DataType::Float32 } else { DataType::Int8 })
    }

    /// Whether the output is float32: never in a build without such steps, which therefore contains nothing of them.
    pub(crate) fn is_float32(&self) -> bool {
        cfg!(feature = "float32") && self.output.is(DataType::Float32)
    }

    /// Type of the output's elements.
    pub(crate) fn data_type(&self) -> Result<DataType, Defect> {
        self.output.data_type().ok_or(Defect::DataTypes)
    }

    /// Where the step's scratch begins in the arena.
    pub fn scratch_offset(&self) -> usize {
        self.step.scratch_offset as usize
    }

    /// Checks that the scratch begins at a multiple of 16 and behind all operands.
    pub(crate) fn require_scratch_behind(&self) -> Result<(), Defect> {
        let start = self.scratch_offset();
        let is_below = |tensor: &TensorRecord| {
            tensor.storage() != Some(Storage::Arena)
                || tensor.bytes().is_some_and(|bytes| (tensor.offset as usize).saturating_add(bytes) <= start)
        };
        let mut inputs = self.inputs.iter().map(|&input| self.program.tensor(input));
        let is_behind = start.is_multiple_of(16)
            && is_below(self.output)
            && inputs.all(|input| input.is_some_and(&is_below));
        if is_behind { Ok(()) } else { Err(Defect::Scratch) }
    }

    /// Whether the first input and the output share a byte of the arena.
    pub(crate) fn shares_memory(&self) -> bool {
        self.first_input.storage() == Some(Storage::Arena) && overlaps(self.first_input, self.output)
    }

    /// Checks that the output lies in the arena.
    pub(crate) fn require_arena_output(&self) -> Result<(), Defect> {
        if self.output.storage() == Some(Storage::Arena) { Ok(()) } else { Err(Defect::Placement) }
    }

    /// Checks that the first input and the output lie in the arena.
    pub(crate) fn require_arena(&self) -> Result<(), Defect> {
        let is_variable = self.first_input.storage() == Some(Storage::Arena);
        if is_variable { self.require_arena_output() } else { Err(Defect::Placement) }
    }

    /// Checks that the output lies in the arena and that no input shares a byte with it, except inputs of the same shape at
    /// the same offset where `in_place` says that the operator reads an element before it writes it.
    pub(crate) fn require_placement(&self, in_place: bool) -> Result<(), Defect> {
        self.require_arena_output()?;
        for index in 0..self.inputs.len() {
            let input = self.input(index)?;
            let same = in_place
                && input.offset == self.output.offset
                && input.has_shape_of(self.output)
                && input.data_type == self.output.data_type;
            if input.storage() == Some(Storage::Arena) && !same && overlaps(input, self.output) {
                return Err(Defect::Placement);
            }
        }
        Ok(())
    }
}

/// Whether two tensors of the arena share a byte. Tensors are checked before steps: their bytes can be counted.
fn overlaps(a: &TensorRecord, b: &TensorRecord) -> bool {
    let end = |tensor: &TensorRecord| (tensor.offset as usize).saturating_add(tensor.bytes().unwrap_or(0));
    (a.offset as usize) < end(b) && (b.offset as usize) < end(a)
}
