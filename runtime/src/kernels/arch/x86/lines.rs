//! Weights of depthwise convolutions, brought from the packing of the blob into vectors.

use super::super::Depthwise as Job;
use super::constants::Reach;
use super::depthwise_layout::Depthwise;
use super::layout::CONSTANTS;
use super::prepared::Preparation;
use crate::format::LANES;

/// The channel of a lane of a vector of the output.
fn channel(layout: &Depthwise, channels: usize, phase: usize, lane: usize) -> Option<usize> {
    let channel = phase * layout.vectors.lanes + lane;
    if layout.is_flat {
        channel.checked_rem(channels)
    } else {
        Some(channel).filter(|&channel| channel < channels)
    }
}

/// Prepares a depthwise convolution. `raised` as in [`Reach`].
pub(super) fn prepare_depthwise(
    layout: &Depthwise,
    raised: i32,
    job: &Job<'_>,
    memory: &mut [u8],
) -> Option<()> {
    let shape = &job.shape;
    let (vectors, channels) = (layout.vectors, shape.output[2]);
    let depth = layout.depth()?;
    let prepared = Preparation::of(vectors, layout.phases, depth, memory)?;
    let weight = |channel: usize, row: usize, tap: usize| -> i8 {
        if row >= shape.rows.kernel as usize {
            return 0;
        }
        let line = channel / LANES * shape.taps() + row * layout.taps + tap;
        job.weights.get(line).and_then(|line| line.get(channel % LANES)).copied().unwrap_or(0)
    };
    let words = prepared.weights.chunks_exact_mut(4);
    for (index, word) in words.enumerate() {
        let (vector, lane) = (index / vectors.lanes, index % vectors.lanes);
        let (phase, vector) = (vector / depth, vector % depth);
        let (plane, tap) = (vector / layout.taps, vector % layout.taps);
        let channel = channel(layout, channels, phase, lane);
        for (value, bytes) in word.chunks_exact_mut(4 / vectors.values).enumerate() {
            let row = plane * vectors.values + value;
            let weight = channel.map_or(0, |channel| weight(channel, row, tap));
            for (byte, source) in bytes.iter_mut().zip(i16::from(weight).to_le_bytes()) {
                *byte = source;
            }
        }
    }
    let reach = Reach { products: shape.taps(), raised };
    let mut is_fast = true;
    for (phase, constants) in prepared.constants.chunks_exact_mut(CONSTANTS * vectors.lanes).enumerate() {
        is_fast &= reach.write(vectors.lanes, constants, job.channels, &job.quantization, |lane| {
            channel(layout, channels, phase, lane).map(|channel| (channel / LANES, channel % LANES))
        });
    }
    prepared.header.write(is_fast);
    Some(())
}
