//! Recognises handwritten digits: trains ten networks from different seeds, and tests each.
//!
//! `cargo run --release --example digits -- --help` lists the options.

#[path = "shared/digits.rs"]
mod digits;
#[path = "shared/live.rs"]
mod live;
#[path = "shared/plot.rs"]
mod plot;

use std::{
    error::Error,
    iter,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use constnet::{
    AdamW, Quantized, SoftCrossEntropy, Trainer, WithSchedule, Zeroed,
    metrics::{ConfusionMatrix, accuracy, argmax},
    mlp,
    optim::schedule::Cosine,
    training::EpochReport,
};
use live::Live;
use plotters::prelude::SeriesLabelPosition::{LowerRight, UpperRight};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus, seq::SliceRandom};

/// 8 rows of 8 pixels, each from 0 (white) to 1 (black).
type Image = [f32; 64];
type Net = mlp![64, 128, 10];

const BATCH: usize = 64;
/// The test accuracy that every seed must reach.
const GOAL: f32 = 0.97;
/// The number of test images: a fifth of the 1,797.
const TEST: usize = 360;
/// The most points of test accuracy that the worst seed, and the mean of all, may lose in 8-bit integers.
const MOST_LOST: (f32, f32) = (0.6, 0.1);
/// Label smoothing: this fraction of a target is spread over all classes, which keeps the network from
/// becoming overconfident.
const SMOOTHING: f32 = 0.2;

/// Trains 64→128→10 on 1,437 images of handwritten digits and tests it on 360 others.
#[derive(Parser)]
struct Options {
    /// Number of runs, with the seeds 0, 1, 2, …
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 1 } else { 10 },
          value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Number of epochs. An epoch uses each image five times: as it is, and moved by one pixel up, down,
    /// left and right
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 1 } else { 8 })]
    epochs: usize,
    /// Tests on the last fifth of the file instead of a random fifth. That is harder: the images seem to be
    /// sorted by writer, so the network is tested on the handwriting of people it has not seen
    #[arg(long)]
    last_fifth: bool,
    /// Writes the network of seed 0
    #[cfg(feature = "safetensors")]
    #[arg(long, value_name = "FILE.safetensors")]
    save: Option<PathBuf>,
    /// The file for a plot of the loss and the accuracy of seed 0
    #[arg(long, value_name = "FILE.svg", default_value = "target/digits.svg")]
    plot: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        // A debug build is too slow for the whole training.
        Ok(_) if cfg!(debug_assertions) => {
            println!("This debug build trained one seed for one epoch only: run it with --release.");
            ExitCode::SUCCESS
        }
        Ok(Summary { worst, most_lost, mean_lost }) => {
            let (most, mean) = MOST_LOST;
            let accurate = worst >= GOAL;
            let kept = most_lost <= most && mean_lost <= mean;
            println!(
                "{} test accuracy of the worst seed: {:.2} %, expected at least {:.0} %",
                mark(accurate),
                100.0 * worst,
                100.0 * GOAL
            );
            println!(
                "{} points lost in 8-bit integers: at most {most_lost:.2}, mean {mean_lost:.3}, expected at most {most} and {mean}",
                mark(kept)
            );
            if accurate && kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

const fn mark(passed: bool) -> &'static str {
    if passed { "✅" } else { "❌" }
}

/// Of all seeds.
struct Summary {
    /// The test accuracy of the worst seed.
    worst: f32,
    /// The most points of accuracy that one seed lost in 8-bit integers.
    most_lost: f32,
    /// The mean of the points that the seeds lost.
    mean_lost: f32,
}

