//! `dunlin inspect`

use std::path::PathBuf;

use dunlin_convert::pack::AlignedBytes;
use dunlin_convert::report::{BlobDescription, describe, terminal, to_json};
use dunlin_runtime::{Family, Model, Session};
use serde::Serialize;

use crate::blob_file::BlobFile;
use crate::failure::Failure;

/// Show what a blob is, what it takes, and whether its test vectors pass on this machine.
#[derive(clap::Args)]
#[command(after_help = "The digest is always checked: a file that was cut or changed is refused.\n\n\
    Examples:\n  \
    dunlin inspect model.dnl\n  \
    dunlin inspect model.dnl --json | jq .arena")]
pub struct Arguments {
    /// The blob
    model: PathBuf,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// The description, and what running the golden vectors gave.
#[derive(Serialize)]
struct Inspection {
    #[serde(flatten)]
    blob: BlobDescription,
    golden: GoldenResult,
}

/// How the golden vectors went.
#[derive(Serialize)]
struct GoldenResult {
    family: &'static str,
    passed: u32,
    failure: Option<String>,
}

/// Opens, describes and tests the blob.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = BlobFile::read(&arguments.model)?;
    let model = file.open()?;
    let inspection = Inspection { blob: describe(&model), golden: test(&model)? };
    if arguments.json {
        print!("{}", to_json(&inspection));
    } else {
        print!("{}", terminal::description(&inspection.blob));
        let GoldenResult { family, passed, failure } = &inspection.golden;
        match failure {
            Some(failure) => println!("\n  golden vectors: {failure}, with the kernels {family}"),
            None if *passed == 0 => println!("\n  golden vectors: none"),
            None => println!("\n  golden vectors: {passed} passed with the kernels {family}"),
        }
    }
    match inspection.golden.failure {
        None => Ok(()),
        Some(failure) => Err(Failure::new(format!(
            "{} computes something else here than where it was made: {failure}",
            file.path().display()
        ))
        .help("report this as a defect of Dunlin, with the blob and the name of the processor")),
    }
}

fn test(model: &Model<'_>) -> Result<GoldenResult, Failure> {
    let family = Family::best();
    let mut arena = AlignedBytes::zeroed(model.arena_bytes(family));
    let result = Session::with_family(model, arena.as_mut_slice(), family)?.self_test();
    let (passed, failure) = match result {
        Ok(passed) => (passed, None),
        Err(failure) => (0, Some(failure.to_string())),
    };
    Ok(GoldenResult { family: family.name(), passed, failure })
}
