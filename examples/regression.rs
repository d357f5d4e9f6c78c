//! Predicts how far diabetes goes in a year, beside a linear baseline.
//!
//! `cargo run --release --example regression -- --help` lists the options.

use std::{error::Error, iter, ops::ControlFlow, path::PathBuf, process::ExitCode};

use clap::Parser;
use constnet::{AdamW, Linear, Sequential, Sgd, Trainer, Zeroed, mlp, r2_score};
use indicatif::{ProgressBar, ProgressStyle};
use plotters::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus, seq::SliceRandom};

type Row = [f32; 10];
type Net = mlp![10, 32, 1];

/// How many of the 442 patients are kept for the test, and how many say when to stop.
const TEST: usize = 89;
const VALIDATION: usize = 88;
/// For so many epochs nothing may get better before a run stops.
const PATIENCE: usize = 50;

/// Trains 10→32→1 on 265 patients, stops by 88 others, and tests it on 89.
#[derive(Parser)]
struct Options {
    /// How many runs, from seed 0 on
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 1 } else { 10 }, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Draws what the baseline and the network of seed 0 predict into this file
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
    println!("                   R² of the known  in the test");
    println!("linear baseline    {train:>14.3}   {test:>11.3}\n");
    println!("seed   best epoch  R² of the known  in the test");

    let bar = ProgressBar::new(options.seeds)
        .with_style(ProgressStyle::with_template("{bar:40}  seed {pos} of {len}")?);
    let (mut nets, mut sum) = (Vec::new(), 0.0);
    for seed in 0..options.seeds {
        let (net, epoch) = data.train(seed)?;
        let [train, test] = data.scores(|x| net.predict(x))?;
        bar.suspend(|| println!("{seed:>4}   {epoch:>10}  {train:>14.3}   {test:>11.3}"));
        bar.inc(1);
        sum += test;
        nets.push(net);
    }
    bar.finish_and_clear();
    let count = options.seeds as f32;
    let ensemble =
        |x: &Row| [nets.iter().map(|net| net.predict(x)).map(|[y]: [f32; 1]| y).sum::<f32>() / count];
    let [train, test] = data.scores(ensemble)?;
    println!("mean                               {:>14.3}", sum / count);
    println!("together           {train:>14.3}   {test:>11.3}   (the mean of their predictions)\n");

    let predicted =
        [("linear", data.test(|x| baseline.predict(x)), RED), ("networks", data.test(ensemble), BLUE)];
    draw(&predicted, &options.plot).map_err(|error| format!("{}: {error}", options.plot.display()))?;
    println!("told and predicted: {}", options.plot.display());
    Ok(())
}

/// Inputs and targets, standardised: by the training part, mean 0 and standard deviation 1.
struct Data {
    x: Vec<Row>,
    y: Vec<[f32; 1]>,
    /// The mean and the standard deviation of the target.
    scale: (f32, f32),
}

impl Data {
    /// In an order drawn once: training, then validation, then test.
    fn new() -> Self {
        let lines = include_str!("data/diabetes.csv").lines().skip(1);
        let mut samples: Vec<[f32; 11]> = lines.map(parse).collect();
        samples.shuffle(&mut Xoshiro128PlusPlus::seed_from_u64(0));
        let training = &samples[..samples.len() - TEST - VALIDATION];
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

    /// Least squares by gradient descent on all samples but those of the test, for so long that no digit
    /// shown changes any more.
    fn baseline(&self) -> Result<(Sequential<Linear<10, 1>>, [f32; 2]), Box<dyn Error>> {
        let (x, y) = self.known();
        let mut trainer: Trainer<_, _, { 442 - TEST }> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.2 });
        trainer.fit(x, y).epochs(3000).run(&mut Xoshiro128PlusPlus::seed_from_u64(0), |_, _| {})?;
        let net = trainer.net;
        Ok((net, self.scores(|x| Sequential::predict(&net, x))?))
    }

    /// The network of the epoch that was best in validation, and the epoch.
    fn train(&self, seed: u64) -> Result<(Net, usize), Box<dyn Error>> {
        let rng = &mut Xoshiro128PlusPlus::seed_from_u64(seed);
        let mut trainer: Trainer<Net, _, 32> =
            Trainer::new(Zeroed::ZERO, AdamW { weight_decay: 1.0, ..AdamW::new(1e-3) });
        trainer.net.init(rng);
        let mut best = trainer.net;
        let ((x, y), count) = (self.known(), self.x.len() - TEST - VALIDATION);
        let ((x, x_val), (y, y_val)) = (x.split_at(count), y.split_at(count));
        let fit = trainer.fit(x, y).epochs(1000).validate(x_val, y_val).keep_best(&mut best);
        let last = fit.run(rng, |epoch, _| match epoch.since_best() {
            ..PATIENCE => ControlFlow::Continue(()),
            PATIENCE.. => ControlFlow::Break(()),
        })?;
        Ok((best, last.best))
    }

    /// All but the test.
    fn known(&self) -> (&[Row], &[[f32; 1]]) {
        let known = self.x.len() - TEST;
        (&self.x[..known], &self.y[..known])
    }

    /// R² over what is known and over the test.
    fn scores(&self, predict: impl Fn(&Row) -> [f32; 1]) -> Result<[f32; 2], Box<dyn Error>> {
        let (x, y) = self.known();
        let test = y.len()..;
        let known = r2_score(x.iter().map(&predict), y)?;
        Ok([known, r2_score(self.x[test.clone()].iter().map(&predict), &self.y[test])?])
    }

    /// What was told in the test and what is predicted, in the units of the data.
    fn test(&self, predict: impl Fn(&Row) -> [f32; 1]) -> Vec<(f32, f32)> {
        let (mean, deviation) = self.scale;
        iter::zip(&self.x, &self.y)
            .skip(self.x.len() - TEST)
            .map(|(x, [y])| (y * deviation + mean, predict(x)[0] * deviation + mean))
            .collect()
    }
}

fn parse(line: &str) -> [f32; 11] {
    let mut numbers = line.split(',').map(|number| number.parse().unwrap_or(f32::NAN));
    [(); 11].map(|()| numbers.next().unwrap_or(f32::NAN))
}

/// A point for each patient of the test; on the line the prediction is right.
fn draw(predicted: &[(&str, Vec<(f32, f32)>, RGBColor)], file: &PathBuf) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, (600, 600)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Diabetes after a year", ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0_f32..360.0, 0.0_f32..360.0)?;
    chart.configure_mesh().x_desc("told").y_desc("predicted").draw()?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (360.0, 360.0)], BLACK))?;
    for (name, points, color) in predicted {
        let color = *color;
        chart
            .draw_series(points.iter().map(|point| Circle::new(*point, 3, color.filled())))?
            .label(*name)
            .legend(move |(x, y)| Circle::new((x + 10, y), 3, color.filled()));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}
