//! The arena, as kernels see it.

use core::cell::Cell;

use bytemuck::Pod;

use crate::error::Defect;
use crate::format::{Storage, TensorRecord};

/// The memory of one step: activations, scratch and prepared weights of the arena, and the weights section.
pub(crate) struct Memory<'m> {
    activations: &'m mut [u8],
    scratch: &'m mut [u8],
    prepared: &'m [u8],
    weights: &'m [u8],
}

/// An input, the output and the scratch of a step, none of which share a byte.
pub(crate) struct Separate<'s, T, U> {
    pub input: &'s [T],
    pub output: &'s mut [U],
    pub scratch: &'s mut [u8],
}

fn range(tensor: &TensorRecord) -> Result<core::ops::Range<usize>, Defect> {
    let start = tensor.offset as usize;
    let end = tensor.bytes().and_then(|bytes| start.checked_add(bytes)).ok_or(Defect::Shapes)?;
    Ok(start..end)
}

impl<'m> Memory<'m> {
    pub fn new(
        activations: &'m mut [u8],
        scratch: &'m mut [u8],
        prepared: &'m [u8],
        weights: &'m [u8],
    ) -> Memory<'m> {
        Memory { activations, scratch, prepared, weights }
    }

    /// What the kernels of the step have prepared.
    pub fn prepared(&self) -> &'m [u8] {
        self.prepared
    }

    /// Borrows two parts of the arena that lie apart.
    pub fn ranges(
        &mut self,
        input: core::ops::Range<usize>,
        output: core::ops::Range<usize>,
    ) -> Result<Separate<'_, i8, i8>, Defect> {
        let [input, output] =
            self.activations.get_disjoint_mut([input, output]).map_err(|_| Defect::Placement)?;
        let input: &[u8] = input;
        let input = bytemuck::try_cast_slice(input).map_err(|_| Defect::Placement)?;
        let output = bytemuck::try_cast_slice_mut(output).map_err(|_| Defect::Placement)?;
        Ok(Separate { input, output, scratch: self.scratch })
    }

    /// Borrows an input in the arena and the output, which lie apart.
    pub fn variables(
        &mut self,
        input: &TensorRecord,
        output: &TensorRecord,
    ) -> Result<Separate<'_, i8, i8>, Defect> {
        self.ranges(range(input)?, range(output)?)
    }

    /// Copies an input to the front of the scratch, and borrows the copy, the output, and the rest of the scratch.
    pub fn copied(
        &mut self,
        input: &TensorRecord,
        output: &TensorRecord,
    ) -> Result<Separate<'_, i8, i8>, Defect> {
        let source = self.activations.get(range(input)?).ok_or(Defect::Placement)?;
        let reserved = source.len().next_multiple_of(16);
        let (copy, scratch) = self.scratch.split_at_mut_checked(reserved).ok_or(Defect::Scratch)?;
        let copy = copy.get_mut(..source.len()).ok_or(Defect::Scratch)?;
        for (copy, source) in copy.iter_mut().zip(source) {
            *copy = *source;
        }
        let output = self.activations.get_mut(range(output)?).ok_or(Defect::Placement)?;
        let input = bytemuck::try_cast_slice(&*copy).map_err(|_| Defect::Scratch)?;
        let output = bytemuck::try_cast_slice_mut(output).map_err(|_| Defect::Placement)?;
        Ok(Separate { input, output, scratch })
    }

    /// Borrows an input and the output that lie apart, as elements of type `T` and `U`.
    pub fn separate<T: Pod, U: Pod>(
        &mut self,
        input: &TensorRecord,
        output: &TensorRecord,
    ) -> Result<Separate<'_, T, U>, Defect> {
        let (input_range, output_range) = (range(input)?, range(output)?);
        let (input, output): (&[u8], &mut [u8]) = if input.storage() == Some(Storage::Weights) {
            let constant = self.weights.get(input_range).ok_or(Defect::Placement)?;
            (constant, self.activations.get_mut(output_range).ok_or(Defect::Placement)?)
        } else {
            let [input, output] = self
                .activations
                .get_disjoint_mut([input_range, output_range])
                .map_err(|_| Defect::Placement)?;
            (input, output)
        };
        let input = bytemuck::try_cast_slice(input).map_err(|_| Defect::Placement)?;
        let output = bytemuck::try_cast_slice_mut(output).map_err(|_| Defect::Placement)?;
        Ok(Separate { input, output, scratch: self.scratch })
    }

    /// The activations as cells, for operators that may write their output over an input.
    pub fn cells(&mut self) -> Cells<'_> {
        Cells {
            activations: Cell::from_mut(&mut *self.activations).as_slice_of_cells(),
            weights: self.weights,
        }
    }
}