fn run(options: &Options) -> Result<Summary, Box<dyn Error>> {
    let data = Data::new(options.last_fifth);
    println!("{}\n", Net::ZERO);
    println!("The targets are smoothed: the smallest possible loss is {:.4}.\n", entropy(&smooth(0)));
    println!("seed   training loss   test accuracy   in 8 bits   time");
    let started = Instant::now();
    let mut first = None;
    let (mut worst, mut most_lost, mut sum_lost) = (f32::INFINITY, f32::NEG_INFINITY, 0.0);
    for seed in 0..options.seeds {
        let run = data.train(seed, options.epochs)?;
        println!(
            "{seed:>4}   {:>13.4}   {:>11.2} %   {:>7.2} %   {:>3} ms",
            run.loss,
            100.0 * run.accuracy,
            100.0 * run.accuracy_int8,
            run.milliseconds
        );
        worst = worst.min(run.accuracy);
        let lost = 100.0 * (run.accuracy - run.accuracy_int8);
        most_lost = lost.max(most_lost);
        sum_lost += lost;
        first.get_or_insert(run);
    }
    println!("total time: {:.2} s\n", started.elapsed().as_secs_f32());

    if let Some(Run { net, curves, .. }) = first {
        #[cfg(feature = "safetensors")]
        if let Some(file) = &options.save {
            constnet::formats::write_file(file, net.to_safetensors()?)?;
        }
        let predictions: Vec<[f32; 10]> = data.x_test.iter().map(|x| net.predict(x)).collect();
        println!("The {TEST} test images, by the network of seed 0:\n");
        println!("{}\n", ConfusionMatrix::new(predictions.iter().copied(), &data.digits_test)?);
        data.show(&predictions);
        draw(&curves, &options.plot).map_err(|error| format!("{}: {error}", options.plot.display()))?;
        println!("plot of seed 0: {}", options.plot.display());
    }
    Ok(Summary { worst, most_lost, mean_lost: sum_lost / options.seeds as f32 })
}

/// The result of one seed.
struct Run {
    net: Net,
    loss: f32,
    accuracy: f32,
    /// That of the quantised network.
    accuracy_int8: f32,
    milliseconds: u128,
    /// Of each epoch the report and the test accuracy.
    curves: Vec<(EpochReport, f32)>,
}

struct Data {
    x: Vec<Image>,
    y: Vec<[f32; 10]>,
    x_test: Vec<Image>,
    y_test: Vec<[f32; 10]>,
    digits_test: Vec<usize>,
}

impl Data {
    /// Splits the images into training and test images. To each training image, four copies are added that are
    /// moved by one pixel.
    fn new(last_fifth: bool) -> Self {
        let samples: Option<Vec<(Image, usize)>> =
            include_str!("data/digits.txt").lines().map(digits::parse).collect();
        let mut samples = samples.expect("each line has 64 pixels and a digit");
        if !last_fifth {
            samples.shuffle(&mut Xoshiro128PlusPlus::seed_from_u64(0));
        }
        let (train, test) = samples.split_at(samples.len() - TEST);
        let (x, y) = train.iter().flat_map(|(x, digit)| moved(x).map(|x| (x, smooth(*digit)))).unzip();
        let (x_test, digits_test): (_, Vec<usize>) = test.iter().copied().unzip();
        let y_test = digits_test.iter().copied().map(smooth).collect();
        Self { x, y, x_test, y_test, digits_test }
    }

    /// Trains one network. The test data are evaluated for the plot only: training does not depend on them.
    fn train(&self, seed: u64, epochs: usize) -> Result<Run, Box<dyn Error>> {
        let mut live = Live::new(format!("seed {seed}  "), epochs);
        let started = Instant::now();
        let rng = &mut Xoshiro128PlusPlus::seed_from_u64(seed);
        let steps = epochs * self.x.len().div_ceil(BATCH);
        let optimizer = WithSchedule {
            optimizer: AdamW { weight_decay: 0.1, ..AdamW::new(1e-2) },
            schedule: Cosine { lr: 1e-2, eta_min: 0.0, t_max: steps },
        };
        let mut trainer: Trainer<Net, _, BATCH, _> =
            Trainer::with_loss(Zeroed::ZERO, optimizer, SoftCrossEntropy);
        trainer.net.init(rng);
        let mut curves = Vec::new();
        let fit = trainer.fit(&self.x, &self.y).epochs(epochs).validate(&self.x_test, &self.y_test);
        let last = fit.run_with(rng, |report, trainer| {
            curves.push((report, self.accuracy(&trainer.net)));
            live.add(report.epoch, report.loss);
            ControlFlow::Continue(())
        })?;
        drop(live);
        let net = trainer.net;
        let milliseconds = started.elapsed().as_millis();
        let (quantized, _) = Quantized::of(&net, &self.x)?;
        let accuracy_int8 = accuracy(self.x_test.iter().map(|x| quantized.predict(x)), &self.digits_test)?;
        Ok(Run { net, loss: last.loss, accuracy: self.accuracy(&net), accuracy_int8, milliseconds, curves })
    }

    fn accuracy(&self, net: &Net) -> f32 {
        accuracy(self.x_test.iter().map(|x| net.predict(x)), &self.digits_test).unwrap_or(f32::NAN)
    }

