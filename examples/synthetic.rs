//! Trains a network on the notebook's synthetic task, and plots the loss.
//!
//! `cargo run --release --example synthetic -- --help` lists the options.

use std::{fmt::Display, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use constnet::{
    Error, Sequential,
    layers::{Features, Layer},
    mlp,
    synthetic::{Config, FEATURES, GOAL, Losses, Outcome, Progress, TARGETS, train_network},
};
use plotters::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape};

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
    let Outcome { losses, final_mse, .. } =
        train_network::<N, BATCH, _>(&config, &mut rng, |epoch, loss| {
            if epoch % 20 == 0 {
                println!("{}", Progress { epoch, loss });
            }
        })?;
    Ok((losses, final_mse))
}

/// Plots the losses and prints the final error. The exit status is 0 if the goal was reached, else 1.
fn report(options: &Options, losses: &Losses, final_mse: f32) -> ExitCode {
    print_curve(losses);
    if let Some(file) = &options.plot {
        match draw_curve(losses, file) {
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

/// Plots the losses in the terminal, on a logarithmic scale.
fn print_curve(losses: &Losses) {
    let points: Vec<_> = losses.iter().map(|(epoch, loss)| (epoch as f32, loss.log10())).collect();
    let [(first, _), .., (last, _)] = points[..] else { return };
    println!("\nlog10(loss) over epochs");
    Chart::new(120, 40, first, last)
        .lineplot(&Shape::Lines(&points))
        .x_label_format(LabelFormat::Custom(Box::new(|epoch| format!("{epoch:.0}"))))
        .y_label_format(LabelFormat::Custom(Box::new(|log| format!("{log:.1}"))))
        .nice();
}

/// Plots the losses as a picture.
fn draw_curve(losses: &Losses, file: &PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    let points: Vec<_> = losses.iter().collect();
    let last = points.last().map_or(1, |(epoch, _)| (*epoch).max(1));
    let lowest = points.iter().map(|(_, loss)| *loss).fold(f32::INFINITY, f32::min);
    let highest = points.iter().map(|(_, loss)| *loss).fold(f32::MIN_POSITIVE, f32::max);

    let area = SVGBackend::new(file, (800, 500)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Loss on the synthetic task", ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0..last, (lowest / 2.0..highest * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc("mean squared error")
        .y_label_formatter(&|loss| format!("{loss:.0e}"))
        .draw()?;
    chart.draw_series(LineSeries::new(points, &BLUE))?;
    area.present()?;
    Ok(())
}
