//! Running a model.

use bytemuck::Pod;

use crate::blob::BLOB_ALIGNMENT;
use crate::engine;
use crate::error::{Defect, Error};
use crate::family::Family;
use crate::format::{DataType, TensorRecord};
use crate::kernels::{Memory, PREPARES};
use crate::model::{Model, prepared_bytes};
use crate::observer::{NoObserver, Observer, StepReport};

/// A model and the arena that it runs in.
///
/// Inputs may share memory with later tensors: fill them anew before each run.
#[derive(Debug)]
pub struct Session<'m> {
    model: Model<'m>,
    arena: &'m mut [u8],
    family: Family,
    next_step: usize,
    /// Where prepared weights begin in the arena.
    prepared_start: usize,
    /// Where those of the next step begin.
    next_prepared: usize,
}

impl<'m> Session<'m> {
    /// Prepares to run `model` in `arena` with the fastest kernels that this processor has.
    ///
    /// # Errors
    /// [`Error::MisalignedArena`], or [`Error::ArenaTooSmall`] with what is needed. See [`Model::arena_bytes`].
    pub fn new(model: &Model<'m>, arena: &'m mut [u8]) -> Result<Session<'m>, Error> {
        Session::with_family(model, arena, Family::best())
    }

    /// Prepares to run `model` with the kernels of one family.
    ///
    /// # Errors
    /// As [`Session::new`], and [`Error::UnavailableFamily`].
    pub fn with_family(model: &Model<'m>, arena: &'m mut [u8], family: Family) -> Result<Session<'m>, Error> {
        if !family.is_available() {
            return Err(Error::UnavailableFamily(family));
        }
        if !arena.as_ptr().addr().is_multiple_of(BLOB_ALIGNMENT) {
            return Err(Error::MisalignedArena);
        }
        let (found, needed) = (arena.len(), model.arena_bytes(family));
        let arena = arena.get_mut(..needed).ok_or(Error::ArenaTooSmall { found, needed })?;
        let prepared_start = needed.saturating_sub(prepared_bytes(model.program(), family)?);
        let next_prepared = prepared_start;
        let mut session =
            Session { model: *model, arena, family, next_step: 0, prepared_start, next_prepared };
        session.prepare()?;
        Ok(session)
    }

    /// Lets the kernels prepare every step.
    fn prepare(&mut self) -> Result<(), Error> {
        if !PREPARES || self.prepared_start == self.arena.len() {
            return Ok(());
        }
        let program = self.model.program();
        let mut start = self.prepared_start;
        for (step, index) in (0u16..).zip(0..program.steps().len()) {
            let defect = |defect| Error::MalformedStep { step, defect };
            let operation = program.operation(index).ok_or(defect(Defect::Operands))?;
            let end = start.saturating_add(engine::needs(&operation, self.family).map_err(defect)?.prepared);
            let prepared = self.arena.get_mut(start..end).ok_or(defect(Defect::Scratch))?;
            engine::prepare(&operation, self.family, prepared).map_err(defect)?;
            start = end;
        }
        Ok(())
    }

    /// The model.
    pub fn model(&self) -> &Model<'m> {
        &self.model
    }

    /// The kernels that run.
    pub fn family(&self) -> Family {
        self.family
    }

    /// int8 input `index`, to be filled, in the order n, h, w, c.
    ///
    /// # Errors
    /// [`Error::NoSuchTensor`], or [`Error::WrongDataType`] if the input is float32.
    pub fn input(&mut self, index: usize) -> Result<&mut [i8], Error> {
        let tensor = self.model.program().input(index).ok_or(Error::NoSuchTensor(index))?;
        typed_mut(self.arena, tensor, DataType::Int8)
    }

    /// float32 input `index`, to be filled, in the order n, h, w, c.
    ///
    /// # Errors
    /// [`Error::NoSuchTensor`], or [`Error::WrongDataType`] if the input is int8.
    pub fn input_f32(&mut self, index: usize) -> Result<&mut [f32], Error> {
        let tensor = self.model.program().input(index).ok_or(Error::NoSuchTensor(index))?;
        typed_mut(self.arena, tensor, DataType::Float32)
    }

    /// The bytes of input `index`, whatever its type.
    ///
    /// # Errors
    /// [`Error::NoSuchTensor`].
    pub fn input_bytes(&mut self, index: usize) -> Result<&mut [u8], Error> {
        let tensor = self.model.program().input(index).ok_or(Error::NoSuchTensor(index))?;
        bytes_mut(self.arena, tensor).ok_or(Error::NoSuchTensor(index))
    }

    /// int8 output `index` of the last run.
    ///
    /// # Errors
    /// [`Error::NoSuchTensor`], or [`Error::WrongDataType`] if the output is float32.
    pub fn output(&self, index: usize) -> Result<&[i8], Error> {
        let tensor = self.model.program().output(index).ok_or(Error::NoSuchTensor(index))?;
        typed(self.arena, tensor, DataType::Int8)
    }

    /// float32 output `index` of the last run.
    ///
    /// # Errors
    /// [`Error::NoSuchTensor`], or [`Error::WrongDataType`] if the output is int8.
    pub fn output_f32(&self, index: usize) -> Result<&[f32], Error> {
        let tensor = self.model.program().output(index).ok_or(Error::NoSuchTensor(index))?;
        typed(self.arena, tensor, DataType::Float32)
    }

    /// The bytes of output `index` of the last run, whatever its type.
    ///
    /// # Errors
    /// [`Error::NoSuchTensor`].
    pub fn output_bytes(&self, index: usize) -> Result<&[u8], Error> {
        let tensor = self.model.program().output(index).ok_or(Error::NoSuchTensor(index))?;
        bytes(self.arena, tensor).ok_or(Error::NoSuchTensor(index))
    }

    /// Runs the model from its first step to its last one.
    ///
    /// # Errors
    /// None after [`Model::open`] has succeeded; [`Error::MalformedStep`] exists so that nothing has to panic.
    pub fn run(&mut self) -> Result<(), Error> {
        self.run_with(&mut NoObserver)
    }

    /// Runs the model and tells `observer` about every step.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_with(&mut self, observer: &mut impl Observer) -> Result<(), Error> {
        self.next_step = 0;
        self.next_prepared = self.prepared_start;
        while self.step_with(observer)? {}
        Ok(())
    }

    /// Runs one step, for cooperative schedulers. Returns whether steps are left; after the last one it starts anew.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn step(&mut self) -> Result<bool, Error> {
        self.step_with(&mut NoObserver)
    }

    fn step_with(&mut self, observer: &mut impl Observer) -> Result<bool, Error> {
        let index = self.next_step;
        let Some(report) = self.report(index) else { return Ok(false) };
        observer.begin(&StepReport { bytes: &[], ..report });
        self.execute(index).map_err(|defect| Error::MalformedStep { step: index as u16, defect })?;
        if let Some(report) = self.report(index) {
            observer.end(&report);
        }
        Ok(self.next_step != 0)
    }

    /// A step and the bytes of its output. Nothing is left of it where the observer looks at nothing.
    #[inline(always)]
    fn report(&self, index: usize) -> Option<StepReport<'_>> {
        let operation = self.model.program().operation(index)?;
        let output = operation.output();
        Some(StepReport {
            index,
            operator: operation.operator()?,
            output,
            bytes: bytes(self.arena, output).unwrap_or_default(),
        })
    }

    /// Runs a step, and finds out which one is next.
    #[inline(never)]
    fn execute(&mut self, index: usize) -> Result<(), Defect> {
        let program = self.model.program();
        let Some(operation) = program.operation(index) else { return Err(Defect::Operands) };
        let (working, prepared) =
            self.arena.split_at_mut_checked(self.prepared_start).ok_or(Defect::Placement)?;
        let (activations, scratch) =
            working.split_at_mut_checked(operation.scratch_offset()).ok_or(Defect::Placement)?;
        let mut next_prepared = self.next_prepared;
        let prepared = if !PREPARES || prepared.is_empty() {
            &[]
        } else {
            let start = next_prepared.saturating_sub(self.prepared_start);
            let length = engine::needs(&operation, self.family)?.prepared;
            next_prepared = next_prepared.saturating_add(length);
            &*prepared.get_mut(start..start.saturating_add(length)).ok_or(Defect::Placement)?
        };
        let mut memory = Memory::new(activations, scratch, prepared, program.weights());
        engine::execute(&operation, &mut memory, self.family)?;
        let is_left = index + 1 < program.steps().len();
        (self.next_step, self.next_prepared) =
            if is_left { (index + 1, next_prepared) } else { (0, self.prepared_start) };
        Ok(())
    }
}

