//! A small model, written record by record: convolution, maximum over windows, fully connected, softmax.

use bytemuck::bytes_of;
use dunlin_device::Selection;
use dunlin_runtime::format::attributes::{Clamp, Convolution, FullyConnected, Pool, Softmax};
use dunlin_runtime::format::{
    ChannelBlock, FORMAT_VERSION, GOLDEN_SYNTHETIC, GoldenHeader, HEADER_BYTES, Header, MAGIC, Operator,
    PACKING, ProgramHeader, SectionEntry, StepRecord, TensorRecord, VectorHeader, WeightCell, section,
};
use dunlin_runtime::{BLOB_ALIGNMENT, Family, Model, Session, Trace, needs, synthesize};
use sha2::{Digest, Sha256};

/// Bytes of one sample: 7 × 6 pixels of 3 channels.
pub const SAMPLE_BYTES: usize = 7 * 6 * 3;
/// Bytes of one output.
pub const OUTPUT_BYTES: usize = 10;
/// Bytes that the tensors take.
const ACTIVATION_BYTES: u32 = 128 + 224;
/// Seed of the golden vector.
const SEED: u32 = 2026;

/// xorshift32.
pub struct Random(pub u32);

impl Random {
    pub fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 24) as u8
    }

    pub fn sample(&mut self) -> Vec<u8> {
        (0..SAMPLE_BYTES).map(|_| self.byte()).collect()
    }
}

fn tensor(offset: u32, dims: [u32; 4], scale: f32, zero_point: i32) -> TensorRecord {
    TensorRecord { data_type: 0, rank: 4, storage: 0, reserved: 0, offset, dims, scale, zero_point }
}

/// Packed weights of `outputs` channels with `rows` rows of `row` values, each padded to a multiple of 4, and channel blocks.
fn layer(random: &mut Random, outputs: usize, rows: usize, row: usize, weights: &mut Vec<u8>) -> (u32, u32) {
    let offset = weights.len() as u32;
    let mut blocks = Vec::new();
    for block in 0..outputs.div_ceil(8) {
        let mut channels = ChannelBlock::default();
        for cell in 0..rows * row.div_ceil(4) {
            let mut rows = [[0; 4]; 8];
            for (lane, values) in rows.iter_mut().enumerate() {
                for (value, weight) in values.iter_mut().enumerate() {
                    if block * 8 + lane < outputs && cell % row.div_ceil(4) * 4 + value < row {
                        *weight = (random.byte() as i8).max(-127);
                        channels.weight_sum[lane] += i32::from(*weight);
                    }
                }
            }
            weights.extend_from_slice(bytes_of(&WeightCell::from_rows(&rows)));
        }
        for lane in (0..8).filter(|lane| block * 8 + lane < outputs) {
            channels.bias[lane] = i32::from(random.byte()) * 8 - 1024;
            channels.multiplier[lane] = (1 << 30) + (i32::from(random.byte()) << 20);
            channels.shift[lane] = -8;
        }
        blocks.push(channels);
    }
    weights.resize(weights.len().next_multiple_of(16), 0);
    let channels_offset = weights.len() as u32;
    weights.extend_from_slice(bytemuck::cast_slice(&blocks));
    (offset, channels_offset)
}

/// The program section and the weights section.
fn program(arena_bytes: [u32; 8]) -> (Vec<u8>, Vec<u8>) {
    let mut random = Random(7);
    let mut weights = Vec::new();
    let clamp = Clamp::int8(-128, 127);
    let (weights_offset, channels_offset) = layer(&mut random, 5, 3, 3 * 3, &mut weights);
    let convolution = Convolution {
        kernel_h: 3,
        kernel_w: 3,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        padding_top: 1,
        padding_left: 1,
        groups: 1,
        clamp: Clamp::int8(-9, 127),
        weights_offset,
        channels_offset,
    };
    let pool = Pool {
        kernel_h: 2,
        kernel_w: 2,
        stride_h: 2,
        stride_w: 2,
        padding_top: 0,
        padding_left: 0,
        clamp,
        count_padding: 0,
    };
    let (weights_offset, channels_offset) = layer(&mut random, OUTPUT_BYTES, 1, 3 * 3 * 5, &mut weights);
    let dense = FullyConnected { clamp, weights_offset, channels_offset };
    let softmax = Softmax { multiplier: 1 << 30, shift: 22, lowest_difference: -124 };

    // The last two share the place of the first two.
    let tensors = [
        tensor(0, [1, 7, 6, 3], 0.02, 3),
        tensor(128, [1, 7, 6, 5], 0.05, -9),
        tensor(0, [1, 3, 3, 5], 0.05, -9),
        tensor(0, [1, 1, 1, 45], 0.05, -9),
        tensor(64, [1, 1, 1, 10], 0.1, 4),
        tensor(64, [1, 1, 1, 10], 1.0 / 256.0, -128),
    ];
    let records: [(Operator, &[u8]); 4] = [
        (Operator::Conv2d, bytes_of(&convolution)),
        (Operator::MaxPool2d, bytes_of(&pool)),
        (Operator::FullyConnected, bytes_of(&dense)),
        (Operator::Softmax, bytes_of(&softmax)),
    ];
    let operands: [u16; 10] = [0, 5, 0, 1, 1, 2, 3, 4, 4, 5];
    let mut attributes = Vec::new();
    let mut steps = Vec::new();
    for (index, (operator, record)) in records.into_iter().enumerate() {
        steps.push(StepRecord {
            operator: operator as u8,
            input_count: 1,
            reserved: 0,
            first_operand: 2 + 2 * index as u32,
            attribute_offset: attributes.len() as u32,
            scratch_offset: ACTIVATION_BYTES,
        });
        attributes.extend_from_slice(record);
    }
    let header = ProgramHeader {
        operator_set: 1,
        packing: PACKING,
        tensor_count: tensors.len() as u16,
        step_count: steps.len() as u16,
        operand_count: operands.len() as u16,
        input_count: 1,
        output_count: 1,
        attribute_bytes: attributes.len() as u32,
        activation_bytes: ACTIVATION_BYTES,
        arena_bytes,
        reserved: [0; 3],
    };
    let mut program = bytes_of(&header).to_vec();
    program.extend_from_slice(bytemuck::cast_slice(&tensors));
    program.extend_from_slice(bytemuck::cast_slice(&steps));
    program.extend_from_slice(bytemuck::cast_slice(&operands));
    program.extend_from_slice(&attributes);
    (program, weights)
}

