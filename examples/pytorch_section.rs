//! The notebook's last section, "From PyTorch to NumPy": the same training in constnet, and in PyTorch where
//! it is installed.
//!
//! The section trains 5→64→64→3 with Adam for 399 epochs, each one batch of all 20 samples. Two things differ
//! here. Training is repeated from 20 seeds, and its time is measured. Both programs use He initialisation, as
//! the first part of the notebook does: the section takes PyTorch's default, from which 1 of 60 seeds misses
//! the goal.
//!
//! `cargo run --release --example pytorch_section`; the environment variable `PYTHON` names the interpreter.

use std::{
    env,
    ops::ControlFlow,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use constnet::{
    Adam, Error, Trainer, Zeroed, mlp,
    synthetic::{GOAL, Progress, SAMPLES, Task},
};
use indicatif::{ProgressBar, ProgressStyle};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

type Net = mlp![5, 64, 64, 3];

const EPOCHS: usize = 399;
/// The number of runs, here and in PyTorch, each from its own seed.
const RUNS: u64 = if cfg!(debug_assertions) { 1 } else { 20 };

/// The same runs in PyTorch.
const SCRIPT: &str = include_str!("data/pytorch_section.py");

fn main() -> ExitCode {
    println!("{}\n", Net::ZERO);
    let Outcome { losses, worst_mse, least_time } = match train() {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    for progress in losses {
        println!("{}", progress.to_string().replace("  loss", " | loss"));
    }
    println!("\n{RUNS} runs of {EPOCHS} epochs, on one thread:\n");
    println!("            largest final MSE   shortest time of a run");
    println!("constnet    {worst_mse:<17.1e}   {:.2} ms", 1e3 * least_time.as_secs_f64());
    match pytorch() {
        Ok(line) => println!("PyTorch     {line}"),
        Err(reason) => println!("PyTorch     not measured: {reason}"),
    }
    println!();
    if worst_mse < GOAL {
        println!("✅ every run of constnet reached MSE < {GOAL:e}");
        ExitCode::SUCCESS
    } else {
        println!("❌ MSE too high: {worst_mse:.4e} (expected < {GOAL:e})");
        ExitCode::FAILURE
    }
}

struct Outcome {
    /// The losses of the first run, for the epochs that the notebook prints. It counts them from 1.
    losses: Vec<Progress>,
    worst_mse: f32,
    least_time: Duration,
}

fn train() -> Result<Outcome, Error<f32>> {
    let style =
        ProgressStyle::with_template("{bar:40}  run {pos} of {len}").unwrap_or(ProgressStyle::default_bar());
    let bar = ProgressBar::new(RUNS).with_style(style);
    let mut outcome = Outcome { losses: Vec::new(), worst_mse: 0.0, least_time: Duration::MAX };
    for seed in 0..RUNS {
        let rng = &mut Xoshiro128PlusPlus::seed_from_u64(seed);
        let task = Task::new(rng);
        let mut trainer: Trainer<Net, _, SAMPLES> = Trainer::new(Zeroed::ZERO, Adam::new(1e-3));
        trainer.net.init(rng);
        let started = Instant::now();
        trainer.fit(&task.x, &task.y).epochs(EPOCHS).run_with(rng, |report, _| {
            let epoch = report.epoch + 1;
            if seed == 0 && (epoch == 1 || epoch % 20 == 0) {
                outcome.losses.push(Progress { epoch, loss: report.loss });
            }
            ControlFlow::Continue(())
        })?;
        outcome.least_time = outcome.least_time.min(started.elapsed());
        outcome.worst_mse = outcome.worst_mse.max(trainer.evaluate(&task.x, &task.y)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(outcome)
}

/// The line that the PyTorch program prints, or the reason why it does not run.
fn pytorch() -> Result<String, String> {
    let python = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(&python)
        .args(["-c", SCRIPT, &EPOCHS.to_string(), &RUNS.to_string()])
        .output()
        .map_err(|error| format!("{}: {error}", python.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", python.display(), errors.lines().last().unwrap_or("no error message")))
}
