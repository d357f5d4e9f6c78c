//! Predicts how far diabetes progresses in one year, and compares networks with a linear baseline.
//!
//! `cargo run --release --example regression -- --help` lists the options.

#[path = "shared/plot.rs"]
mod plot;

use std::{
    error::Error,
    iter,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use constnet::{
    AdamW, Linear, Quantized, Sequential, Sgd, Trainer, Zeroed, metrics::r2_score, mlp, training::Best,
};
use indicatif::{ProgressBar, ProgressStyle};
use plotters::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus, seq::SliceRandom};

type Row = [f32; 10];
type Net = mlp![10, 32, 1];

/// The number of patients in the data.
const PATIENTS: usize = 442;
/// The number of patients in the test set.
const TEST: usize = 89;
/// The number of patients in the validation set, which decides when training stops.
const VALIDATION: usize = 88;
/// Training stops when the validation loss has not improved for this many epochs.
const PATIENCE: usize = 50;

/// Trains 10→32→1 on 265 patients, with early stopping by 88 others, and tests it on 89.
#[derive(Parser)]
struct Options {
    /// Number of runs, with the seeds 0, 1, 2, …
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 1 } else { 10 },
          value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The file for a plot of the test set: measured values, and the predictions of the baseline and the networks
    #[arg(long, value_name = "FILE.svg", default_value = "target/regression.svg")]
    plot: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let data = Data::new();
    let (baseline, [train, test]) = data.baseline()?;
    println!("R², the fraction of the variance that is explained\n");
    println!("                   training and validation    test");
    println!("linear baseline                      {train:.3}   {test:.3}\n");
    println!("seed   best epoch  training and validation    test   in 8 bits");

    let bar = ProgressBar::new(options.seeds)
        .with_style(ProgressStyle::with_template("{bar:40}  seed {pos} of {len}")?);
    let (mut nets, mut sum, mut sum_int8) = (Vec::new(), 0.0, 0.0);
    for seed in 0..options.seeds {
        let (net, epoch) = data.train(seed)?;
        let [train, test] = data.scores(|x| net.predict(x))?;
        let (quantized, _) = Quantized::of(&net, data.training_and_validation().0)?;
        let [_, int8] = data.scores(|x| quantized.predict(x))?;
        bar.suspend(|| {
            println!("{seed:>4}   {epoch:>10}                  {train:.3}   {test:.3}       {int8:.3}");
        });
        bar.inc(1);
        sum += test;
        sum_int8 += int8;
        nets.push(net);
    }
    bar.finish_and_clear();
    let count = options.seeds as f32;
    let ensemble =
        |x: &Row| [nets.iter().map(|net| net.predict(x)).map(|[y]: [f32; 1]| y).sum::<f32>() / count];
    let [train, test] = data.scores(ensemble)?;
    println!("mean                                         {:.3}       {:.3}", sum / count, sum_int8 / count);
    println!(
        "ensemble                             {train:.3}   {test:.3}   (predicts the mean of all networks)\n"
    );

    let predicted = [
        ("linear", data.test(|x| baseline.predict(x)), plot::ORANGE),
        ("ensemble", data.test(ensemble), plot::BLUE),
    ];
    draw(&predicted, &options.plot).map_err(|error| format!("{}: {error}", options.plot.display()))?;
    println!("plot of measured and predicted values: {}", options.plot.display());
    Ok(())
}

/// Inputs and targets, standardised: mean 0 and standard deviation 1 over the training set.
struct Data {
    x: Vec<Row>,
    y: Vec<[f32; 1]>,
    /// The mean and the standard deviation of the target.
    scale: (f32, f32),
}

impl Data {
    /// Shuffles the patients, always in the same way: first the training set, then validation, then test.
    fn new() -> Self {
        let lines = include_str!("data/diabetes.csv").lines().skip(1);
        let mut samples: Vec<[f32; 11]> = lines.map(parse).collect();
        samples.shuffle(&mut Xoshiro128PlusPlus::seed_from_u64(0));
        let training = &samples[..PATIENTS - TEST - VALIDATION];
        let scales: [(f32, f32); 11] = std::array::from_fn(|column| {
            let mean = |f: &dyn Fn(f32) -> f32| {
                training.iter().map(|sample| f(sample[column])).sum::<f32>() / training.len() as f32
            };
            let middle = mean(&|value| value);
            (middle, mean(&|value| (value - middle).powi(2)).sqrt())
        });
        let standard: Vec<[f32; 11]> = samples
            .iter()
            .map(|sample| {
                std::array::from_fn(|column| (sample[column] - scales[column].0) / scales[column].1)
            })
            .collect();
        let (x, y) = standard.iter().map(|[x @ .., y]| (*x, [*y])).unzip();
        Self { x, y, scale: scales[10] }
    }

