//! What a step of a blob costs.

use dunlin_runtime::Operation;
use dunlin_runtime::format::attributes::{Convolution, FullyConnected, ResizeNearest};
use dunlin_runtime::format::{
    ChannelBlock, DataType, FloatChannelBlock, FloatRow, LANES, Operator, Storage, TensorRecord, WeightCell,
    convolution_cells,
};

/// Work and weights of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct StepCost {
    /// Multiplications of weights and activations.
    pub(super) macs: u64,
    /// Bytes of the weights section that it reads.
    pub(super) weight_bytes: usize,
}

/// The cost of a verified step. An operator without weights has no multiplications in this sense.
pub(super) fn step_cost(operation: &Operation<'_>) -> StepCost {
    let cost = match operation.operator() {
        Some(Operator::Conv2d) => convolution(operation),
        Some(Operator::DepthwiseConv2d) => depthwise(operation),
        Some(Operator::FullyConnected) => fully_connected(operation),
        Some(Operator::Lookup) => Some(StepCost { macs: 0, weight_bytes: 256 }),
        Some(Operator::ResizeNearest) => resize(operation),
        _ => None,
    };
    let mut cost = cost.unwrap_or_default();
    let constants = (0..operation.input_count())
        .filter_map(|index| operation.input(index).ok())
        .filter(|input| input.storage() == Some(Storage::Weights));
    cost.weight_bytes += constants.filter_map(TensorRecord::bytes).sum::<usize>();
    cost
}

fn convolution(operation: &Operation<'_>) -> Option<StepCost> {
    let attributes: &Convolution = operation.attributes().ok()?;
    let input = operation.input(0).ok()?;
    let (output, groups) = (operation.output(), attributes.groups.max(1));
    let (channels_in, channels_out) = (input.dims[3] / groups, output.dims[3] / groups);
    let taps = u64::from(attributes.kernel_h) * u64::from(attributes.kernel_w);
    let blocks = groups as usize * (channels_out as usize).div_ceil(LANES);
    let weight_bytes = if output.is(DataType::Int8) {
        let cells = convolution_cells(attributes.kernel_h, attributes.kernel_w, channels_in)? as usize;
        blocks * (cells * size_of::<WeightCell>() + size_of::<ChannelBlock>())
    } else {
        let values = usize::try_from(taps).ok()? * channels_in as usize;
        blocks * (values * size_of::<FloatRow>() + size_of::<FloatChannelBlock>())
    };
    Some(StepCost { macs: output.elements()? as u64 * taps * u64::from(channels_in), weight_bytes })
}

fn depthwise(operation: &Operation<'_>) -> Option<StepCost> {
    let attributes: &Convolution = operation.attributes().ok()?;
    let output = operation.output();
    let taps = attributes.kernel_h as usize * attributes.kernel_w as usize;
    let blocks = (output.dims[3] as usize).div_ceil(LANES);
    let block = if output.is(DataType::Int8) {
        taps * LANES + size_of::<ChannelBlock>()
    } else {
        taps * size_of::<FloatRow>() + size_of::<FloatChannelBlock>()
    };
    Some(StepCost { macs: output.elements()? as u64 * taps as u64, weight_bytes: blocks * block })
}

fn fully_connected(operation: &Operation<'_>) -> Option<StepCost> {
    operation.attributes::<FullyConnected>().ok()?;
    let (features, output) = (operation.input(0).ok()?.dims[3] as usize, operation.output());
    let blocks = (output.dims[3] as usize).div_ceil(LANES);
    let block = if output.is(DataType::Int8) {
        features.div_ceil(4) * size_of::<WeightCell>() + size_of::<ChannelBlock>()
    } else {
        features * size_of::<FloatRow>() + size_of::<FloatChannelBlock>()
    };
    Some(StepCost { macs: output.elements()? as u64 * features as u64, weight_bytes: blocks * block })
}

fn resize(operation: &Operation<'_>) -> Option<StepCost> {
    operation.attributes::<ResizeNearest>().ok()?;
    let [_, rows, columns, _] = operation.output().dims;
    Some(StepCost { macs: 0, weight_bytes: (rows as usize + columns as usize) * size_of::<u16>() })
}
