//! NumPy's format for one array.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};

use npyz::{AutoSerialize, DType, Deserialize, NpyFile, Order, TypeChar, WriterBuilder};

use super::{ElementType, Location, SampleError, SampleFile, SampleProblem, Source, Visit};

/// Types that [`encode_npy`] writes.
pub trait NpyElement: AutoSerialize + Copy {}

impl NpyElement for f32 {}
impl NpyElement for i8 {}

/// The bytes of a `.npy` file with this array, row-major.
///
/// # Errors
/// If the number of values is not the product of the shape.
pub fn encode_npy<T: NpyElement>(shape: &[usize], values: &[T]) -> std::io::Result<Vec<u8>> {
    let shape: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
    let mut bytes = Vec::with_capacity(size_of_val(values) + 128);
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()?;
    Ok(bytes)
}

pub(super) fn open(location: Location) -> Result<SampleFile, SampleError> {
    match File::open(&location.path) {
        Ok(file) => describe(location, Source::Npy, file),
        Err(error) => Err(SampleError::new(location, SampleProblem::Io(error))),
    }
}

pub(super) fn read<E: From<SampleError>>(file: &SampleFile, visit: Visit<'_, E>) -> Result<(), E> {
    let reader = File::open(file.path()).map_err(|error| file.fail(SampleProblem::Io(error)))?;
    read_elements(file, reader, visit)
}

/// Reads the header of an array.
pub(super) fn describe(
    location: Location,
    source: Source,
    reader: impl Read,
) -> Result<SampleFile, SampleError> {
    let array = match NpyFile::new(BufReader::new(reader)) {
        Ok(array) => array,
        Err(error) => return Err(SampleError::new(location, malformed(error))),
    };
    let header = array.header();
    let Some(element_type) = element_type(&header.dtype()) else {
        let found = header.dtype().descr();
        return Err(SampleError::new(location, SampleProblem::WrongElementType { found }));
    };
    let shape: Vec<usize> = header.shape().iter().map(|&extent| extent as usize).collect();
    if shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent)).is_none() {
        return Err(SampleError::new(location, SampleProblem::Malformed(format!("its shape is {shape:?}"))));
    }
    if shape.len() > 1 && header.order() == Order::Fortran {
        return Err(SampleError::new(location, SampleProblem::FortranOrder));
    }
    Ok(SampleFile { location, source, shape, element_type })
}

/// Hands all elements of an array to `visit`.
pub(super) fn read_elements<E: From<SampleError>>(
    file: &SampleFile,
    reader: impl Read,
    visit: Visit<'_, E>,
) -> Result<(), E> {
    let array = NpyFile::new(BufReader::with_capacity(1 << 16, reader))
        .map_err(|error| file.fail(malformed(error)))?;
    match file.element_type {
        ElementType::F32 => visit_all(file, array, |value: f32| value, visit),
        ElementType::F64 => visit_all(file, array, |value: f64| value as f32, visit),
        ElementType::I8 => visit_all(file, array, |value: i8| value.into(), visit),
        ElementType::I16 => visit_all(file, array, |value: i16| value.into(), visit),
        ElementType::I32 => visit_all(file, array, |value: i32| value as f32, visit),
        ElementType::I64 => visit_all(file, array, |value: i64| value as f32, visit),
        ElementType::U8 => visit_all(file, array, |value: u8| value.into(), visit),
        ElementType::U16 => visit_all(file, array, |value: u16| value.into(), visit),
        ElementType::U32 => visit_all(file, array, |value: u32| value as f32, visit),
        ElementType::U64 => visit_all(file, array, |value: u64| value as f32, visit),
    }
}

fn visit_all<T: Deserialize, E: From<SampleError>>(
    file: &SampleFile,
    array: NpyFile<impl Read>,
    to_f32: impl Fn(T) -> f32,
    visit: Visit<'_, E>,
) -> Result<(), E> {
    let elements =
        array.data::<T>().map_err(|error| file.fail(SampleProblem::Malformed(error.to_string())))?;
    let promised = file.shape.iter().product();
    for element in elements {
        let value = element.map_err(|error| {
            let truncated = error.kind() == ErrorKind::UnexpectedEof;
            file.fail(if truncated { SampleProblem::Truncated { promised } } else { malformed(error) })
        })?;
        visit(to_f32(value))?;
    }
    Ok(())
}

fn malformed(error: std::io::Error) -> SampleProblem {
    match error.kind() {
        ErrorKind::UnexpectedEof => SampleProblem::Malformed("it ends inside its header".into()),
        ErrorKind::PermissionDenied | ErrorKind::NotFound | ErrorKind::IsADirectory => {
            SampleProblem::Io(error)
        }
        _ => SampleProblem::Malformed(error.to_string()),
    }
}

fn element_type(data_type: &DType) -> Option<ElementType> {
    let DType::Plain(plain) = data_type else { return None };
    Some(match (plain.type_char(), plain.size_field()) {
        (TypeChar::Float, 4) => ElementType::F32,
        (TypeChar::Float, 8) => ElementType::F64,
        (TypeChar::Int, 1) => ElementType::I8,
        (TypeChar::Int, 2) => ElementType::I16,
        (TypeChar::Int, 4) => ElementType::I32,
        (TypeChar::Int, 8) => ElementType::I64,
        (TypeChar::Uint, 1) => ElementType::U8,
        (TypeChar::Uint, 2) => ElementType::U16,
        (TypeChar::Uint, 4) => ElementType::U32,
        (TypeChar::Uint, 8) => ElementType::U64,
        _ => return None,
    })
}
