//! Grey 16×16 images of the ten digits, drawn by a seeded pen.
//!
//! A specimen is drawn like this, every quantity independent of the others:
//!
//! | what | distribution |
//! |---|---|
//! | digit | 0 to 9 in turn, so that every split is balanced |
//! | way of writing | uniform over one to three variants per digit |
//! | corners, arc centres, arc ends | normal, standard deviation 0.03 of the box |
//! | scale, per axis | uniform 0.65 to 1.05 of the image |
//! | rotation | normal, standard deviation 11° |
//! | shear | normal, standard deviation 0.18 |
//! | shift, per axis | normal, standard deviation 1 pixel |
//! | half width of the pen | uniform 0.45 to 1.25 pixels, its edge blurred over one pixel |
//! | brightness of ink and paper | uniform 0.5 to 1.0, uniform 0 to 0.2 |
//! | two spots of ink or paper | radius uniform 0.5 to 1.5 pixels, anywhere |
//! | noise | normal per pixel, standard deviation uniform 0.02 to 0.10 |
//!
//! Pixels are rounded to 256 levels, as a camera would, and models see them divided by 255.

use super::glyphs::{self, Point};
use crate::random::Random;

/// Pixels per side of an image.
pub const SIDE: usize = 16;
/// The class names, in the order of the model's outputs.
pub const LABELS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Images with their digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digits {
    /// Grey levels, image after image, row after row: `len() × SIDE × SIDE`.
    pub pixels: Vec<u8>,
    /// The digit on each image.
    pub labels: Vec<u8>,
}

impl Digits {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True where there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Draws `count` images. `split` names the stream of random numbers: the same seed with another split gives
/// independent images.
pub fn generate(seed: u64, split: &str, count: usize) -> Digits {
    let mut random = Random::stream(seed, &format!("digits/{split}"));
    let mut digits = Digits::default();
    for index in 0..count {
        let digit = index % LABELS.len();
        digits.pixels.extend(specimen(digit, &mut random));
        digits.labels.push(digit as u8);
    }
    digits
}

/// One image of `digit`.
fn specimen(digit: usize, random: &mut Random) -> Vec<u8> {
    let lines = glyphs::draw(digit, 0.03, random);
    let placement = Placement::draw(random);
    let lines: Vec<[Point; 2]> = lines.iter().map(|line| line.map(|point| placement.apply(point))).collect();
    let half_width = random.uniform(0.45, 1.25);
    let ink = random.uniform(0.5, 1.0);
    let paper = random.uniform(0.0, 0.2);
    let spots: [Spot; 2] = core::array::from_fn(|_| Spot::draw(ink, paper, random));
    let noise = random.uniform(0.02, 0.1);

    let mut pixels = Vec::with_capacity(SIDE * SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let centre = [column as f64 + 0.5, row as f64 + 0.5];
            let distance = lines.iter().map(|line| distance_to(*line, centre)).fold(f64::INFINITY, f64::min);
            let mut level = paper + (ink - paper) * coverage(half_width, distance);
            for spot in &spots {
                level += (spot.level - level) * coverage(spot.radius, length(minus(centre, spot.centre)));
            }
            level = random.normal(level, noise);
            pixels.push(libm::round(level.clamp(0.0, 1.0) * 255.0) as u8);
        }
    }
    pixels
}

/// How the unit square of a glyph lies on the image: an affine map.
struct Placement {
    matrix: [[f64; 2]; 2],
    shift: Point,
}

impl Placement {
    fn draw(random: &mut Random) -> Self {
        let side = SIDE as f64;
        let [wide, high] = [(); 2].map(|()| side * random.uniform(0.65, 1.05));
        let angle = random.normal(0.0, 11.0_f64.to_radians());
        let shear = random.normal(0.0, 0.18);
        let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
        Self {
            matrix: [
                [cosine * wide, (cosine * shear - sine) * high],
                [sine * wide, (sine * shear + cosine) * high],
            ],
            shift: [(); 2].map(|()| random.normal(side / 2.0, 1.0)),
        }
    }

    fn apply(&self, point: Point) -> Point {
        let [x, y] = minus(point, [0.5, 0.5]);
        core::array::from_fn(|axis| self.matrix[axis][0] * x + self.matrix[axis][1] * y + self.shift[axis])
    }
}

/// A drop of ink, or a place where the ink is missing.
struct Spot {
    centre: Point,
    radius: f64,
    level: f64,
}

impl Spot {
    fn draw(ink: f64, paper: f64, random: &mut Random) -> Self {
        Self {
            centre: [(); 2].map(|()| random.uniform(0.0, SIDE as f64)),
            radius: random.uniform(0.5, 1.5),
            level: if random.chance(0.5) { ink } else { paper },
        }
    }
}

/// Share of a pixel that a shape covers whose border is `radius` away from its middle line.
fn coverage(radius: f64, distance: f64) -> f64 {
    (radius + 0.5 - distance).clamp(0.0, 1.0)
}

/// Distance of `point` from a line with two ends.
fn distance_to([from, to]: [Point; 2], point: Point) -> f64 {
    let along = minus(to, from);
    let squared = along[0] * along[0] + along[1] * along[1];
    let offset = minus(point, from);
    let position = if squared > 0.0 { (offset[0] * along[0] + offset[1] * along[1]) / squared } else { 0.0 };
    let position = position.clamp(0.0, 1.0);
    length([offset[0] - position * along[0], offset[1] - position * along[1]])
}

fn minus(left: Point, right: Point) -> Point {
    [left[0] - right[0], left[1] - right[1]]
}

fn length([x, y]: Point) -> f64 {
    libm::sqrt(x * x + y * y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_images_and_splits_differ() {
        let first = generate(5, "train", 40);
        assert_eq!(first, generate(5, "train", 40));
        assert_ne!(first.pixels, generate(5, "test", 40).pixels);
        assert_ne!(first.pixels, generate(6, "train", 40).pixels);
        // A longer data set begins with the shorter one.
        assert_eq!(first.pixels, generate(5, "train", 60).pixels[..first.pixels.len()]);
    }

    #[test]
    fn images_show_ink_on_darker_paper_and_labels_are_balanced() {
        let digits = generate(1, "train", 500);
        for digit in 0..10 {
            assert_eq!(digits.labels.iter().filter(|label| **label == digit).count(), 50);
        }
        for (index, image) in digits.pixels.chunks(SIDE * SIDE).enumerate() {
            let mut levels = image.to_vec();
            levels.sort_unstable();
            let (dark, bright) = (levels[levels.len() / 4], levels[levels.len() * 49 / 50]);
            assert!(bright > dark + 20, "image {index} has no stroke: {dark} to {bright}");
        }
    }
}
