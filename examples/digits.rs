//! Tells handwritten digits apart, ten times over from different seeds.
//!
//! `cargo run --release --example digits -- --help` lists the options.

use std::{error::Error, iter, path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use constnet::{
    AdamW, ConfusionMatrix, Epoch, Scheduled, SoftCrossEntropy, Trainer, Zeroed, accuracy, argmax, mlp,
    schedule::Cosine,
};
use indicatif::{ProgressBar, ProgressStyle};
use plotters::{coord::Shift, prelude::*};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus, seq::SliceRandom};

/// 64 pixels from 0 to 1.
type Image = [f32; 64];
type Net = mlp![64, 128, 10];
type Optimizer = Scheduled<AdamW, Cosine>;

const BATCH: usize = 64;
/// What every seed is to reach.
const GOAL: f32 = 0.97;
/// How many of the 1,797 images are kept for the test: a fifth.
const TEST: usize = 360;
/// Share of a target that is spread over all classes, which keeps the network from being too sure.
const SMOOTHING: f32 = 0.2;

/// Trains 64→128→10 on 1,437 images of handwritten digits and tests it on 360 others.
#[derive(Parser)]
struct Options {
    /// How many runs, from seed 0 on
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 1 } else { 10 },
          value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// How often all images are gone through, each as it is and moved by a pixel four ways
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 1 } else { 8 })]
    epochs: usize,
    /// Tests on the last fifth of the file rather than on a fifth chosen at random. That is harder: the
    /// file seems to go from writer to writer, so that their hands are new
    #[arg(long)]
    last_fifth: bool,
    /// Draws the curves of loss and accuracy of seed 0 into this file
    #[arg(long, value_name = "FILE.svg", default_value = "target/digits.svg")]
    plot: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(worst) if worst >= GOAL => {
            println!("✅ every seed: at least {:.0} % right", 100.0 * GOAL);
            ExitCode::SUCCESS
        }
        // Too slow to be trained to the end.
        Ok(_) if cfg!(debug_assertions) => {
            println!("a debug build, which does an eighth of one run: try --release");
            ExitCode::SUCCESS
        }
        Ok(worst) => {
            println!("❌ the worst seed: {:.2} % right (expected {:.0} %)", 100.0 * worst, 100.0 * GOAL);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Gives the worst accuracy.
fn run(options: &Options) -> Result<f32, Box<dyn Error>> {
    let data = Data::new(options.last_fifth);
    println!("{}\n", Net::ZERO);
    println!("seed   loss   accuracy   time");
    let started = Instant::now();
    let mut first = None;
    let mut worst = f32::INFINITY;
    for seed in 0..options.seeds {
        let run = data.train(seed, options.epochs)?;
        println!(
            "{seed:>4}   {:.4}   {:>6.2} %   {:>3} ms",
            run.loss,
            100.0 * run.accuracy,
            run.milliseconds
        );
        worst = worst.min(run.accuracy);
        first.get_or_insert(run);
    }
    println!("all in {:.2} s\n", started.elapsed().as_secs_f32());

    if let Some(Run { net, curves, .. }) = first {
        let predictions: Vec<[f32; 10]> = data.x_test.iter().map(|x| net.predict(x)).collect();
        println!("{}\n", ConfusionMatrix::new(predictions.iter().copied(), &data.digits_test)?);
        data.show(&predictions);
        draw(&curves, &options.plot).map_err(|error| format!("{}: {error}", options.plot.display()))?;
        println!("curves of seed 0: {}", options.plot.display());
    }
    Ok(worst)
}

/// What one seed gave.
struct Run {
    net: Net,
    loss: f32,
    accuracy: f32,
    milliseconds: u128,
    curves: Vec<(Epoch, f32)>,
}

struct Data {
    x: Vec<Image>,
    y: Vec<[f32; 10]>,
    x_test: Vec<Image>,
    y_test: Vec<[f32; 10]>,
    digits_test: Vec<usize>,
}

impl Data {
    /// Splits the images, and adds to those for training each of them moved by a pixel four ways.
    fn new(last_fifth: bool) -> Self {
        let mut samples: Vec<(Image, usize)> = include_str!("data/digits.txt").lines().map(parse).collect();
        if !last_fifth {
            samples.shuffle(&mut Xoshiro128PlusPlus::seed_from_u64(0));
        }
        let (train, test) = samples.split_at(samples.len() - TEST);
        let (x, y) = train.iter().flat_map(|(x, digit)| moved(x).map(|x| (x, smooth(*digit)))).unzip();
        let (x_test, digits_test): (_, Vec<usize>) = test.iter().copied().unzip();
        let y_test = digits_test.iter().copied().map(smooth).collect();
        Self { x, y, x_test, y_test, digits_test }
    }

    /// The test data look on: nothing is chosen by them.
    fn train(&self, seed: u64, epochs: usize) -> Result<Run, Box<dyn Error>> {
        let bar = ProgressBar::new(epochs as u64)
            .with_style(ProgressStyle::with_template("seed {msg}  {bar:40}  epoch {pos} of {len}")?)
            .with_message(seed.to_string());
        let started = Instant::now();
        let rng = &mut Xoshiro128PlusPlus::seed_from_u64(seed);
        let schedule = Cosine { lr: 1e-2, min: 0.0, steps: epochs * self.x.len().div_ceil(BATCH) };
        let adam = AdamW { weight_decay: 0.1, ..AdamW::new(1e-2) };
        let optimizer = Optimizer { optimizer: adam, schedule };
        let mut trainer: Trainer<Net, _, BATCH, _> =
            Trainer::with_criterion(Zeroed::ZERO, optimizer, SoftCrossEntropy);
        trainer.net.init(rng);
        let mut curves = Vec::new();
        let fit = trainer.fit(&self.x, &self.y).epochs(epochs).validate(&self.x_test, &self.y_test);
        let last = fit.run(rng, |epoch, trainer| {
            curves.push((epoch, self.accuracy(&trainer.net)));
            bar.inc(1);
        })?;
        bar.finish_and_clear();
        let net = trainer.net;
        let milliseconds = started.elapsed().as_millis();
        Ok(Run { net, loss: last.loss, accuracy: self.accuracy(&net), milliseconds, curves })
    }

    fn accuracy(&self, net: &Net) -> f32 {
        accuracy(self.x_test.iter().map(|x| net.predict(x)), &self.digits_test).unwrap_or(f32::NAN)
    }

    /// A few digits that the network got right, then a few that it did not.
    fn show(&self, predictions: &[[f32; 10]]) {
        let samples = iter::zip(&self.x_test, &self.digits_test).zip(predictions);
        let (right, wrong): (Vec<_>, Vec<_>) = samples
            .map(|((image, digit), logits)| (image, *digit, argmax(logits)))
            .partition(|(_, digit, predicted)| digit == predicted);
        for samples in [right, wrong].iter().map(|samples| &samples[..samples.len().min(4)]) {
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
            for (_, digit, predicted) in samples {
                let verdict = if digit == predicted {
                    format!("{predicted}")
                } else {
                    format!("{predicted}, but is {digit}")
                };
                print!("{verdict:<20}");
            }
            println!("\n");
        }
    }
}

/// A line of the file: 64 pixels of 0 to 16, each a digit to the base 17, then the digit they show.
fn parse(line: &str) -> (Image, usize) {
    let mut numbers = line.chars().filter_map(|c| c.to_digit(17));
    let image = [(); 64].map(|()| numbers.next().map_or(0.0, |pixel| pixel as f32 / 16.0));
    (image, numbers.next().map_or(0, |digit| digit as usize))
}

/// The image, and four copies moved by a pixel: up, down, left, right.
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

/// The probabilities that the network is to learn for a digit.
fn smooth(digit: usize) -> [f32; 10] {
    std::array::from_fn(|class| SMOOTHING / 10.0 + if class == digit { 1.0 - SMOOTHING } else { 0.0 })
}

/// Loss and accuracy side by side.
fn draw(curves: &[(Epoch, f32)], file: &PathBuf) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, (1000, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(500);
    let losses = curves.iter().map(|(epoch, _)| epoch.loss).collect();
    let test_losses = curves.iter().filter_map(|(epoch, _)| epoch.validation_loss).collect();
    panel(&left, "cross-entropy", &[("training", losses, BLUE), ("test", test_losses, RED)])?;
    let accuracies = curves.iter().map(|(_, accuracy)| 100.0 * accuracy).collect();
    panel(&right, "test accuracy in %", &[("test", accuracies, RED)])?;
    area.present()?;
    Ok(())
}

fn panel(
    area: &DrawingArea<SVGBackend, Shift>,
    name: &str,
    curves: &[(&str, Vec<f32>, RGBColor)],
) -> Result<(), Box<dyn Error>> {
    let values = || curves.iter().flat_map(|(_, values, _)| values.iter().copied());
    let (lowest, highest) = (values().fold(f32::INFINITY, f32::min), values().fold(0.0, f32::max));
    let room = 0.05 * (highest - lowest).max(1e-3);
    let last = curves.iter().map(|(_, values, _)| values.len()).max().unwrap_or(0).max(2);
    let mut chart = ChartBuilder::on(area)
        .caption(name, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(1..last, lowest - room..highest + room)?;
    chart.configure_mesh().x_desc("epoch").x_labels(last).draw()?;
    for (name, values, color) in curves {
        let color = *color;
        chart
            .draw_series(LineSeries::new((1..).zip(values.iter().copied()), color))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    Ok(())
}
