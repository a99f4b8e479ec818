//! Means of channels, for the correction of biases.

/// Positions that are added at once.
const AT_ONCE: usize = 4;

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
        self.count += (values.len() / channels.max(1)) as u64;
        // Several positions at once load and store each sum once for all of them; they are added in their order all the same.
        let mut groups = values.chunks_exact(channels.max(1) * AT_ONCE);
        for group in &mut groups {
            let mut positions = group.chunks_exact(channels);
            let [a, b, c, d] = [(); AT_ONCE].map(|()| positions.next().unwrap_or_default());
            for ((((sum, &a), &b), &c), &d) in self.sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *sum = *sum + f64::from(a) + f64::from(b) + f64::from(c) + f64::from(d);
            }
        }
        for position in groups.remainder().chunks_exact(channels.max(1)) {
            self.sums.iter_mut().zip(position).for_each(|(sum, &value)| *sum += f64::from(value));
        }
    }

    /// The means, one a channel.
    pub fn values(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum / self.count.max(1) as f64).collect()
    }
}