    /// Linear regression: least squares by gradient descent on all samples except the test set. After 3000 epochs
    /// none of the printed digits changes any more.
    fn baseline(&self) -> Result<(Sequential<Linear<10, 1>>, [f32; 2]), Box<dyn Error>> {
        let (x, y) = self.training_and_validation();
        let mut trainer: Trainer<_, _, { PATIENTS - TEST }> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.2 });
        trainer.fit(x, y).epochs(3000).run(&mut Xoshiro128PlusPlus::seed_from_u64(0))?;
        let net = trainer.net;
        Ok((net, self.scores(|x| Sequential::predict(&net, x))?))
    }

    /// Trains a network. Returns it as it was after the epoch with the smallest validation loss, and that epoch.
    fn train(&self, seed: u64) -> Result<(Net, usize), Box<dyn Error>> {
        let rng = &mut Xoshiro128PlusPlus::seed_from_u64(seed);
        let mut trainer: Trainer<Net, _, 32> =
            Trainer::new(Zeroed::ZERO, AdamW { weight_decay: 1.0, ..AdamW::new(1e-3) });
        trainer.net.init(rng);
        let mut best = Best::new(trainer.net);
        let (x, y) = self.training_and_validation();
        let count = PATIENTS - TEST - VALIDATION;
        let ((x, x_val), (y, y_val)) = (x.split_at(count), y.split_at(count));
        let fit = trainer.fit(x, y).epochs(1000).validate(x_val, y_val).keep_best(&mut best);
        let last = fit.run_with(rng, |report, _| match report.since_best() {
            ..PATIENCE => ControlFlow::Continue(()),
            PATIENCE.. => ControlFlow::Break(()),
        })?;
        Ok((best.net, last.best_epoch))
    }

    /// All samples except the test set.
    fn training_and_validation(&self) -> (&[Row], &[[f32; 1]]) {
        let count = PATIENTS - TEST;
        (&self.x[..count], &self.y[..count])
    }

    /// R² over the training and validation sets, and over the test set.
    fn scores(&self, predict: impl Fn(&Row) -> [f32; 1]) -> Result<[f32; 2], Box<dyn Error>> {
        let (x, y) = self.training_and_validation();
        let test = y.len()..;
        let train = r2_score(x.iter().map(&predict), y)?;
        Ok([train, r2_score(self.x[test.clone()].iter().map(&predict), &self.y[test])?])
    }

    /// The measured and the predicted value of each patient in the test set, in the units of the data.
    fn test(&self, predict: impl Fn(&Row) -> [f32; 1]) -> Vec<(f32, f32)> {
        let (mean, deviation) = self.scale;
        iter::zip(&self.x, &self.y)
            .skip(PATIENTS - TEST)
            .map(|(x, [y])| (y * deviation + mean, predict(x)[0] * deviation + mean))
            .collect()
    }
}

fn parse(line: &str) -> [f32; 11] {
    let mut numbers = line.split(',').map(|number| number.parse().unwrap_or(f32::NAN));
    [(); 11].map(|()| numbers.next().unwrap_or(f32::NAN))
}

/// Draws a point for each patient in the test set. On the line, prediction and measurement are equal.
fn draw(predicted: &[(&str, Vec<(f32, f32)>, RGBColor)], file: &Path) -> plot::Result {
    let area = plot::picture(file, (600, 600))?;
    let range = 0.0..360.0;
    let axes = ["measured", "predicted"];
    let mut chart = plot::chart(&area, "Progression of diabetes after one year", axes, range.clone(), range)?;
    plot::goal(&mut chart, "equal", [(0.0, 0.0), (360.0, 360.0)])?;
    for (name, points, color) in predicted {
        let color = *color;
        chart
            .draw_series(points.iter().map(|point| Circle::new(*point, 3, color.mix(0.7).filled())))?
            .label(*name)
            .legend(move |(x, y)| Circle::new((x + 9, y), 3, color.filled()));
    }
    plot::legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
    Ok(area.present()?)
}
