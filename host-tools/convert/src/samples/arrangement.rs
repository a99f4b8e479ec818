//! From the order of a file to the order of a model's input.

use super::{ElementType, SampleError, SampleFile, SampleProblem, Source};
use crate::graph::FileLayout;

/// Samples that fit a model's input, read one at a time.
#[derive(Debug)]
pub struct Samples {
    file: SampleFile,
    sample_len: usize,
    /// Element i of the input is element `order[i]` of a sample in the file; `None` where both are in one order.
    order: Option<Vec<usize>>,
}

impl SampleFile {
    /// Holds the samples against a model input of `shape` (batch included, as in the graph or blob), which in the trained
    /// model has `file_layout` if that is given.
    ///
    /// A sample may have the trained model's shape, and is then transposed, or the shape of the input here; axes of extent 1
    /// make no difference. Images are height × width × channels, so they are taken as such. The columns of a CSV
    /// file are the elements in the trained model's order.
    ///
    /// # Errors
    /// [`SampleProblem::WrongShape`] or [`SampleProblem::WrongColumns`] with what was expected and found.
    pub fn arrange(self, shape: &[usize], file_layout: Option<&FileLayout>) -> Result<Samples, SampleError> {
        let sample_len = shape.iter().product();
        let sample = squeeze(&self.shape[1..]);
        let layout =
            file_layout.filter(|layout| !matches!(self.source, Source::Png { .. }) && is_permutation(layout));
        let order = match layout {
            Some(layout) if sample == squeeze(&layout.shape) => Some(file_order(layout)),
            _ if sample == squeeze(shape) => None,
            layout => match &self.source {
                Source::Csv(_) if self.shape[1] == sample_len => layout.map(file_order),
                Source::Csv(_) => {
                    let problem = SampleProblem::WrongColumns { found: self.shape[1], expected: sample_len };
                    return Err(self.fail(problem));
                }
                _ => return Err(self.wrong_shape(shape, layout)),
            },
        };
        Ok(Samples { file: self, sample_len, order })
    }

    fn wrong_shape(&self, shape: &[usize], layout: Option<&FileLayout>) -> SampleError {
        let mut expected: Vec<Vec<usize>> = Vec::new();
        for shape in layout.map(|layout| layout.shape.as_slice()).into_iter().chain([shape]) {
            let sample = if shape.len() > 1 && shape[0] == 1 { &shape[1..] } else { shape };
            if !expected.iter().any(|known| known == sample) {
                expected.push(sample.to_vec());
            }
        }
        let whole = squeeze(&self.shape);
        let is_one_sample = expected.iter().any(|shape| squeeze(shape) == whole);
        self.fail(SampleProblem::WrongShape { found: self.shape[1..].to_vec(), expected, is_one_sample })
    }
}

impl Samples {
    /// The file.
    pub fn file(&self) -> &SampleFile {
        &self.file
    }

    /// Names of the elements of a sample, in the order of the input; none if the file has no names.
    pub fn feature_names(&self) -> Vec<String> {
        let names = self.file.feature_names();
        let is_one_line = |name: &String| !name.contains(['\n', '\r']);
        if names.len() != self.sample_len || !names.iter().all(is_one_line) {
            return Vec::new();
        }
        match &self.order {
            Some(order) => order.iter().filter_map(|&place| names.get(place).cloned()).collect(),
            None => names.to_vec(),
        }
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        self.file.count()
    }

    /// Number of elements of a sample.
    pub fn sample_len(&self) -> usize {
        self.sample_len
    }

    /// Whether the elements are int8, as a quantized input takes them.
    pub fn is_int8(&self) -> bool {
        self.file.element_type == ElementType::I8
    }

    /// Hands the samples to `visit`, each with its index, in the order of the model's input. The file is read anew
    /// with each call; only one sample is held.
    ///
    /// # Errors
    /// [`SampleProblem::NotFinite`] for NaN and infinities, errors of reading, and what `visit` returns.
    pub fn for_each<E: From<SampleError>>(
        &self,
        mut visit: impl FnMut(usize, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut read = Vec::with_capacity(self.sample_len);
        let mut arranged = vec![0.0; if self.order.is_some() { self.sample_len } else { 0 }];
        let mut sample = 0;
        self.file.read(&mut |value: f32| {
            if !value.is_finite() {
                let index = unravel(read.len(), &self.file.shape[1..]);
                return Err(self.file.fail(SampleProblem::NotFinite { sample, index, value }).into());
            }
            read.push(value);
            if read.len() < self.sample_len {
                return Ok(());
            }
            let result = match &self.order {
                None => visit(sample, &read),
                Some(order) => {
                    for (target, &source) in arranged.iter_mut().zip(order) {
                        *target = read[source];
                    }
                    visit(sample, &arranged)
                }
            };
            read.clear();
            sample += 1;
            result
        })
    }

    /// As [`Samples::for_each`], for elements that are int8 already.
    ///
    /// # Errors
    /// [`SampleProblem::OtherElementType`] if the file holds another type, and those of [`Samples::for_each`].
    pub fn for_each_int8<E: From<SampleError>>(
        &self,
        mut visit: impl FnMut(usize, &[i8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.is_int8() {
            let found = self.file.element_type;
            return Err(self.file.fail(SampleProblem::OtherElementType { found, needed: "int8" }).into());
        }
        let mut integers = vec![0; self.sample_len];
        self.for_each(|index, sample| {
            for (target, &value) in integers.iter_mut().zip(sample) {
                *target = value as i8; // every int8 is a float32, so this is what the file holds
            }
            visit(index, &integers)
        })
    }
}

/// The shape without its extents of 1.
fn squeeze(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&extent| extent != 1).collect()
}

fn is_permutation(layout: &FileLayout) -> bool {
    let mut axes = layout.permutation.clone();
    axes.sort_unstable();
    axes.into_iter().eq(0..layout.shape.len())
}

/// For each element of a graph's input or output, in order, its position in the trained model's tensor.
pub fn file_order(layout: &FileLayout) -> Vec<usize> {
    let rank = layout.shape.len();
    let mut strides = vec![1; rank];
    for axis in (1..rank).rev() {
        strides[axis - 1] = strides[axis] * layout.shape[axis];
    }
    let mut order = vec![0];
    for &axis in &layout.permutation {
        order = order
            .iter()
            .flat_map(|&start| (0..layout.shape[axis]).map(move |index| (start, index)))
            .map(|(start, index)| start + index * strides[axis])
            .collect();
    }
    order
}

/// The index along each axis of element `position` of an array of `shape`.
fn unravel(mut position: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (axis, &extent) in shape.iter().enumerate().rev() {
        index[axis] = position % extent;
        position /= extent;
    }
    index
}