/// Puts sections behind each other, with a header in front and a digest in it.
fn assemble(sections: &[(u32, &[u8])]) -> Vec<u8> {
    let mut blob = vec![0; HEADER_BYTES];
    let mut entries = [SectionEntry::default(); 12];
    for (entry, &(kind, bytes)) in entries.iter_mut().zip(sections) {
        *entry = SectionEntry { kind, offset: blob.len() as u32, length: bytes.len() as u32 };
        blob.extend_from_slice(bytes);
        blob.resize(blob.len().next_multiple_of(16), 0);
    }
    let mut header = Header {
        magic: MAGIC,
        version: FORMAT_VERSION,
        header_bytes: HEADER_BYTES as u16,
        total_bytes: blob.len() as u32,
        section_count: sections.len() as u32,
        sections: entries,
        digest: [0; 32],
        signature: [[0; 32]; 2],
    };
    let mut hasher = Sha256::new();
    hasher.update(&bytes_of(&header)[..Header::DIGEST_OFFSET]);
    hasher.update(&blob[HEADER_BYTES..]);
    header.digest = hasher.finalize().into();
    blob[..HEADER_BYTES].copy_from_slice(bytes_of(&header));
    blob
}

/// Copies `bytes` to an aligned address and hands them to `function`.
fn with_aligned<R>(bytes: &[u8], function: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut memory = vec![0; bytes.len() + BLOB_ALIGNMENT];
    let start = memory.as_ptr().addr().wrapping_neg() % BLOB_ALIGNMENT;
    let aligned = &mut memory[start..start + bytes.len()];
    aligned.copy_from_slice(bytes);
    function(aligned)
}

/// Runs a blob on this machine with the portable kernels: the output, and the trace of all steps.
pub fn run(blob: &[u8], fill: impl FnOnce(&TensorRecord, &mut [u8])) -> (Vec<u8>, u32) {
    with_aligned(blob, |blob| {
        let model = Model::open(blob).expect("the blob is well formed");
        let arena = vec![0; model.arena_bytes(Family::Portable)];
        with_aligned(&arena, |arena| {
            let mut session = Session::with_family(&model, arena, Family::Portable).expect("it fits");
            let tensor = model.program().input(0).expect("there is one");
            fill(tensor, session.input_bytes(0).expect("there is one"));
            let mut trace = Trace::default();
            session.run_with(&mut trace).expect("a verified model runs");
            (session.output_bytes(0).expect("there is one").to_vec(), trace.0)
        })
    })
}

/// A blob with one golden vector.
pub fn blob() -> Vec<u8> {
    // More than any family needs, to ask what each one needs.
    let (draft, weights) = program([1 << 20; 8]);
    let draft = assemble(&[(section::WEIGHTS, &weights), (section::PROGRAM, &draft)]);
    let (program, weights) = program(with_aligned(&draft, |draft| {
        let model = Model::open(draft).expect("the blob is well formed");
        let steps = 0..model.program().steps().len();
        let mut arena_bytes = [0; 8];
        for family in Family::ALL {
            let of_step = |step| {
                let operation = model.program().operation(step).expect("there are as many");
                needs(&operation, family).expect("it was verified")
            };
            let scratch = steps.clone().map(|step| of_step(step).scratch).max().unwrap_or(0);
            let prepared: usize = steps.clone().map(|step| of_step(step).prepared).sum();
            arena_bytes[family as usize] = (ACTIVATION_BYTES as usize + scratch + prepared) as u32;
        }
        arena_bytes
    }));
    let plain = assemble(&[(section::WEIGHTS, &weights), (section::PROGRAM, &program)]);
    let (output, trace) = run(&plain, |tensor, input| {
        synthesize(tensor, SEED, input);
    });
    let mut golden = bytes_of(&GoldenHeader { count: 1, tolerance: 0.0, reserved: [0; 2] }).to_vec();
    let vector = VectorHeader { kind: GOLDEN_SYNTHETIC, seed: SEED, trace, reserved: 0 };
    golden.extend_from_slice(bytes_of(&vector));
    golden.extend_from_slice(&output);
    golden.resize(golden.len().next_multiple_of(4), 0);
    assemble(&[(section::WEIGHTS, &weights), (section::PROGRAM, &program), (section::GOLDEN, &golden)])
}

/// What an image needs to run [`blob`].
pub fn selection() -> Selection {
    with_aligned(&blob(), |blob| Selection::of([Model::open(blob).expect("the blob is well formed")]))
}
