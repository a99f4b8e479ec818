//! `engine-dunlin MODEL.dnl FAMILY`: for every line on standard input, a number, runs as many inferences and prints their nanoseconds.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use dunlin_runtime::{BLOB_ALIGNMENT, Family, Model, Session};

/// Where `length` bytes may begin in `memory`, at an address that blobs and arenas may have.
fn aligned(memory: &mut Vec<u8>, length: usize) -> &mut [u8] {
    memory.resize(length + BLOB_ALIGNMENT, 0);
    let start = memory.as_ptr().addr().wrapping_neg() % BLOB_ALIGNMENT;
    &mut memory[start..][..length]
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [path, family] = words.as_slice() else { return Err("engine-dunlin MODEL.dnl FAMILY".into()) };
    let family = Family::from_name(family).ok_or("there is no such kernel family")?;
    let bytes = std::fs::read(path)?;
    let mut memory = Vec::new();
    let blob = aligned(&mut memory, bytes.len());
    blob.copy_from_slice(&bytes);
    let model = Model::open(blob).map_err(|error| error.to_string())?;
    let mut memory = Vec::new();
    let arena = aligned(&mut memory, model.arena_bytes(family));
    let mut session = Session::with_family(&model, arena, family).map_err(|error| error.to_string())?;
    let mut sample = Vec::new();
    for index in 0..model.program().header().input_count.into() {
        let bytes = session.input_bytes(index).map_err(|error| error.to_string())?.len();
        sample.push((0..bytes).map(|index| (index * 37 + 11) as u8 ^ 0x80).collect::<Vec<_>>());
    }
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let count: u32 = line?.trim().parse()?;
        let started = Instant::now();
        for _ in 0..count {
            // Inputs share memory with later tensors: an application fills them anew, too.
            for (index, sample) in sample.iter().enumerate() {
                session.input_bytes(index).map_err(|error| error.to_string())?.copy_from_slice(sample);
            }
            session.run().map_err(|error| error.to_string())?;
            std::hint::black_box(session.output_bytes(0).map_err(|error| error.to_string())?);
        }
        println!("{}", started.elapsed().as_nanos());
        std::io::stdout().flush()?;
    }
    Ok(())
}
