//! The strokes of the ten digits.
//!
//! Coordinates are in a unit square, x to the right, y downwards. Angles are in turns, clockwise from
//! three o'clock.

use core::f64::consts::TAU;

use crate::random::Random;

/// A point in the unit square.
pub(super) type Point = [f64; 2];

/// One movement of the pen.
enum Stroke {
    /// A chain of straight lines.
    Lines(&'static [Point]),
    /// A part of an ellipse.
    Arc { centre: Point, radii: Point, from: f64, to: f64 },
}

use Stroke::{Arc, Lines};

const ZERO: &[Stroke] = &[Arc { centre: [0.5, 0.5], radii: [0.27, 0.40], from: 0.0, to: 1.0 }];
const ZERO_SLASHED: &[Stroke] = &[
    Arc { centre: [0.5, 0.5], radii: [0.27, 0.40], from: 0.0, to: 1.0 },
    Lines(&[[0.36, 0.70], [0.64, 0.30]]),
];
const ONE: &[Stroke] = &[Lines(&[[0.36, 0.26], [0.54, 0.10], [0.54, 0.90]])];
const ONE_BARE: &[Stroke] = &[Lines(&[[0.50, 0.10], [0.50, 0.90]])];
const ONE_SERIF: &[Stroke] =
    &[Lines(&[[0.34, 0.28], [0.52, 0.10], [0.52, 0.90]]), Lines(&[[0.34, 0.90], [0.70, 0.90]])];
const TWO: &[Stroke] = &[
    Arc { centre: [0.5, 0.32], radii: [0.25, 0.22], from: 0.52, to: 1.08 },
    Lines(&[[0.72, 0.42], [0.25, 0.90], [0.76, 0.90]]),
];
const THREE: &[Stroke] = &[
    Arc { centre: [0.47, 0.30], radii: [0.24, 0.20], from: 0.58, to: 1.25 },
    Arc { centre: [0.47, 0.70], radii: [0.27, 0.20], from: 0.75, to: 1.42 },
];
const THREE_FLAT: &[Stroke] = &[
    Lines(&[[0.26, 0.10], [0.72, 0.10], [0.46, 0.46]]),
    Arc { centre: [0.46, 0.68], radii: [0.28, 0.22], from: 0.75, to: 1.42 },
];
const FOUR: &[Stroke] = &[Lines(&[[0.62, 0.90], [0.62, 0.10], [0.22, 0.66], [0.80, 0.66]])];
const FOUR_OPEN: &[Stroke] =
    &[Lines(&[[0.30, 0.12], [0.26, 0.56], [0.76, 0.56]]), Lines(&[[0.64, 0.12], [0.64, 0.90]])];
const FIVE: &[Stroke] = &[
    Lines(&[[0.72, 0.10], [0.32, 0.10], [0.29, 0.46]]),
    Arc { centre: [0.47, 0.64], radii: [0.27, 0.25], from: 0.64, to: 1.42 },
];
const SIX: &[Stroke] = &[
    Arc { centre: [0.5, 0.66], radii: [0.24, 0.23], from: 0.0, to: 1.0 },
    Arc { centre: [0.74, 0.64], radii: [0.48, 0.54], from: 0.5, to: 0.72 },
];
const SEVEN: &[Stroke] = &[Lines(&[[0.25, 0.10], [0.76, 0.10], [0.42, 0.90]])];
const SEVEN_CROSSED: &[Stroke] =
    &[Lines(&[[0.25, 0.10], [0.76, 0.10], [0.42, 0.90]]), Lines(&[[0.38, 0.50], [0.70, 0.50]])];
const EIGHT: &[Stroke] = &[
    Arc { centre: [0.5, 0.30], radii: [0.21, 0.20], from: 0.0, to: 1.0 },
    Arc { centre: [0.5, 0.70], radii: [0.25, 0.20], from: 0.0, to: 1.0 },
];
const NINE: &[Stroke] = &[
    Arc { centre: [0.5, 0.34], radii: [0.24, 0.23], from: 0.0, to: 1.0 },
    Arc { centre: [0.26, 0.36], radii: [0.48, 0.54], from: 0.0, to: 0.22 },
];
const NINE_STRAIGHT: &[Stroke] = &[
    Arc { centre: [0.48, 0.34], radii: [0.24, 0.23], from: 0.0, to: 1.0 },
    Lines(&[[0.72, 0.32], [0.66, 0.90]]),
];

/// The ways of writing each digit, all equally frequent.
const VARIANTS: [&[&[Stroke]]; 10] = [
    &[ZERO, ZERO, ZERO_SLASHED],
    &[ONE, ONE_BARE, ONE_SERIF],
    &[TWO],
    &[THREE, THREE_FLAT],
    &[FOUR, FOUR_OPEN],
    &[FIVE],
    &[SIX],
    &[SEVEN, SEVEN_CROSSED],
    &[EIGHT],
    &[NINE, NINE_STRAIGHT],
];

/// Straight pieces that an arc is drawn with, per turn.
const SEGMENTS_PER_TURN: f64 = 24.0;

/// The lines of one specimen of `digit`: its way of writing is drawn at random, arcs begin and end a
/// little early or late, and corners wander by a standard deviation of `wander`.
pub(super) fn draw(digit: usize, wander: f64, random: &mut Random) -> Vec<[Point; 2]> {
    let variants = VARIANTS[digit];
    let mut lines = Vec::new();
    for stroke in variants[random.below(variants.len())] {
        let points: Vec<Point> = match stroke {
            Lines(points) => {
                points.iter().map(|point| point.map(|coordinate| random.normal(coordinate, wander))).collect()
            }
            Arc { centre, radii, from, to } => {
                let centre = centre.map(|coordinate| random.normal(coordinate, wander));
                let radii = radii.map(|radius| radius * random.normal(1.0, 2.0 * wander));
                let (from, to) = (random.normal(*from, wander), random.normal(*to, wander));
                let segments = ((to - from).abs() * SEGMENTS_PER_TURN).max(3.0) as usize;
                (0..=segments)
                    .map(|index| {
                        let angle = TAU * (from + (to - from) * index as f64 / segments as f64);
                        [centre[0] + radii[0] * libm::cos(angle), centre[1] + radii[1] * libm::sin(angle)]
                    })
                    .collect()
            }
        };
        lines.extend(points.windows(2).map(|pair| [pair[0], pair[1]]));
    }
    lines
}
