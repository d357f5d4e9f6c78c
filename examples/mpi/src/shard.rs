//! The data and the gradient of one shard: images of handwritten digits.

#[path = "../../shared/digits.rs"]
mod digits;

use constnet::{Cache, CrossEntropy, Error, Zeroed as _};
use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

use super::Net;

/// The number of shards of a batch, a power of two. The results depend on it.
pub const SHARDS: usize = 4;
/// The number of samples that a shard takes in a step. The results depend on it.
pub const ROWS: usize = 256;
/// The number of test images, the last of the file.
const TEST: usize = 360;
/// The file of the images, if no other is given.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/digits.txt");

/// An image and the digit that it shows.
pub type Sample = ([f32; 64], usize);

/// A part of the training images, and the memory for their gradient.
pub struct Shard {
    index: usize,
    samples: Vec<Sample>,
    gradient: Box<Net>,
    cache: Box<Cache<Net, ROWS>>,
}

impl Shard {
    /// Takes every `SHARDS`-th training image.
    pub fn new(index: usize, training: &[Sample]) -> Self {
        let samples = training.iter().skip(index).step_by(SHARDS).copied().collect();
        Self { index, samples, gradient: Net::boxed(), cache: Cache::boxed() }
    }

    /// Writes the mean gradient of a random part of the images, and then its mean loss. The part depends on the step and
    /// the shard only, so that a run can continue from a checkpoint.
    pub fn compute(&mut self, net: &Net, step: usize, numbers: &mut [f32]) -> Result<(), Error<f32>> {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64((step * SHARDS + self.index) as u64);
        let samples = [(); ROWS].map(|()| self.samples[rng.random_range(0..self.samples.len())]);
        let (x, digits) = (samples.map(|(x, _)| x), samples.map(|(_, digit)| digit));
        self.gradient.zero_grad();
        let loss = net.gradient(&CrossEntropy, &x, &digits, &mut self.gradient, &mut self.cache)?;
        let [gradient @ .., last] = numbers else { return Ok(()) };
        *last = loss;
        self.gradient.write_flat(gradient)
    }
}

/// Returns the training images and the test images of a text, or an error if a shard would be empty.
pub fn images(text: &str) -> Result<(Vec<Sample>, Vec<Sample>), String> {
    let expected = "expected 64 pixels, each a digit of base 17, a space, and a digit below 10";
    let samples = text.lines().zip(1..).map(|(line, number)| digits::parse(line).ok_or(number));
    let samples: Result<Vec<_>, usize> = samples.collect();
    let mut training = samples.map_err(|number| format!("line {number}: {expected}"))?;
    if training.len() < SHARDS + TEST {
        return Err(format!("{} lines, expected at least {}", training.len(), SHARDS + TEST));
    }
    let test = training.split_off(training.len() - TEST);
    Ok((training, test))
}
