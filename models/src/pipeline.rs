//! Pipelines: named steps over content-addressed data.
//!
//! A step turns the products of earlier steps into one product, a sequence of bytes. What a step produced is
//! stored under its digest, and found again by a key: the digest of everything that the product depends on.
//! So a pipeline that is run again does only what has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::digest::hexadecimal;
use crate::error::TrainError;
use crate::experiment::StepRecord;

/// What a step does: products of its inputs in, product out. Long work tells how far it is.
pub type Work<'a> = Box<dyn Fn(&[&[u8]], &mut dyn FnMut(Progress<'_>)) -> Result<Vec<u8>, TrainError> + 'a>;

/// One named step.
pub struct Step<'a> {
    /// Name, unique in its pipeline.
    pub name: &'static str,
    /// To be raised when the code changes what the step produces, so that no older product is taken for it.
    pub revision: u32,
    /// The steps whose products this one reads.
    pub inputs: &'static [&'static str],
    /// What else the product depends on.
    pub parameters: Value,
    /// The work.
    pub work: Work<'a>,
}

/// What a pipeline says while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A step begins.
    Started {
        /// Its name.
        step: &'a str,
    },
    /// An epoch of training is over.
    Epoch {
        /// Number, from 1.
        number: usize,
        /// How many there will be.
        of: usize,
        /// Mean loss over its samples.
        loss: f64,
    },
    /// A step has its product.
    Finished {
        /// Its name.
        step: &'a str,
        /// Digest of the product.
        digest: &'a str,
        /// Length of the product in bytes.
        bytes: usize,
        /// Whether the product was found rather than made.
        cached: bool,
        /// How long it took.
        duration: Duration,
    },
}

/// What the steps of a pipeline produced.
#[derive(Clone, Debug, Default)]
pub struct Products {
    products: Vec<(StepRecord, Vec<u8>)>,
}

impl Products {
    /// The product of the step of this name.
    pub fn get(&self, step: &str) -> Option<&[u8]> {
        self.find(step).map(|(_, bytes)| bytes.as_slice())
    }

    /// The digest of the product of the step of this name.
    pub fn digest(&self, step: &str) -> Option<&str> {
        self.find(step).map(|(record, _)| record.digest.as_str())
    }

    /// The records of all steps in their order.
    pub fn records(&self) -> Vec<StepRecord> {
        self.products.iter().map(|(record, _)| record.clone()).collect()
    }

    fn find(&self, step: &str) -> Option<&(StepRecord, Vec<u8>)> {
        self.products.iter().find(|(record, _)| record.name == step)
    }
}

