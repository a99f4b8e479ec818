//! What is true of samples: numbers of classes, or values.

use super::{SampleError, SampleFile, SampleProblem};

/// Reads one class number for each of `samples` samples: an array of shape \[n\] or \[n, 1\] of whole numbers below `classes`.
///
/// # Errors
/// Those of [`SampleFile::open`], [`SampleProblem::LabelCount`] and [`SampleProblem::NotALabel`].
pub fn read_labels(location: &str, samples: usize, classes: usize) -> Result<Vec<usize>, SampleError> {
    let file = SampleFile::open(location)?;
    let found = file.shape().iter().product();
    if found != samples {
        return Err(file.fail(SampleProblem::LabelCount { found, expected: samples }));
    }
    let mut labels = Vec::with_capacity(samples);
    file.read(&mut |value: f32| {
        if value.fract() != 0.0 || !(0.0..classes as f32).contains(&value) {
            let problem = SampleProblem::NotALabel { index: labels.len(), value, classes };
            return Err(file.fail(problem));
        }
        labels.push(value as usize);
        Ok(())
    })?;
    Ok(labels)
}

/// Reads the right values of `samples` samples with `outputs` values each: an array whose first axis counts samples.
///
/// # Errors
/// Those of [`SampleFile::open`], [`SampleProblem::LabelCount`] and [`SampleProblem::NotFinite`].
pub fn read_values(location: &str, samples: usize, outputs: usize) -> Result<Vec<f32>, SampleError> {
    let file = SampleFile::open(location)?;
    if file.count() != samples {
        return Err(file.fail(SampleProblem::LabelCount { found: file.count(), expected: samples }));
    }
    let mut values = Vec::with_capacity(samples * outputs);
    file.arrange(&[1, outputs], None)?.for_each(|_, sample| {
        values.extend_from_slice(sample);
        Ok::<(), SampleError>(())
    })?;
    Ok(values)
}
