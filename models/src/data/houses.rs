//! Sales of houses in an invented town, with eight features of very different ranges.
//!
//! The structural model, all draws independent but for the terms written out (N: normal, U: uniform):
//!
//! | feature | unit | distribution |
//! |---|---|---|
//! | `living_area` | m² | exp(N(4.75, 0.38)), clipped to 30 … 350 |
//! | `rooms` | count | round(1.4 + area / 29 + N(0, 0.8)), clipped to 1 … 12 |
//! | `plot_area` | m² | exp(N(5.9, 0.65)), clipped to 0 … 3000; 0 for the flats (30 %) |
//! | `age` | years | U(0, 40) for 60 %, U(40, 130) for the others |
//! | `distance_to_centre` | km | exponential with mean 7, clipped to 0.2 … 35 |
//! | `distance_to_station` | m | 150 + 220 · distance to the centre + exponential with mean 900 |
//! | `energy_demand` | kWh/(m²·a) | 45 + 1.7 · age + N(0, 32), clipped to 15 … 400 |
//! | `school_quality` | 0 … 1 | mean of two U(0, 1) |
//!
//! The price in thousand euros is a product of effects, as an appraiser would estimate it:
//!
//! ```text
//! price = (2.6 · area · (area / 120)^-0.12 + 9 · rooms + 0.11 · plot)
//!       · (0.55 + 0.75 · exp(-distance_to_centre / 9))
//!       · exp(-distance_to_station / 22000)
//!       · (1 - 0.0042 · min(age, 75) + 0.0015 · max(age - 75, 0))
//!       · (1 - 0.0009 · (energy_demand - 120))
//!       · (0.86 + 0.3 · school_quality)
//!       · exp(N(0, 0.07))
//! ```
//!
//! The last factor is what no model can predict: it bounds R².

use crate::random::Random;

/// Number of features.
pub const FEATURES: usize = 8;
/// Feature names in the order of the columns.
pub const FEATURE_NAMES: [&str; FEATURES] = [
    "living_area",
    "rooms",
    "plot_area",
    "age",
    "distance_to_centre",
    "distance_to_station",
    "energy_demand",
    "school_quality",
];
/// Units in the order of the columns; empty where a number has none.
pub const FEATURE_UNITS: [&str; FEATURES] = ["m²", "", "m²", "years", "km", "m", "kWh/(m²·a)", ""];
/// Unit of the price.
pub const PRICE_UNIT: &str = "thousand euros";
/// Standard deviation of the logarithm of the price, given all features.
pub const PRICE_NOISE: f64 = 0.07;

/// Houses with their prices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Houses {
    /// One row of features per house.
    pub features: Vec<[f32; FEATURES]>,
    /// Prices in thousand euros.
    pub prices: Vec<f32>,
}

/// Draws `count` sales. `split` names the stream of random numbers: the same seed with another split gives
/// independent houses.
pub fn generate(seed: u64, split: &str, count: usize) -> Houses {
    let mut random = Random::stream(seed, &format!("houses/{split}"));
    let mut houses = Houses::default();
    for _ in 0..count {
        let features = house(&mut random);
        let noise = libm::exp(random.normal(0.0, PRICE_NOISE));
        houses.prices.push(round((expected_price(&features) * noise) as f32, 10.0));
        houses.features.push(features);
    }
    houses
}

/// One house, its features rounded as a registry would hold them.
fn house(random: &mut Random) -> [f32; FEATURES] {
    let living_area = libm::exp(random.normal(4.75, 0.38)).clamp(30.0, 350.0);
    let rooms = libm::round(1.4 + living_area / 29.0 + random.normal(0.0, 0.8)).clamp(1.0, 12.0);
    let garden = libm::exp(random.normal(5.9, 0.65)).clamp(0.0, 3000.0);
    let plot_area = if random.chance(0.3) { 0.0 } else { garden };
    let age = if random.chance(0.6) { random.uniform(0.0, 40.0) } else { random.uniform(40.0, 130.0) };
    let distance_to_centre = exponential(7.0, random).clamp(0.2, 35.0);
    let distance_to_station = 150.0 + 220.0 * distance_to_centre + exponential(900.0, random);
    let energy_demand = (45.0 + 1.7 * age + random.normal(0.0, 32.0)).clamp(15.0, 400.0);
    let school_quality = (random.unit() + random.unit()) / 2.0;
    [
        round(living_area as f32, 1.0),
        rooms as f32,
        round(plot_area as f32, 1.0),
        round(age as f32, 1.0),
        round(distance_to_centre as f32, 10.0),
        round(distance_to_station as f32, 0.1),
        round(energy_demand as f32, 1.0),
        round(school_quality as f32, 100.0),
    ]
}

/// Price without noise, in thousand euros: the best that a model can predict, up to the mean of the noise.
pub fn expected_price(features: &[f32; FEATURES]) -> f64 {
    let [area, rooms, plot, age, centre, station, energy, school] = features.map(f64::from);
    (2.6 * area * libm::pow(area / 120.0, -0.12) + 9.0 * rooms + 0.11 * plot)
        * (0.55 + 0.75 * libm::exp(-centre / 9.0))
        * libm::exp(-station / 22_000.0)
        * (1.0 - 0.0042 * age.min(75.0) + 0.0015 * (age - 75.0).max(0.0))
        * (1.0 - 0.0009 * (energy - 120.0))
        * (0.86 + 0.3 * school)
}

fn exponential(mean: f64, random: &mut Random) -> f64 {
    -mean * libm::log(1.0 - random.unit())
}

/// Rounds to a multiple of 1 / `per_unit`.
fn round(value: f32, per_unit: f32) -> f32 {
    libm::roundf(value * per_unit) / per_unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_houses_and_splits_differ() {
        let first = generate(5, "train", 40);
        assert_eq!(first, generate(5, "train", 40));
        assert_ne!(first, generate(5, "test", 40));
    }

    #[test]
    fn prices_differ_from_the_structural_model_by_the_stated_noise() {
        let houses = generate(9, "train", 5_000);
        let logarithms: Vec<f64> = houses
            .features
            .iter()
            .zip(&houses.prices)
            .map(|(features, price)| libm::log(f64::from(*price) / expected_price(features)))
            .collect();
        let variance = logarithms.iter().map(|value| value * value).sum::<f64>() / logarithms.len() as f64;
        assert!((variance.sqrt() - PRICE_NOISE).abs() < 0.004, "standard deviation {}", variance.sqrt());
    }

    #[test]
    fn features_stay_in_their_ranges() {
        let highest = [350.0, 12.0, 3000.0, 130.0, 35.0, 40_000.0, 400.0, 1.0];
        for row in generate(2, "train", 2_000).features {
            for (index, value) in row.into_iter().enumerate() {
                assert!((0.0..=highest[index]).contains(&value), "{} is {value}", FEATURE_NAMES[index]);
            }
        }
    }
}
