//! The state of a page: a data set, and the networks that learn it.

use constnet::Error;

use crate::{
    data::Data,
    method::{METHODS, Method},
    models::{MODELS, Model},
    run::{Run, hash, values},
    tasks::{Random, TASKS, Task},
    units::Units,
};

/// A network in training, with its model.
struct Learner {
    run: Box<dyn Run>,
    model: &'static Model,
}

/// The state of a page. A network is addressed by the number of its place.
pub(crate) struct State {
    task: &'static Task,
    data: Data,
    rng: Random,
    places: [Option<Learner>; METHODS.len()],
}

impl State {
    /// A data set without networks, if there is such a task.
    pub(crate) fn new(task: usize, seed: u32) -> Option<Self> {
        let task = TASKS.get(task)?;
        let (data, rng) = task.start(seed);
        Some(Self { task, data, rng, places: [const { None }; METHODS.len()] })
    }

    /// Puts a new network in a place. Returns whether there is one.
    pub(crate) fn start(&mut self, place: usize, model: usize, method: usize, lr: f32) -> bool {
        let learner = MODELS.get(model).zip(METHODS.get(method)).and_then(|(model, method)| {
            Some(Learner { run: model.start(*method, lr, self.rng.clone())?, model })
        });
        let started = learner.is_some();
        if let Some(place) = self.places.get_mut(place) {
            *place = learner;
        }
        started
    }

    /// Adds a training sample, a row of inputs and targets.
    pub(crate) fn add(&mut self, row: &[f32]) {
        let (inputs, _) = self.widths();
        if let Some((x, y)) = row.split_at_checked(inputs) {
            self.data.x.extend(x);
            self.data.y.extend(y);
        }
    }

    /// Makes steps. Returns their number, or an error if a number was not finite.
    pub(crate) fn advance(&mut self, place: usize, count: usize) -> Result<usize, Error<f32>> {
        let Self { data, places, .. } = self;
        let Some(Some(learner)) = places.get_mut(place) else { return Ok(0) };
        learner.run.advance(data, count)
    }

    /// The rows of the training data, or those of the validation data.
    pub(crate) fn rows(&self, validation: bool) -> Vec<f32> {
        let (inputs, targets) = self.widths();
        let (x, y) = self.samples(validation);
        let rows = x.chunks(inputs).zip(y.chunks(targets));
        rows.flat_map(|(x, y)| x.iter().chain(y)).copied().collect()
    }

    fn samples(&self, validation: bool) -> (&[f32], &[f32]) {
        let Data { x, y, validation_x, validation_y } = &self.data;
        if validation { (validation_x, validation_y) } else { (x, y) }
    }

    fn widths(&self) -> (usize, usize) {
        let model = MODELS.iter().find(|model| model.kind == self.task.kind);
        let widths = model.map_or(&[][..], |model| model.widths);
        widths.first().copied().zip(widths.last().copied()).unwrap_or((1, 1))
    }

    fn learner(&self, place: usize) -> Option<&Learner> {
        self.places.get(place)?.as_ref()
    }

    /// The network in a place.
    pub(crate) fn run(&self, place: usize) -> Option<&dyn Run> {
        Some(&*self.learner(place)?.run)
    }

    /// The network in a place, to be changed.
    pub(crate) fn run_mut(&mut self, place: usize) -> Option<&mut (dyn Run + 'static)> {
        Some(&mut *self.places.get_mut(place)?.as_mut()?.run)
    }

    /// The mean loss of the training data and that of the validation data; NaN if there are none.
    pub(crate) fn losses(&self, place: usize) -> Vec<f32> {
        let Some(mut units) = self.units(place) else { return Vec::new() };
        let (inputs, targets) = self.widths();
        let mut mean = |validation| {
            let (x, y) = self.samples(validation);
            let rows = x.chunks(inputs).zip(y.chunks(targets));
            let losses = rows.map(|(x, y)| {
                let values = units.compute(x);
                self.task.kind.loss(&values[values.len() - targets..], y)
            });
            losses.sum::<f32>() / (y.len() / targets) as f32
        };
        vec![mean(false), mean(true)]
    }

    fn units(&self, place: usize) -> Option<Units> {
        let Learner { run, model } = self.learner(place)?;
        Some(Units::of(&**run, model.activation))
    }

    /// The values of all units for each of these inputs, row by row.
    pub(crate) fn values(&self, place: usize, inputs: &[f32]) -> Vec<f32> {
        let (width, _) = self.widths();
        let Some(mut units) = self.units(place) else { return Vec::new() };
        inputs.chunks(width).flat_map(|input| units.compute(input).to_vec()).collect()
    }

    /// The gradient of the training loss.
    pub(crate) fn gradient(&mut self, place: usize) -> Vec<f32> {
        let Self { data, places, .. } = self;
        let Some(Some(learner)) = places.get_mut(place) else { return Vec::new() };
        learner.run.gradient(data)
    }

    /// The hash of the weights.
    pub(crate) fn hash(&self, place: usize) -> u32 {
        self.run(place).map_or(0, |run| hash(&values(run)))
    }
}

/// The report of a network in training: that of the library, without the last line if it is not that of the method.
pub(crate) fn report(model: usize, method: usize) -> String {
    let Some((model, method)) = MODELS.get(model).zip(METHODS.get(method)) else { return String::new() };
    let text = model.report(*method).to_string();
    match (method, text.rsplit_once('\n')) {
        (Method::LevenbergMarquardt, Some((lines, _))) => lines.to_string(),
        _ => text,
    }
}
