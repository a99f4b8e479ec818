//! A perceptron with two hidden layers that standardizes its inputs itself.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::weights::{constant, transposed};
use crate::data::houses::FEATURES;
use crate::export::onnx::Graph;

/// Units of the two hidden layers.
const UNITS: [usize; 2] = [32, 16];

/// Mean and standard deviation of columns of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moments {
    /// One mean per column.
    pub mean: Vec<f32>,
    /// One standard deviation per column.
    pub deviation: Vec<f32>,
}

impl Moments {
    /// The moments of the columns of `rows`, summed up in double precision.
    pub(crate) fn of<const N: usize>(rows: &[[f32; N]]) -> Self {
        let count = rows.len() as f64;
        let column = |index: usize| rows.iter().map(move |row| f64::from(row[index]));
        let means: Vec<f64> = (0..N).map(|index| column(index).sum::<f64>() / count).collect();
        let variance = |(index, mean): (usize, &f64)| {
            column(index).map(|value| (value - mean) * (value - mean)).sum::<f64>() / count
        };
        Self {
            deviation: means.iter().enumerate().map(|entry| variance(entry).sqrt() as f32).collect(),
            mean: means.iter().map(|mean| *mean as f32).collect(),
        }
    }
}

/// (x - mean) / deviation → 32 → relu → 16 → relu → 1.
#[derive(Module, Debug)]
pub(crate) struct HousePriceNetwork {
    mean: Param<Tensor<1>>,
    deviation: Param<Tensor<1>>,
    wide: Linear,
    narrow: Linear,
    price: Linear,
}

impl HousePriceNetwork {
    /// A network whose weights are still to be set; it neither shifts nor scales its inputs yet.
    pub(crate) fn new(device: &Device) -> Self {
        let fixed = |value: f32| Param::from_data([value; FEATURES], device).set_require_grad(false);
        Self {
            mean: fixed(0.0),
            deviation: fixed(1.0),
            wide: LinearConfig::new(FEATURES, UNITS[0]).init(device),
            narrow: LinearConfig::new(UNITS[0], UNITS[1]).init(device),
            price: LinearConfig::new(UNITS[1], 1).init(device),
        }
    }

    /// Standardizes inputs by these moments from now on.
    pub(crate) fn standardizing(mut self, moments: &Moments) -> Self {
        let replace = |param: Param<Tensor<1>>, values: &[f32]| {
            param.map(|tensor| Tensor::from_data(values, &tensor.device())).set_require_grad(false)
        };
        self.mean = replace(self.mean, &moments.mean);
        self.deviation = replace(self.deviation, &moments.deviation);
        self
    }

    /// Undoes a standardization of the target: the result is `y · deviation + mean`, and as the last layer is
    /// linear, its weights take that in.
    pub(crate) fn scaling_output(mut self, moments: &Moments) -> Self {
        let (mean, deviation) = (moments.mean[0], moments.deviation[0]);
        self.price.weight = self.price.weight.map(|weight| weight.mul_scalar(deviation));
        self.price.bias =
            self.price.bias.map(|bias| bias.map(|bias| bias.mul_scalar(deviation).add_scalar(mean)));
        self
    }

    /// `[n, 8]` → `[n, 1]`.
    pub(crate) fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let standard = (features - self.mean.val().unsqueeze()) / self.deviation.val().unsqueeze();
        let hidden = relu(self.wide.forward(standard));
        let hidden = relu(self.narrow.forward(hidden));
        self.price.forward(hidden)
    }

    /// The same computation as ONNX, for one house.
    pub(crate) fn to_onnx(&self) -> Vec<u8> {
        let (mut graph, features) = Graph::new("house_price", "features", &[1, FEATURES]);
        let centred = graph.subtract("centre", &features, &constant(self.mean.val().unsqueeze::<2>()));
        let standard = graph.divide("scale", &centred, &constant(self.deviation.val().unsqueeze::<2>()));
        let (weight, bias) = transposed(&self.wide);
        let hidden = graph.dense("wide", &standard, &weight, &bias);
        let hidden = graph.relu("wide_relu", &hidden);
        let (weight, bias) = transposed(&self.narrow);
        let hidden = graph.dense("narrow", &hidden, &weight, &bias);
        let hidden = graph.relu("narrow_relu", &hidden);
        let (weight, bias) = transposed(&self.price);
        let price = graph.dense("price", &hidden, &weight, &bias);
        graph.finish(
            &price,
            "price_thousand_euros",
            &[1, 1],
            "Price of a house in thousand euros. Input: living area (m2), rooms, plot area (m2), age (years), \
             distance to the centre (km), distance to a station (m), energy demand (kWh per m2 and year), \
             quality of schools (0 to 1).",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_columns() {
        let moments = Moments::of(&[[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]]);
        assert_eq!(moments.mean, [3.0, 20.0]);
        assert_eq!(moments.deviation, [(8.0_f64 / 3.0).sqrt() as f32, 200.0_f64.sqrt() as f32]);
    }

    #[test]
    fn scaling_the_output_is_an_affine_map_of_it() {
        let device = Device::flex();
        let network = HousePriceNetwork::new(&device);
        let features = Tensor::from_data([[0.5_f32, -1.0, 0.25, 2.0, -0.5, 1.5, -2.0, 1.0]], &device);
        let plain: f32 = network.forward(features.clone()).into_scalar();
        let scaled = network.scaling_output(&Moments { mean: vec![300.0], deviation: vec![120.0] });
        let price: f32 = scaled.forward(features).into_scalar();
        assert!((price - (plain * 120.0 + 300.0)).abs() < 1e-3, "{plain} became {price}");
    }
}
