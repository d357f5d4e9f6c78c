//! Training of a network of one type.

#[cfg(feature = "files")]
use constnet::formats::WeightsError;
use constnet::{
    Error, Loss, Sequential, Sgd, Trainer, Zeroed,
    layers::{Features, Layer, Parameter},
};

use crate::{
    data::Data,
    method::{MAX_ITERATIONS, Update},
    run::{Run, flat},
    tasks::Random,
};

/// How a network is trained.
pub(crate) enum Step<L> {
    /// By an optimiser, from the gradients of random batches.
    Batches(Box<dyn Update<Sequential<L>>>),
    /// By a method that computes all iterations in one call.
    Iterations(Iterations<L>),
}

/// Runs a method for at most a number of iterations. Returns the network before the first one, and after each.
pub(crate) type Solve<L> = fn(Sequential<L>, &Data, usize) -> Vec<Sequential<L>>;

/// The iterations of a method that cannot be interrupted. They are computed again from the first one, twice as many, when
/// more are to be shown.
pub(crate) struct Iterations<L> {
    pub(crate) solve: Solve<L>,
    /// The network before the first iteration, and those after each.
    pub(crate) networks: Vec<Sequential<L>>,
    /// How many iterations were to be computed.
    pub(crate) limit: usize,
}

impl<L: Clone> Iterations<L> {
    /// The number of iterations that are computed first.
    const FIRST: usize = 4;

    /// Sets the network to that after `target` iterations, or after the last one if there are fewer. Returns the number of them.
    fn up_to(&mut self, target: usize, net: &mut Sequential<L>, data: &Data) -> usize {
        if self.networks.is_empty() {
            (self.networks, self.limit) = (vec![net.clone()], 0);
        }
        let mut made = self.networks.len() - 1;
        // If fewer were made than allowed, the method has ended.
        while made < target && made == self.limit && self.limit < MAX_ITERATIONS {
            self.limit = (2 * self.limit).clamp(Self::FIRST, MAX_ITERATIONS);
            self.networks = (self.solve)(self.networks[0].clone(), data, self.limit);
            made = self.networks.len() - 1;
        }
        let steps = made.min(target);
        *net = self.networks[steps].clone();
        steps
    }
}

/// A network in training.
///
/// A step is that of a [`Trainer`], in two halves, [`Trainer::gradient`] and [`Trainer::update`], so that all optimisers
/// share the code of the first half. The second half is an [`Update`]; the optimiser of the trainer is not used.
pub(crate) struct Training<L, C, const I: usize, const O: usize, const B: usize>
where
    L: Layer<In = Features<I>, Out = Features<O>>,
{
    trainer: Trainer<Sequential<L>, Sgd, B, C>,
    gradient: Sequential<L>,
    step: Step<L>,
    rng: Random,
    steps: usize,
}

impl<L, C, const I: usize, const O: usize, const B: usize> Training<L, C, I, O, B>
where
    L: Layer<In = Features<I>, Out = Features<O>>,
{
    /// A new network with random weights.
    pub(crate) fn new(step: Step<L>, loss: C, mut rng: Random) -> Self {
        let mut trainer = Trainer::with_loss(Sequential::ZERO, Sgd { lr: 0.0 }, loss);
        trainer.net.init(&mut rng);
        Self { trainer, gradient: Zeroed::ZERO, step, rng, steps: 0 }
    }
}

impl<L, C, const I: usize, const O: usize, const B: usize> Run for Training<L, C, I, O, B>
where
    L: Layer<In = Features<I>, Out = Features<O>> + Clone,
    C: Loss<Features<O>, Target = [f32; O]>,
{
    fn advance(&mut self, data: &Data, count: usize) -> Result<usize, Error<f32>> {
        let before = self.steps;
        match &mut self.step {
            Step::Batches(optimizer) => {
                for _ in 0..count {
                    let (x, y) = data.batch(&mut self.rng);
                    let loss = self.trainer.gradient(&x, &y, &mut self.gradient);
                    if !loss.is_finite() || !optimizer.update(&mut self.trainer.net, &self.gradient) {
                        return Err(Error::Diverged { epoch: self.steps, last_loss: None });
                    }
                    self.steps += 1;
                }
            }
            Step::Iterations(iterations) => {
                let target = self.steps + count;
                self.steps = iterations.up_to(target, &mut self.trainer.net, data);
            }
        }
        Ok(self.steps - before)
    }

    fn gradient(&mut self, data: &Data) -> Vec<f32> {
        let (x, y) = data.rows();
        let samples = x.len() as f32;
        let ((batches, x), (targets, y)) = (x.as_chunks::<B>(), y.as_chunks::<B>());
        let batches = batches.iter().zip(targets).map(|(x, y)| (*x, *y, B as f32));
        // The samples after the last whole batch: a batch holds one of them `B` times, so its mean is that of the sample.
        // (`Sequential::gradient` takes any number of samples, but makes `simd.wasm` 36 KB larger.)
        let rest = x.iter().zip(y).map(|(x, y)| ([*x; B], [*y; B], 1.0));
        let mut mean = vec![0.0; Sequential::<L>::PARAMS];
        for (x, y, weight) in batches.chain(rest) {
            self.trainer.gradient(&x, &y, &mut self.gradient);
            for (mean, value) in mean.iter_mut().zip(flat(&|index| self.gradient.parameter(index))) {
                *mean += value * weight / samples;
            }
        }
        mean
    }

    fn parameter(&self, index: usize) -> Option<Parameter<'_, f32>> {
        self.trainer.net.parameter(index)
    }

    fn set(&mut self, mut values: &[f32]) {
        self.trainer.net.for_each_parameter_mut(|mut parameter| {
            if let Some((first, rest)) = values.split_at_checked(parameter.values.len()) {
                parameter.copy_from_slice(first);
                values = rest;
            }
        });
        self.restart();
    }

    fn restart(&mut self) {
        self.steps = 0;
        match &mut self.step {
            Step::Batches(optimizer) => optimizer.reset(),
            Step::Iterations(iterations) => iterations.networks.clear(),
        }
    }

    #[cfg(feature = "files")]
    fn load(&mut self, file: &[u8]) -> Result<(), WeightsError> {
        self.trainer.net.load_safetensors(file)?;
        self.restart();
        Ok(())
    }

    #[cfg(feature = "files")]
    fn save(&self) -> Result<Vec<u8>, WeightsError> {
        self.trainer.net.to_safetensors()
    }

    #[cfg(feature = "files")]
    fn source(&self) -> String {
        self.trainer.net.to_rust_source("NET").to_string()
    }
}
