//! Weights into and out of networks: initial values, storage as arrays, constants for export.

use std::io::{Read, Seek, Write};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::nn::Linear;
use burn::tensor::{Tensor, TensorData};
use ndarray::ArrayD;
use ndarray_npy::{NpzReader, NpzWriter};

use crate::error::TrainError;
use crate::export::onnx::Constant;
use crate::random::Random;

/// Draws the weights of layers that relu follows: normal with variance 2 / inputs, zero for vectors (He et
/// al., "Delving deep into rectifiers", 2015). From our own stream, as the framework's is global.
pub(crate) fn initialise<M: Module>(network: M, seed: u64) -> M {
    network.map(&mut Initialiser { random: Random::stream(seed, "initial weights") })
}

struct Initialiser {
    random: Random,
}

impl ModuleMapper for Initialiser {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let shape = tensor.dims();
            // Convolutions are [outputs, inputs, rows, columns], dense layers [inputs, outputs].
            let inputs: usize = if D == 2 { shape[0] } else { shape[1..].iter().product() };
            let deviation = if D == 1 { 0.0 } else { libm::sqrt(2.0 / inputs as f64) };
            let values: Vec<f32> =
                (0..shape.iter().product()).map(|_| self.random.normal(0.0, deviation) as f32).collect();
            Tensor::from_data(TensorData::new(values, shape), &tensor.device()).require_grad()
        })
    }
}

/// Appends every weight of `network` to `archive`, named by its path.
pub(crate) fn save<M: Module, W: Write + Seek>(
    network: &M,
    archive: &mut NpzWriter<W>,
) -> Result<(), TrainError> {
    let mut saver = Saver { path: Vec::new(), weights: Vec::new() };
    network.visit(&mut saver);
    for (name, Constant { shape, values }) in saver.weights {
        let array = ArrayD::from_shape_vec(shape, values).expect("a tensor is as long as its shape says");
        archive.add_array(name, &array)?;
    }
    Ok(())
}

struct Saver {
    path: Vec<String>,
    weights: Vec<(String, Constant)>,
}

impl ModuleVisitor for Saver {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.weights.push((self.path.join("."), constant(param.val())));
    }
}

/// Gives `network` the weights that [`save`] wrote.
pub(crate) fn load<M: Module, R: Read + Seek>(
    network: M,
    archive: &mut NpzReader<R>,
) -> Result<M, TrainError> {
    let mut loader = Loader { path: Vec::new(), archive, error: None };
    let network = network.map(&mut loader);
    loader.error.map_or(Ok(network), Err)
}

struct Loader<'a, R: Read + Seek> {
    path: Vec<String>,
    archive: &'a mut NpzReader<R>,
    error: Option<TrainError>,
}

impl<R: Read + Seek> Loader<'_, R> {
    fn read(&mut self, expected: &[usize]) -> Result<Vec<f32>, TrainError> {
        let name = self.path.join(".");
        let array: ArrayD<f32> = self.archive.by_name(&name)?;
        if array.shape() == expected {
            return Ok(array.into_iter().collect());
        }
        Err(TrainError::WeightShape { name, expected: expected.into(), found: array.shape().into() })
    }
}

impl<R: Read + Seek> ModuleMapper for Loader<'_, R> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.dims();
        match self.read(&shape) {
            Ok(values) => {
                param.map(|tensor| Tensor::from_data(TensorData::new(values, shape), &tensor.device()))
            }
            Err(error) => {
                self.error.get_or_insert(error);
                param
            }
        }
    }
}

/// The numbers of a tensor.
pub(crate) fn constant<const D: usize>(tensor: Tensor<D>) -> Constant {
    Constant { shape: tensor.dims().into(), values: values(tensor) }
}

/// The elements of a tensor in row-major order.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().as_slice::<f32>().expect("all tensors here are float32").to_vec()
}

/// Weight `[outputs, inputs]` and bias of a dense layer, as ONNX and microcontrollers keep them.
pub(crate) fn transposed(layer: &Linear) -> (Constant, Constant) {
    let bias = layer.bias.as_ref().expect("every layer has a bias").val();
    (constant(layer.weight.val().transpose()), constant(bias))
}