    /// Prints a few digits that the network recognised, then a few that it mistook for others.
    fn show(&self, predictions: &[[f32; 10]]) {
        let samples = iter::zip(&self.x_test, &self.digits_test).zip(predictions);
        let (right, wrong): (Vec<_>, Vec<_>) = samples
            .map(|((image, digit), logits)| (image, *digit, argmax(logits)))
            .partition(|(_, digit, predicted)| digit == predicted);
        for (title, samples) in [("recognised", right), ("not recognised", wrong)] {
            println!("{title}: {} of {TEST}, for example", samples.len());
            let samples = &samples[..samples.len().min(4)];
            for row in 0..8 {
                let row = samples.iter().map(|(image, ..)| {
                    image[8 * row..][..8]
                        .iter()
                        .map(|pixel| [" ", "░", "▒", "▓", "█"][(pixel * 4.0).round() as usize].repeat(2))
                });
                println!(
                    "{}",
                    row.map(|row| format!("{}    ", row.collect::<String>())).collect::<String>().trim_end()
                );
            }
            let captions = samples.iter().map(|(_, digit, predicted)| {
                let caption = if digit == predicted {
                    format!("{predicted}")
                } else {
                    format!("{predicted} instead of {digit}")
                };
                format!("{caption:<20}")
            });
            println!("{}\n", captions.collect::<String>().trim_end());
        }
    }
}

/// The image, and four copies moved by one pixel: up, down, left, right.
fn moved(image: &Image) -> [Image; 5] {
    [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)].map(|(down, across)| {
        std::array::from_fn(|at| {
            let (row, column) = ((at / 8).checked_add_signed(-down), (at % 8).checked_add_signed(-across));
            match (row, column) {
                (Some(row @ ..8), Some(column @ ..8)) => image[8 * row + column],
                _ => 0.0,
            }
        })
    })
}

/// The target for a digit: the probability of each class, smoothed.
fn smooth(digit: usize) -> [f32; 10] {
    std::array::from_fn(|class| SMOOTHING / 10.0 + if class == digit { 1.0 - SMOOTHING } else { 0.0 })
}

/// The cross-entropy of a target with itself: the smallest loss that a prediction can have.
fn entropy(target: &[f32]) -> f32 {
    -target.iter().map(|p| p * p.ln()).sum::<f32>()
}

/// Draws the loss and the accuracy, side by side.
fn draw(curves: &[(EpochReport, f32)], file: &Path) -> plot::Result {
    let area = plot::picture(file, (1000, 380))?;
    let (left, right) = area.split_horizontally(500);
    let points = |value: fn(&(EpochReport, f32)) -> f32| {
        curves.iter().map(move |epoch| (epoch.0.epoch as f32 + 1.0, value(epoch)))
    };
    let epochs = 1.0..curves.len().max(2) as f32;
    let losses = points(|(report, _)| report.loss);
    let test_losses = points(|(report, _)| report.validation_loss.unwrap_or(f32::NAN));

    let range = around(losses.clone().chain(test_losses.clone()));
    let mut chart = plot::chart(&left, "Loss", ["epoch", "cross-entropy"], epochs.clone(), range)?;
    plot::curve(&mut chart, "training", plot::BLUE, losses)?;
    plot::curve(&mut chart, "test", plot::ORANGE, test_losses)?;
    plot::legend(&mut chart, UpperRight)?;

    let accuracies = points(|(_, accuracy)| 100.0 * accuracy);
    let goal = [(1.0, 100.0 * GOAL), (epochs.end, 100.0 * GOAL)];
    let range = around(accuracies.clone().chain(goal));
    let mut chart = plot::chart(&right, "Accuracy", ["epoch", "% of test images"], epochs, range)?;
    plot::goal(&mut chart, "goal", goal)?;
    plot::curve(&mut chart, "test", plot::ORANGE, accuracies)?;
    plot::legend(&mut chart, LowerRight)?;
    Ok(area.present()?)
}

/// A range of all values, and a twentieth more at both ends.
fn around(points: impl Iterator<Item = (f32, f32)>) -> std::ops::Range<f32> {
    let (lowest, highest) = points
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(lowest, highest), (_, value)| {
            (lowest.min(value), highest.max(value))
        });
    let room = 0.05 * (highest - lowest).max(1e-3);
    lowest - room..highest + room
}
