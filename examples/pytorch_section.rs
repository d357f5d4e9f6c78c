//! The last section of the notebook, 5→64→64→3 trained by Adam, beside PyTorch where it is installed.
//!
//! `cargo run --release --example pytorch_section`; the variable `PYTHON` names the interpreter.

use std::{
    env,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use constnet::{
    Adam, Error, Trainer, Zeroed, mlp,
    synthetic::{GOAL, SAMPLES, Task},
};
use indicatif::{ProgressBar, ProgressStyle};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

const EPOCHS: usize = 399;
/// The time is the least of so many runs, here and in PyTorch; each is of its own seed.
const RUNS: u64 = if cfg!(debug_assertions) { 1 } else { 20 };

/// The same run in PyTorch: the section's program, timed.
const SCRIPT: &str = include_str!("data/pytorch_section.py");

fn main() -> ExitCode {
    println!("5→64→64→3, Adam with a learning rate of 1e-3, {EPOCHS} epochs of one batch of {SAMPLES}\n");
    let (worst, time) = match ours() {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("            final MSE, worst of {RUNS}   least time");
    println!("constnet    {worst:<24.1e}  {:>8.2} ms", 1e3 * time.as_secs_f64());
    match pytorch() {
        Ok(line) => println!("PyTorch     {line}"),
        Err(why) => println!("PyTorch     not measured: {why}"),
    }
    if worst < GOAL {
        println!("✅ Training reached MSE < {GOAL:e}");
        ExitCode::SUCCESS
    } else {
        println!("❌ MSE too high: {worst:.4e} (expected < {GOAL:e})");
        ExitCode::FAILURE
    }
}

/// The worst error and the least time.
fn ours() -> Result<(f32, Duration), Error<f32>> {
    let style =
        ProgressStyle::with_template("{bar:40}  run {pos} of {len}").unwrap_or(ProgressStyle::default_bar());
    let bar = ProgressBar::new(RUNS).with_style(style);
    let (mut worst, mut least) = (0.0, Duration::MAX);
    for seed in 0..RUNS {
        let rng = &mut Xoshiro128PlusPlus::seed_from_u64(seed);
        let task = Task::new(rng);
        let mut trainer: Trainer<mlp![5, 64, 64, 3], _, SAMPLES> =
            Trainer::new(Zeroed::ZERO, Adam::new(1e-3));
        trainer.net.init(rng);
        let started = Instant::now();
        trainer.fit(&task.x, &task.y).epochs(EPOCHS).run(rng, |_, _| {})?;
        least = least.min(started.elapsed());
        worst = f32::max(worst, trainer.evaluate(&task.x, &task.y)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((worst, least))
}

/// What PyTorch's run says, or why there is none.
fn pytorch() -> Result<String, String> {
    let python = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(&python)
        .args(["-c", SCRIPT, &EPOCHS.to_string(), &RUNS.to_string()])
        .output()
        .map_err(|error| format!("{}: {error}", python.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", python.display(), complaint.lines().last().unwrap_or("no answer")))
}