/// Activations of which every byte may be read and written by several operands.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'c> {
    activations: &'c [Cell<u8>],
    weights: &'c [u8],
}

impl<'c> Cells<'c> {
    /// An operand that is read.
    pub fn input(&self, tensor: &TensorRecord) -> Result<Operand<'c>, Defect> {
        if tensor.storage() == Some(Storage::Weights) {
            self.weights.get(range(tensor)?).map(Operand::Constant).ok_or(Defect::Placement)
        } else {
            self.output(tensor).map(Operand::Variable)
        }
    }

    /// An operand that is written.
    pub fn output(&self, tensor: &TensorRecord) -> Result<&'c [Cell<u8>], Defect> {
        self.activations.get(range(tensor)?).ok_or(Defect::Placement)
    }
}

/// An operand of an element-wise operator.
#[derive(Clone, Copy)]
pub(crate) enum Operand<'c> {
    /// In the arena; may be the memory of the output.
    Variable(&'c [Cell<u8>]),
    /// In the weights section.
    Constant(&'c [u8]),
}

impl Operand<'_> {
    /// Bytes of the operand.
    #[cfg(any(dunlin_dsp, target_arch = "aarch64", target_arch = "x86_64"))]
    pub fn len(self) -> usize {
        match self {
            Operand::Variable(cells) => cells.len(),
            Operand::Constant(bytes) => bytes.len(),
        }
    }

    /// Where its bytes are.
    #[cfg(any(dunlin_dsp, target_arch = "aarch64", target_arch = "x86_64"))]
    pub fn as_ptr(self) -> *const u8 {
        match self {
            Operand::Variable(cells) => cells.as_ptr().cast(),
            Operand::Constant(bytes) => bytes.as_ptr(),
        }
    }
}

/// Elements that can be read from and written to cells.
pub(crate) trait Element: Copy + Default {
    /// Element `index`; the default value outside, which verified programs never ask for.
    fn read(operand: Operand<'_>, index: usize) -> Self;
    /// Writes element `index`; nothing outside.
    fn write(cells: &[Cell<u8>], index: usize, value: Self);
}

impl Element for i8 {
    #[inline(always)]
    fn read(operand: Operand<'_>, index: usize) -> i8 {
        match operand {
            Operand::Variable(cells) => cells.get(index).map_or(0, |cell| cell.get() as i8),
            Operand::Constant(bytes) => bytes.get(index).map_or(0, |&byte| byte as i8),
        }
    }

    #[inline(always)]
    fn write(cells: &[Cell<u8>], index: usize, value: i8) {
        if let Some(cell) = cells.get(index) {
            cell.set(value as u8);
        }
    }
}

impl Element for f32 {
    #[inline(always)]
    fn read(operand: Operand<'_>, index: usize) -> f32 {
        let bytes = match operand {
            Operand::Variable(cells) => match cells.as_chunks::<4>().0.get(index) {
                Some([a, b, c, d]) => [a.get(), b.get(), c.get(), d.get()],
                None => [0; 4],
            },
            Operand::Constant(bytes) => bytes.as_chunks::<4>().0.get(index).copied().unwrap_or_default(),
        };
        f32::from_le_bytes(bytes)
    }

    #[inline(always)]
    fn write(cells: &[Cell<u8>], index: usize, value: f32) {
        if let Some(bytes) = cells.as_chunks::<4>().0.get(index) {
            for (cell, byte) in bytes.iter().zip(value.to_le_bytes()) {
                cell.set(byte);
            }
        }
    }
}
