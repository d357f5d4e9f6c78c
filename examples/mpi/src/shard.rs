//! The data and the gradient of one shard: images of handwritten digits.

use constnet::{Cache, CrossEntropy, Error, Zeroed as _};
use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

use super::Net;

/// The number of shards of a batch, a power of two. The results depend on it.
pub const SHARDS: usize = 4;
/// The number of samples that a shard takes in a step.
const ROWS: usize = 256;
/// The number of test images, the last of the file.
const TEST: usize = 360;
/// The file of the images, if no other is given.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/digits.txt");

type Image = [f32; 64];

/// A part of the training images, and the memory for their gradient.
pub struct Shard {
    index: usize,
    x: Vec<Image>,
    digits: Vec<usize>,
    gradient: Box<Net>,
    cache: Box<Cache<Net, ROWS>>,
}

impl Shard {
    /// Every `SHARDS`-th training image of the text.
    pub fn new(index: usize, text: &str) -> Self {
        let (x, digits) = images(text, |line, lines| line + TEST < lines && line % SHARDS == index);
        Self { index, x, digits, gradient: Net::boxed(), cache: Cache::boxed() }
    }

    /// Writes the mean gradient of a random part of the images, and then its mean loss. The part depends on the step and
    /// the shard only, so that a run can continue from a checkpoint.
    pub fn compute(&mut self, net: &Net, step: usize, numbers: &mut [f32]) -> Result<(), Error<f32>> {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64((step * SHARDS + self.index) as u64);
        let rows = [(); ROWS].map(|()| rng.random_range(0..self.x.len()));
        let (x, digits) = (rows.map(|row| self.x[row]), rows.map(|row| self.digits[row]));
        self.gradient.zero_grad();
        let loss = net.gradient(&CrossEntropy, &x, &digits, &mut self.gradient, &mut self.cache)?;
        let [gradient @ .., last] = numbers else { return Ok(()) };
        *last = loss;
        self.gradient.write_flat(gradient)
    }
}

/// The test images, and the digits that they show.
pub fn test_set(text: &str) -> (Vec<Image>, Vec<usize>) {
    images(text, |line, lines| line + TEST >= lines)
}

/// The images of the lines that are wanted: 64 pixels from 0 to 16, each a digit of base 17, then the digit that they show.
fn images(text: &str, wanted: impl Fn(usize, usize) -> bool) -> (Vec<Image>, Vec<usize>) {
    let lines = text.lines().count();
    let parse = |line: &str| {
        let mut numbers = line.chars().filter_map(|c| c.to_digit(17));
        let image = [(); 64].map(|()| numbers.next().map_or(0.0, |pixel| pixel as f32 / 16.0));
        (image, numbers.next().map_or(0, |digit| digit as usize))
    };
    text.lines().enumerate().filter(|(line, _)| wanted(*line, lines)).map(|(_, line)| parse(line)).unzip()
}
