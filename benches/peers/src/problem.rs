//! The work of all peers: the same networks on the same numbers.

use std::{fs, io, path::Path};

use rand::{SeedableRng, rngs::StdRng};

/// The learning rate of every training step.
pub const LEARNING_RATE: f32 = 0.01;

/// The number of training steps before the loss of a peer is compared with that of constnet.
pub const CHECKED_STEPS: usize = 5;

#[derive(Clone, Copy, PartialEq)]
pub enum Task {
    /// `ŷ = net(x)`, without a cache for a backward pass.
    Forward,
    /// Forward, mean squared error, backward, plain gradient descent.
    Step,
}

/// A workload with all its numbers.
pub struct Problem {
    pub task: Task,
    pub widths: Vec<usize>,
    pub batch: usize,
    /// The weights of each layer, `(OUT, IN)` as in PyTorch, and its biases.
    pub layers: Vec<(Vec<f32>, Vec<f32>)>,
    /// `(batch, first width)`
    pub x: Vec<f32>,
    /// `(batch, last width)`
    pub y: Vec<f32>,
}

impl Problem {
    pub fn new(task: Task, widths: &[usize], batch: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(0);
        let mut normal = |n: usize, deviation: f32| -> Vec<f32> {
            let draw = |_| deviation * <f32 as constnet::simd::Element>::standard_normal(&mut rng);
            (0..n).map(draw).collect()
        };
        let mut layers = Vec::new();
        for w in widths.windows(2) {
            layers.push((normal(w[1] * w[0], (2.0 / w[0] as f32).sqrt()), normal(w[1], 0.1)));
        }
        let x = normal(batch * widths[0], 1.0);
        let y = normal(batch * widths[widths.len() - 1], 1.0);
        Self { task, widths: widths.to_vec(), batch, layers, x, y }
    }

    pub fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// The name, without spaces: it is an argument of the Python script.
    pub fn name(&self) -> String {
        let task = if self.task == Task::Forward { "forward" } else { "step" };
        let widths: Vec<_> = self.widths.iter().map(ToString::to_string).collect();
        format!("{task}:{}:{}", widths.join("-"), self.batch)
    }

    /// All the numbers, for the Python script: layers, then `x`, then `y`.
    pub fn write(&self, to: &Path) -> io::Result<()> {
        let parameters = self.layers.iter().flat_map(|(w, b)| w.iter().chain(b));
        let numbers = parameters.chain(&self.x).chain(&self.y);
        fs::write(to, numbers.flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
    }
}

/// A problem as a peer computes it.
pub trait Case {
    /// Computes it once.
    fn run(&mut self);
    /// The result of the last run: all outputs of a forward pass, or the loss of a step.
    fn result(&self) -> Vec<f32>;
}
