//! Means of channels, for the correction of biases.

/// The running mean of each channel: of each index of the last axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChannelMean {
    sums: Vec<f64>,
    count: u64,
}

impl ChannelMean {
    /// Counts values of which `channels` belong to one position.
    pub fn add(&mut self, channels: usize, values: &[f32]) {
        self.sums.resize(channels, 0.0);
        for position in values.chunks_exact(channels.max(1)) {
            self.sums.iter_mut().zip(position).for_each(|(sum, &value)| *sum += f64::from(value));
            self.count += 1;
        }
    }

    /// The means, one a channel.
    pub fn values(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum / self.count.max(1) as f64).collect()
    }
}
