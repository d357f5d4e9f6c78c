//! Samples of any width.

use rand::{Rng, RngExt};

/// A data set: the rows of the training samples, then those of the validation samples.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// The inputs of the training samples, row by row.
    pub x: Vec<f32>,
    /// Their targets.
    pub y: Vec<f32>,
    /// The inputs of the validation samples.
    pub validation_x: Vec<f32>,
    /// Their targets.
    pub validation_y: Vec<f32>,
}

impl Data {
    /// The data set of these samples.
    #[must_use]
    pub fn new<const I: usize, const O: usize>(
        training: &[([f32; I], [f32; O])],
        validation: &[([f32; I], [f32; O])],
    ) -> Self {
        let inputs = |samples: &[([f32; I], [f32; O])]| samples.iter().flat_map(|(x, _)| *x).collect();
        let targets = |samples: &[([f32; I], [f32; O])]| samples.iter().flat_map(|(_, y)| *y).collect();
        Self {
            x: inputs(training),
            y: targets(training),
            validation_x: inputs(validation),
            validation_y: targets(validation),
        }
    }

    /// The training samples as rows.
    #[must_use]
    pub fn rows<const I: usize, const O: usize>(&self) -> (&[[f32; I]], &[[f32; O]]) {
        (self.x.as_chunks().0, self.y.as_chunks().0)
    }

    /// Draws a batch of the training samples, each at random.
    pub fn batch<const I: usize, const O: usize, const B: usize>(
        &self,
        rng: &mut impl Rng,
    ) -> ([[f32; I]; B], [[f32; O]; B]) {
        let (xs, ys) = self.rows::<I, O>();
        let (mut x, mut y) = ([[0.0; I]; B], [[0.0; O]; B]);
        for (x, y) in x.iter_mut().zip(&mut y) {
            let index = rng.random_range(0..xs.len());
            (*x, *y) = (xs[index], ys[index]);
        }
        (x, y)
    }
}