fn bytes<'a>(arena: &'a [u8], tensor: &TensorRecord) -> Option<&'a [u8]> {
    let start = tensor.offset as usize;
    arena.get(start..start.checked_add(tensor.bytes()?)?)
}

fn bytes_mut<'a>(arena: &'a mut [u8], tensor: &TensorRecord) -> Option<&'a mut [u8]> {
    let start = tensor.offset as usize;
    arena.get_mut(start..start.checked_add(tensor.bytes()?)?)
}

fn typed<'a, T: Pod>(arena: &'a [u8], tensor: &TensorRecord, data_type: DataType) -> Result<&'a [T], Error> {
    let bytes = bytes(arena, tensor).filter(|_| tensor.is(data_type)).ok_or(Error::WrongDataType)?;
    bytemuck::try_cast_slice(bytes).map_err(|_| Error::WrongDataType)
}

fn typed_mut<'a, T: Pod>(
    arena: &'a mut [u8],
    tensor: &TensorRecord,
    data_type: DataType,
) -> Result<&'a mut [T], Error> {
    let bytes = bytes_mut(arena, tensor).filter(|_| tensor.is(data_type)).ok_or(Error::WrongDataType)?;
    bytemuck::try_cast_slice_mut(bytes).map_err(|_| Error::WrongDataType)
}