/// Runs `steps` in their order; products come from `store` where it has them.
///
/// # Errors
///
/// The first error of a step, a step that reads what no earlier one produces, a store that cannot be written.
pub fn run(
    pipeline: &str,
    steps: &[Step<'_>],
    store: &Store,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Products, TrainError> {
    let mut products = Products::default();
    for step in steps {
        let started = Instant::now();
        progress(Progress::Started { step: step.name });
        let inputs = step.inputs.iter().map(|input| {
            products
                .find(input)
                .ok_or_else(|| TrainError::UnknownInput { step: step.name.into(), input: (*input).into() })
        });
        let inputs: Vec<&(StepRecord, Vec<u8>)> = inputs.collect::<Result<_, _>>()?;
        let digests: Vec<&str> = inputs.iter().map(|(record, _)| record.digest.as_str()).collect();
        let key = key(pipeline, step, &digests);
        let found = store.load(&key);
        let cached = found.is_some();
        let bytes = match found {
            Some(bytes) => bytes,
            None => {
                let contents: Vec<&[u8]> = inputs.iter().map(|(_, bytes)| bytes.as_slice()).collect();
                let bytes = (step.work)(&contents, progress)?;
                store.save(&key, &bytes)?;
                bytes
            }
        };
        let digest = hexadecimal(&bytes);
        progress(Progress::Finished {
            step: step.name,
            digest: &digest,
            bytes: bytes.len(),
            cached,
            duration: started.elapsed(),
        });
        let names = step.inputs.iter().map(|input| (*input).into()).collect();
        products.products.push((StepRecord { name: step.name.into(), inputs: names, digest }, bytes));
    }
    Ok(products)
}

/// Digest of everything that the product of `step` depends on.
fn key(pipeline: &str, step: &Step<'_>, inputs: &[&str]) -> String {
    let identity = json!({
        "pipeline": pipeline,
        "step": step.name,
        "revision": step.revision,
        "parameters": step.parameters,
        "inputs": inputs,
        "version": env!("CARGO_PKG_VERSION"),
        // Floating-point sums may differ from one architecture to the next.
        "architecture": std::env::consts::ARCH,
    });
    hexadecimal(identity.to_string().as_bytes())
}

/// Where products are kept: `objects/` by their digests, `keys/` with the digest that belongs to each key.
#[derive(Clone, Debug, Default)]
pub struct Store {
    folder: Option<PathBuf>,
}

impl Store {
    /// A store in `folder`, which is created when needed.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// A store that keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// The product that belongs to `key`, unless it is missing or damaged.
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        let folder = self.folder.as_ref()?;
        let digest = fs::read_to_string(folder.join("keys").join(key)).ok()?;
        let bytes = fs::read(folder.join("objects").join(&digest)).ok()?;
        (hexadecimal(&bytes) == digest).then_some(bytes)
    }

    fn save(&self, key: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let digest = hexadecimal(bytes);
        // The object comes first: a key never points to nothing.
        write(&folder.join("objects").join(&digest), bytes)?;
        write(&folder.join("keys").join(key), digest.as_bytes())
    }
}

/// Writes a whole file or none: the name appears when the content is complete. Folders are created.
///
/// # Errors
///
/// [`TrainError::File`] with the path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&partial, bytes))
        .and_then(|()| fs::rename(&partial, path));
    written.map_err(|source| {
        // Best effort: the first error is the one to tell.
        let _ = fs::remove_file(&partial);
        TrainError::File { path: path.into(), source }
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Runs `first → second`, where `second` appends `suffix`; returns the last product and how many steps
    /// did work.
    fn chain(store: &Store, seed: u64, suffix: &'static [u8]) -> (Vec<u8>, usize) {
        let worked = Cell::new(0);
        let count = || worked.set(worked.get() + 1);
        let steps = [
            Step {
                name: "first",
                revision: 1,
                inputs: &[],
                parameters: json!({ "seed": seed }),
                work: Box::new(move |_, _| {
                    count();
                    Ok(seed.to_le_bytes().to_vec())
                }),
            },
            Step {
                name: "second",
                revision: 1,
                inputs: &["first"],
                parameters: json!(suffix),
                work: Box::new(move |inputs, _| {
                    count();
                    Ok([inputs[0], suffix].concat())
                }),
            },
        ];
        let products = run("chain", &steps, store, &mut |_| {}).expect("runs");
        (products.get("second").expect("is produced").to_vec(), worked.get())
    }

    #[test]
    fn only_what_has_changed_is_done_again() {
        let folder = std::env::temp_dir().join(format!("dunlin-pipeline-{}", std::process::id()));
        let store = Store::at(&folder);
        let (product, worked) = chain(&store, 1, b"a");
        assert_eq!((product.as_slice(), worked), (&[1, 0, 0, 0, 0, 0, 0, 0, b'a'][..], 2));
        assert_eq!(chain(&store, 1, b"a"), (product.clone(), 0));
        assert_eq!(chain(&store, 1, b"b").1, 1);
        assert_eq!(chain(&store, 2, b"a").1, 2);

        // A damaged object is made again, not believed.
        let object = folder.join("objects").join(hexadecimal(&product));
        fs::write(&object, b"damaged").expect("is writable");
        assert_eq!(chain(&store, 1, b"a"), (product, 1));
        fs::remove_dir_all(folder).expect("is removable");
    }

    #[test]
    fn an_input_that_nobody_produces_is_an_error() {
        let steps = [Step {
            name: "lonely",
            revision: 1,
            inputs: &["missing"],
            parameters: Value::Null,
            work: Box::new(|_, _| Ok(Vec::new())),
        }];
        let error = run("broken", &steps, &Store::none(), &mut |_| {}).expect_err("has no input");
        assert_eq!(error.to_string(), "step `lonely` reads `missing`, but no earlier step has this name");
    }
}
