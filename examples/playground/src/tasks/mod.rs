//! The data sets of the page.
//!
//! The page shows the file of a data set as part of the program to copy, so each file needs `libm` and `rand` only. The
//! functions of `libm` return the same bits on every target.

mod circles;
mod curve;
mod moons;
mod spirals;
mod surface;
mod xor;

use constnet::{BceWithLogits, Mse, synthetic};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

use self::{circles::circles, curve::curve, moons::moons, spirals::spirals, surface::surface, xor::xor};
use crate::{data::Data, method::Method};

/// The random numbers of a run: the data first, then the weights, then the batches.
pub type Random = Xoshiro128PlusPlus;

/// The number of training samples of a task in the plane.
pub const TRAINING: usize = 200;
/// The number of its validation samples.
pub const VALIDATION: usize = 100;

/// What a network learns, and so which networks and which loss fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Two inputs, one logit.
    Classification,
    /// One input, one output.
    Curve,
    /// Two inputs, one output.
    Surface,
    /// The notebook's task: five inputs, three outputs.
    Notebook,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Curve => "curve",
            Self::Surface => "surface",
            Self::Notebook => "notebook",
        }
    }

    /// The learning rate with which a method starts.
    #[must_use]
    pub const fn learning_rate(self, method: Method) -> f32 {
        match (self, method) {
            (Self::Notebook, Method::Sgd) => 0.03,
            (Self::Notebook, Method::Momentum) => 0.003,
            (Self::Notebook, _) => 0.001,
            (_, Method::Sgd) => 0.1,
            (_, Method::Momentum) => 0.02,
            (_, _) => 0.005,
        }
    }

    /// The loss of one sample: that of the library, output by output.
    #[must_use]
    pub fn loss(self, y_hat: &[f32], y: &[f32]) -> f32 {
        let losses = y_hat.iter().zip(y).map(|(y_hat, y)| match self {
            Self::Classification => BceWithLogits.forward(&[[*y_hat]], &[[*y]]),
            _ => Mse.forward(&[[*y_hat]], &[[*y]]),
        });
        losses.sum::<f32>() / y.len() as f32
    }
}

/// A data set.
#[derive(Debug)]
pub struct Task {
    /// Its name, which is also that of its function and file.
    pub name: &'static str,
    /// What a network learns from it.
    pub kind: Kind,
    draw: fn(&mut Random) -> Data,
}

impl Task {
    /// Draws the data of a seed. Returns them with the random numbers that follow.
    #[must_use]
    pub fn start(&self, seed: u32) -> (Data, Random) {
        let mut rng = Random::seed_from_u64(seed.into());
        ((self.draw)(&mut rng), rng)
    }
}

/// All data sets, in the order of the page.
pub static TASKS: [Task; 7] = [
    Task { name: "circles", kind: Kind::Classification, draw: |rng| plane(rng, circles) },
    Task { name: "spirals", kind: Kind::Classification, draw: |rng| plane(rng, spirals) },
    Task { name: "xor", kind: Kind::Classification, draw: |rng| plane(rng, xor) },
    Task { name: "moons", kind: Kind::Classification, draw: |rng| plane(rng, moons) },
    Task { name: "curve", kind: Kind::Curve, draw: |rng| plane(rng, curve) },
    Task { name: "surface", kind: Kind::Surface, draw: |rng| plane(rng, surface) },
    Task { name: "notebook", kind: Kind::Notebook, draw: notebook },
];

/// Draws all samples by a function that returns one.
fn plane<const I: usize>(rng: &mut Random, sample: fn(&mut Random) -> ([f32; I], [f32; 1])) -> Data {
    let training = [(); TRAINING].map(|()| sample(rng));
    let validation = [(); VALIDATION].map(|()| sample(rng));
    Data::new(&training, &validation)
}

/// The 20 samples of the notebook. It has no validation data.
fn notebook(rng: &mut Random) -> Data {
    let task = synthetic::Task::new(rng);
    let samples = core::array::from_fn::<_, { synthetic::SAMPLES }, _>(|i| (task.x[i], task.y[i]));
    Data::new(&samples, &[])
}
