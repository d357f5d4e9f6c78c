//! Trains a network on the notebook's synthetic task. On a terminal the loss is plotted while it falls; elsewhere the
//! notebook's lines are printed.
//!
//! `cargo run --release --example synthetic -- --help` lists the options.

#[path = "shared/live.rs"]
mod live;
#[path = "shared/plot.rs"]
mod plot;

use std::{
    fmt::Display,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use constnet::{
    Error, Sequential,
    layers::{Features, Layer},
    mlp,
    synthetic::{Config, FEATURES, GOAL, Losses, Outcome, Progress, TARGETS, train_network},
};
use live::{Live, log_curve};
use plotters::prelude::{IntoLogRange as _, SeriesLabelPosition};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

/// Trains a network on the notebook's synthetic task: 20 samples of 5 features, and 3 targets that are a
/// linear map of the features.
#[derive(Parser)]
struct Options {
    /// Widths of the hidden layers. Shapes are constants, so only these were compiled
    #[arg(long, value_enum, default_value_t = Hidden::H64)]
    hidden: Hidden,
    /// Batch size. It is a constant too
    #[arg(long, value_enum, default_value_t = Batch::B8)]
    batch: Batch,
    /// Learning rate of plain gradient descent
    #[arg(long, allow_negative_numbers = true, default_value_t = Config::default().lr)]
    lr: f32,
    /// Number of epochs
    #[arg(long, default_value_t = Config::default().epochs)]
    epochs: usize,
    /// Seed of the data, the initial weights and the order of the samples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The file for a plot of the loss
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Hidden {
    #[value(name = "16")]
    H16,
    #[value(name = "64")]
    H64,
    #[value(name = "64x64")]
    H64x64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Batch {
    #[value(name = "1")]
    B1,
    #[value(name = "4")]
    B4,
    #[value(name = "8")]
    B8,
    #[value(name = "20")]
    B20,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.hidden {
        Hidden::H16 => with_batch::<mlp![FEATURES, 16, TARGETS]>(&options),
        Hidden::H64 => with_batch::<mlp![FEATURES, 64, TARGETS]>(&options),
        Hidden::H64x64 => with_batch::<mlp![FEATURES, 64, 64, TARGETS]>(&options),
    };
    match result {
        Ok((losses, final_mse)) => report(&options, &losses, final_mse),
        Err(error @ (Error::LearningRate(_) | Error::NoEpochs)) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A network that fits the task and can be printed.
trait Net: Layer<In = Features<FEATURES>, Out = Features<TARGETS>> + Display {}

impl<L> Net for Sequential<L> where Self: Layer<In = Features<FEATURES>, Out = Features<TARGETS>> + Display {}

/// Trains with the chosen batch size, which becomes a constant here.
fn with_batch<N: Net>(options: &Options) -> Result<(Losses, f32), Error<f32>> {
    match options.batch {
        Batch::B1 => train::<N, 1>(options),
        Batch::B4 => train::<N, 4>(options),
        Batch::B8 => train::<N, 8>(options),
        Batch::B20 => train::<N, 20>(options),
    }
}

fn train<N: Net, const BATCH: usize>(options: &Options) -> Result<(Losses, f32), Error<f32>> {
    println!("{}\n", N::ZERO);
    let config = Config { lr: options.lr, epochs: options.epochs };
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(options.seed);
    let mut live = Live::new(String::new(), options.epochs);
    let piped = !io::stdout().is_terminal();
    let Outcome { losses, final_mse, .. } =
        train_network::<N, BATCH, _>(&config, &mut rng, |epoch, loss| {
            if piped && epoch % 20 == 0 {
                println!("{}", Progress { epoch, loss });
            }
            live.add(epoch, loss);
        })?;
    Ok((losses, final_mse))
}

/// Plots the losses and prints the final error. The exit status is 0 if the goal was reached, else 1.
fn report(options: &Options, losses: &Losses, final_mse: f32) -> ExitCode {
    let points: Vec<_> = losses.iter().map(|(epoch, loss)| (epoch as f32, loss)).collect();
    if io::stdout().is_terminal() {
        println!("\n{}", log_curve(&points));
    }
    if let Some(file) = &options.plot {
        match draw(&points, file) {
            Ok(()) => println!("plot of the loss: {}", file.display()),
            Err(error) => {
                eprintln!("error: cannot draw {}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("final MSE: {final_mse:.4e}");
    if final_mse < GOAL {
        println!("✅ Training reached MSE < {GOAL:e}");
        ExitCode::SUCCESS
    } else {
        println!("❌ MSE too high: {final_mse:.4e} (expected < {GOAL:e})");
        ExitCode::FAILURE
    }
}

/// Draws the losses and the goal, on a logarithmic scale.
fn draw(points: &[(f32, f32)], file: &Path) -> plot::Result {
    let last = points.last().map_or(1.0, |(epoch, _)| epoch.max(1.0));
    let lowest = points.iter().map(|(_, loss)| *loss).fold(GOAL, f32::min);
    let highest = points.iter().map(|(_, loss)| *loss).fold(GOAL, f32::max);

    let area = plot::picture(file, (800, 420))?;
    let range = (lowest / 2.0..highest * 2.0).log_scale();
    let axes = ["epoch", "mean squared error"];
    let mut chart = plot::chart(&area, "Loss on the synthetic task", axes, 0.0..last, range)?;
    plot::goal(&mut chart, "goal", [(0.0, GOAL), (last, GOAL)])?;
    plot::curve(&mut chart, "training", plot::BLUE, points.iter().copied())?;
    plot::legend(&mut chart, SeriesLabelPosition::UpperRight)?;
    Ok(area.present()?)
}
