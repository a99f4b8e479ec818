//! Somebody's firmware, which tells a digit with a model of Dunlin. `cargo run --release` emulates it.
//!
//! What it needs of Dunlin: one dependency, one blob, an arena of the length that `dunlin inspect` states, and `classify`.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use dunlin_runtime::{Aligned, Error, Model, Session, include_blob, quantize};
use semihosting::{println, process};

/// What `dunlin convert digits.onnx --calibrate calibration.npz -o digits.dnl` made.
static BLOB: &Aligned<[u8]> = include_blob!("../../../models/pretrained/digits/digits.dnl");
/// Bytes of arena, from `dunlin inspect digits.dnl`.
const ARENA_BYTES: usize = 3136;
/// 16 × 16 pixels: ink is `#`, faint ink is `+`.
const DIGIT: &str = include_str!("digit.txt");

/// The digit that the model sees.
fn classify(pixels: impl Iterator<Item = f32>) -> Result<usize, Error> {
    let mut arena = Aligned([0; ARENA_BYTES]);
    let model = Model::open(&BLOB.0)?;
    let mut session = Session::new(&model, &mut arena.0)?;
    let image = model.program().input(0).ok_or(Error::NoSuchTensor(0))?;
    for (input, pixel) in session.input(0)?.iter_mut().zip(pixels) {
        *input = quantize(pixel, image.scale, image.zero_point);
    }
    session.run()?;
    let scores = session.output(0)?.iter().enumerate();
    Ok(scores.max_by_key(|(_, score)| **score).map_or(0, |(digit, _)| digit))
}

#[entry]
fn main() -> ! {
    let ink = |pixel: char| match pixel {
        '#' => 1.0,
        '+' => 0.4,
        _ => 0.0,
    };
    match classify(DIGIT.lines().flat_map(str::chars).map(ink)) {
        Ok(digit) => {
            println!("{DIGIT}is a {digit}");
            process::exit(0)
        }
        Err(error) => {
            println!("the model does not run: {error}");
            process::exit(1)
        }
    }
}
