//! The loop that all trainings share.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::Tensor;

use super::Parameters;
use crate::error::TrainError;
use crate::pipeline::Progress;
use crate::random::Random;

/// Trains `network` with Adam on batches in random order, the learning rate falling along half a cosine
/// (Loshchilov and Hutter, "SGDR", 2017, without restarts). Returns the network and the mean loss of each
/// epoch.
///
/// `loss` computes the mean loss over the samples of these indices.
pub(super) fn optimise<M: Module>(
    mut network: M,
    parameters: &Parameters,
    loss: impl Fn(&M, &[usize]) -> Tensor<1>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(M, Vec<f64>), TrainError> {
    let Parameters { seed, epochs, training_samples, batch, learning_rate, .. } = *parameters;
    let mut random = Random::stream(seed, "order of samples");
    let mut order: Vec<usize> = (0..training_samples).collect();
    let mut optimizer = AdamConfig::new().init();
    let steps = epochs * training_samples.div_ceil(batch);
    let mut step = 0;
    let mut losses = Vec::with_capacity(epochs);
    for epoch in 1..=epochs {
        random.shuffle(&mut order);
        let mut sum = 0.0;
        for indices in order.chunks(batch) {
            let mean = loss(&network, indices);
            sum += f64::from(mean.clone().into_scalar::<f32>()) * indices.len() as f64;
            let gradients = GradientsParams::from_grads(mean.backward(), &network);
            let cosine = libm::cos(std::f64::consts::PI * f64::from(step) / steps as f64);
            network = optimizer.step(learning_rate * (1.0 + cosine) / 2.0, network, gradients);
            step += 1;
        }
        let mean = sum / training_samples as f64;
        if !mean.is_finite() {
            return Err(TrainError::Diverged { epoch });
        }
        losses.push(mean);
        progress(Progress::Epoch { number: epoch, of: epochs, loss: mean });
    }
    Ok((network, losses))
}
