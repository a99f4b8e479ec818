//! `engine-tract MODEL.onnx`: for every line on standard input, a number, runs as many inferences and prints their nanoseconds.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use tract_onnx::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args().nth(1) else { return Err("engine-tract MODEL.onnx".into()) };
    let model = tract_onnx::onnx().model_for_path(path)?.into_optimized()?;
    let mut inputs = TVec::new();
    for &outlet in model.input_outlets()? {
        let shape = &model.outlet_fact(outlet)?.shape;
        let shape = shape.as_concrete().ok_or("the shape of an input is not fixed")?;
        let count = shape.iter().product::<usize>();
        let values: Vec<_> =
            (0..count).map(|index| f32::from((index * 37 + 11) as u8) / 128.0 - 1.0).collect();
        inputs.push(Tensor::from_shape(shape, &values)?.into_tvalue());
    }
    let model = model.into_runnable()?;
    let mut state = model.spawn()?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let count: u32 = line?.trim().parse()?;
        let started = Instant::now();
        for _ in 0..count {
            std::hint::black_box(state.run(inputs.clone())?);
        }
        println!("{}", started.elapsed().as_nanos());
        std::io::stdout().flush()?;
    }
    Ok(())
}
