//! Writes a blob of every operator in both schemes into a folder: what fuzzing starts from.

use dunlin_convert::pack::{Golden, PackOptions, pack};
use dunlin_tests::random::Random;
use dunlin_tests::single_operator::{Scheme, graphs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("pass the folder to write to")?;
    let options = PackOptions { golden: Golden::Synthetic { count: 1 }, ..PackOptions::default() };
    let mut random = Random::new(1);
    for (scheme, name) in [(Scheme::Int8, "int8"), (Scheme::Float32, "float32")] {
        for (index, graph) in graphs(scheme, &mut random).iter().enumerate() {
            let blob = pack(graph, &options)?.blob;
            std::fs::write(format!("{folder}/{name}-{index}.dnl"), blob.as_slice())?;
        }
    }
    Ok(())
}
