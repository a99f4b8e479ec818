//! The program of a blob, read in place.

use bytemuck::Pod;

use crate::error::{Defect, Error};
use crate::format::{DataType, Operator, PACKING, ProgramHeader, StepRecord, Storage, TensorRecord, section};

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
        let tensors = take(&mut rest, header.tensor_count.into()).ok_or(MALFORMED)?;
        let steps = take(&mut rest, header.step_count.into()).ok_or(MALFORMED)?;
        let padded = usize::from(header.operand_count).next_multiple_of(2);
        let operands: &[u16] = take(&mut rest, padded).ok_or(MALFORMED)?;
        let attributes = rest.get(..header.attribute_bytes as usize).ok_or(MALFORMED)?;
        let interfaces = u16::from(header.input_count) + u16::from(header.output_count);
        let operands = operands.get(..header.operand_count.into()).ok_or(MALFORMED)?;
        if header.operator_set == 0
            || header.reserved != [0; 3]
            || !header.attribute_bytes.is_multiple_of(4)
            || !header.activation_bytes.is_multiple_of(16)
            || header.arena_bytes.iter().any(|bytes| !bytes.is_multiple_of(16))
            || attributes.len() != rest.len()
            || header.input_count == 0
            || header.output_count == 0
            || header.operand_count < interfaces
            || operands.iter().any(|&operand| operand >= header.tensor_count)
        {
            return Err(MALFORMED);
        }
        let program = Program { header, tensors, steps, operands, attributes, weights };
        for (index, tensor) in (0..).zip(tensors) {
            if !program.holds(tensor) {
                return Err(Error::MalformedTensor(index));
            }
        }
        let interface = operands.get(..interfaces.into()).unwrap_or_default();
        for &index in interface {
            if program.tensor(index).is_none_or(|tensor| tensor.storage() != Some(Storage::Arena)) {
                return Err(Error::MalformedTensor(index));
            }
        }
        Ok(program)
    }

    /// Whether a tensor is well formed and lies inside its storage.
    fn holds(&self, tensor: &TensorRecord) -> bool {
        let (Some(bytes), Some(storage)) = (tensor.bytes(), tensor.storage()) else { return false };
        let available = match storage {
            Storage::Arena => self.header.activation_bytes as usize,
            Storage::Weights => self.weights.len(),
        };
        let leading = crate::format::MAX_RANK.saturating_sub(tensor.rank.into());
        tensor.reserved == 0
            && usize::from(tensor.rank) <= crate::format::MAX_RANK
            && tensor.dims.iter().take(leading).all(|&dim| dim == 1)
            && tensor.dims.iter().all(|&dim| dim != 0)
            && tensor.offset.is_multiple_of(4)
            && (tensor.offset as usize).checked_add(bytes).is_some_and(|end| end <= available)
            && tensor.scale.is_finite()
            && tensor.scale > 0.0
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

    /// Step `index` with its operands. `None` if there is no such step or its operands are not in the table.
    pub fn operation(&self, index: usize) -> Option<Operation<'a>> {
        let step = self.steps.get(index)?;
        let first = step.first_operand as usize;
        let operands = self.operands.get(first..first.checked_add(usize::from(step.input_count) + 1)?)?;
        let (output, inputs) = operands.split_last()?;
        Some(Operation { program: *self, step, inputs, output: self.tensor(*output)? })
    }
}

/// A step with its operands and attributes.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    program: Program<'a>,
    step: &'a StepRecord,
    inputs: &'a [u16],
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
    pub fn program(&self) -> &Program<'a> {
        &self.program
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

    /// The output.
    pub fn output(&self) -> &'a TensorRecord {
        self.output
    }

    /// The record of attributes, of the type that belongs to the operator.
    ///
    /// # Errors
    /// [`Defect::Attributes`] if the record is not in the table.
    pub fn attributes<T: Pod>(&self) -> Result<&'a T, Defect> {
        let start = self.step.attribute_offset as usize;
        let end = start.checked_add(size_of::<T>()).ok_or(Defect::Attributes)?;
        let bytes = self.program.attributes.get(start..end).ok_or(Defect::Attributes)?;
        bytemuck::try_from_bytes(bytes).map_err(|_| Defect::Attributes)
    }

    /// `count` records of the weights section, from `offset` bytes on.
    ///
    /// # Errors
    /// [`Defect::Weights`] if they are not inside the section or not aligned.
    pub fn weights<T: Pod>(&self, offset: u32, count: usize) -> Result<&'a [T], Defect> {
        let start = offset as usize;
        let end = count
            .checked_mul(size_of::<T>())
            .and_then(|bytes| start.checked_add(bytes))
            .ok_or(Defect::Weights)?;
        let bytes = self.program.weights.get(start..end).ok_or(Defect::Weights)?;
        bytemuck::try_cast_slice(bytes).map_err(|_| Defect::Weights)
    }

    /// Checks that there are `count` inputs and that they and the output are of `data_type`.
    pub(crate) fn require(&self, count: usize, data_type: DataType) -> Result<(), Defect> {
        if self.inputs.len() != count || self.step.reserved != 0 {
            return Err(Defect::Operands);
        }
        for index in 0..count {
            if !self.input(index)?.is(data_type) {
                return Err(Defect::DataTypes);
            }
        }
        if self.output.is(data_type) { Ok(()) } else { Err(Defect::DataTypes) }
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
    pub(crate) fn shares_memory(&self) -> Result<bool, Defect> {
        let input = self.input(0)?;
        Ok(input.storage() == Some(Storage::Arena) && overlaps(input, self.output)?)
    }

    /// Checks that the output lies in the arena.
    pub(crate) fn require_arena_output(&self) -> Result<(), Defect> {
        if self.output.storage() == Some(Storage::Arena) { Ok(()) } else { Err(Defect::Placement) }
    }

    /// Checks that the output lies in the arena and that no input shares a byte with it, except inputs of the same shape at
    /// the same offset where `in_place` says that the operator reads an element before it writes it.
    pub(crate) fn require_placement(&self, in_place: bool) -> Result<(), Defect> {
        self.require_arena_output()?;
        for index in 0..self.inputs.len() {
            let input = self.input(index)?;
            let same = in_place
                && input.offset == self.output.offset
                && input.dims == self.output.dims
                && input.data_type == self.output.data_type;
            if input.storage() == Some(Storage::Arena) && !same && overlaps(input, self.output)? {
                return Err(Defect::Placement);
            }
        }
        Ok(())
    }

    /// Checks that input `index` lies in the arena.
    pub(crate) fn require_variable(&self, index: usize) -> Result<(), Defect> {
        if self.input(index)?.storage() == Some(Storage::Arena) { Ok(()) } else { Err(Defect::Placement) }
    }
}

fn overlaps(a: &TensorRecord, b: &TensorRecord) -> Result<bool, Defect> {
    let end = |tensor: &TensorRecord| Some((tensor.offset as usize).saturating_add(tensor.bytes()?));
    let (Some(a_end), Some(b_end)) = (end(a), end(b)) else { return Err(Defect::Shapes) };
    Ok((a.offset as usize) < b_end && (b.offset as usize) < a_end)
}
