//! mean and sum over dimensions.

use super::Memory;
use super::parts::{parts, parts_mut};
use super::pool::{CHANNELS_AT_ONCE, first_channels};
use super::strided::strides;
use crate::error::Defect;
use crate::fixed_point::{is_requantization, scale_rounding_twice};
use crate::format::DataType;
use crate::format::attributes::Reduction;
use crate::program::Operation;

/// The axes h and w: the mean over an image.
const OVER_PIXELS: u32 = 0b0110;

/// Largest number of elements of one sum: sums of int8 stay inside of 32 bits.
const MOST_ELEMENTS: u32 = 1 << 22;

/// Dimensions of the input with 1 where `keep` says no.
fn select(dims: [u32; 4], axes: u32, reduced: bool) -> [u32; 4] {
    let mut selected = dims;
    for (index, dim) in selected.iter_mut().enumerate() {
        if (axes >> index & 1 == 1) != reduced {
            *dim = 1;
        }
    }
    selected
}

fn elements(dims: [u32; 4]) -> Option<u32> {
    dims.iter().try_fold(1u32, |product, &dim| product.checked_mul(dim))
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Reduction = operation.attributes()?;
    let data_type = operation.data_type()?;
    operation.require(1, data_type)?;
    operation.require_placement(false)?;
    let dims = operation.input(0)?.dims;
    let outputs = elements(select(dims, attributes.axes, false)).ok_or(Defect::Shapes)?;
    let summed = elements(select(dims, attributes.axes, true)).ok_or(Defect::Shapes)?;
    if operation.output().elements() != Some(outputs as usize)
        || summed > MOST_ELEMENTS
        || attributes.axes >= 16
    {
        return Err(Defect::Shapes);
    }
    match data_type {
        DataType::Int8 if !is_requantization(attributes.multiplier, attributes.shift) => {
            Err(Defect::Requantization)
        }
        DataType::Int8 | DataType::Float32 => Ok(()),
        DataType::Int32 => Err(Defect::DataTypes),
    }
}

/// Calls `visit` with the indices of a box of `dims` in a tensor where elements lie `strides` apart.
fn for_each_index(dims: [u32; 4], strides: [usize; 4], mut visit: impl FnMut(usize)) {
    let [n, h, w, c] = dims.map(|dim| dim as usize);
    for n in 0..n {
        for y in 0..h {
            for x in 0..w {
                for channel in 0..c {
                    let index = n.wrapping_mul(strides[0]).wrapping_add(y.wrapping_mul(strides[1]));
                    let index = index.wrapping_add(x.wrapping_mul(strides[2]));
                    visit(index.wrapping_add(channel.wrapping_mul(strides[3])));
                }
            }
        }
    }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>, mean: bool) -> Result<(), Defect> {
    let attributes: &Reduction = operation.attributes()?;
    let (input, output) = (operation.input(0)?, operation.output());
    let strides = strides(input.dims);
    let kept = select(input.dims, attributes.axes, false);
    let reduced = select(input.dims, attributes.axes, true);
    let count = elements(reduced).ok_or(Defect::Shapes)?;
    if !operation.is_float32() {
        let memory = memory.separate::<i8, i8>(input, output)?;
        let offset = (count as i32).wrapping_mul(input.zero_point);
        let zero_point = output.zero_point;
        let requantize = |sum: i32| {
            let sum = sum.wrapping_sub(offset);
            let scaled = scale_rounding_twice(sum, attributes.multiplier, attributes.shift);
            scaled.wrapping_add(zero_point).clamp(-128, 127) as i8
        };
        if attributes.axes == OVER_PIXELS {
            let [_, h, w, c] = input.dims.map(|dim| dim as usize);
            let image = h.checked_mul(w).and_then(|pixels| pixels.checked_mul(c)).ok_or(Defect::Shapes)?;
            for (image, outputs) in parts(memory.input, image).zip(parts_mut(memory.output, c)) {
                sum_pixels(image, c, outputs, requantize);
            }
            return Ok(());
        }
        let mut outputs = memory.output.iter_mut();
        for_each_index(kept, strides, |base| {
            let mut sum = 0i32;
            for_each_index(reduced, strides, |index| {
                let value = memory.input.get(base.wrapping_add(index)).copied().unwrap_or(0);
                sum = sum.wrapping_add(i32::from(value));
            });
            if let Some(output) = outputs.next() {
                *output = requantize(sum);
            }
        });
        return Ok(());
    }
    let memory = memory.separate::<f32, f32>(input, output)?;
    let mut outputs = memory.output.iter_mut();
    for_each_index(kept, strides, |base| {
        let mut sum = 0f32;
        for_each_index(reduced, strides, |index| {
            sum += memory.input.get(base.wrapping_add(index)).copied().unwrap_or(0.0);
        });
        if let Some(output) = outputs.next() {
            *output = if mean { sum / count as f32 } else { sum };
        }
    });
    Ok(())
}

/// Sums each channel over all pixels, as many channels at a time as a word or vector of the image has.
#[inline(always)]
fn sum_pixels(image: &[i8], channels: usize, outputs: &mut [i8], requantize: impl Fn(i32) -> i8) {
    for (first, outputs) in (0..channels).step_by(CHANNELS_AT_ONCE).zip(outputs.chunks_mut(CHANNELS_AT_ONCE))
    {
        let mut sums = [0i32; CHANNELS_AT_ONCE];
        let mut rest = image.get(first..).unwrap_or_default();
        loop {
            for (sum, value) in sums.iter_mut().zip(first_channels(rest)) {
                *sum = sum.wrapping_add(i32::from(value));
            }
            match rest.get(channels..) {
                Some(next) if !next.is_empty() => rest = next,
                _ => break,
            }
        }
        for (output, sum) in outputs.iter_mut().zip(sums) {
            *output = requantize(sum);
        }
    }
}
