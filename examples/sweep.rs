//! A sweep over seeds, learning rates and three widths, on all cores, as CSV.
//!
//! Fails if no run reaches the notebook's goal. With a file name the rows are written there, else to the screen.
//!
//! `cargo run --release --example sweep [sweep.csv]`

use std::{fmt::Write as _, fs};

use constnet::{
    Adam, Error, Trainer, Zeroed, mlp,
    synthetic::{GOAL, Task},
};
use rand::{SeedableRng, rngs::StdRng};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

/// A run: the width is a constant of the network, the rest are numbers.
#[derive(Clone, Copy)]
struct Run {
    width: usize,
    lr: f32,
    seed: u64,
}

impl Run {
    /// The mean squared error after training.
    fn train<const WIDTH: usize>(self) -> Result<f32, Error<f32>> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let task = Task::new(&mut rng);
        let mut trainer: Trainer<mlp![5, WIDTH, 3], Adam, 4> = Trainer::new(Zeroed::ZERO, Adam::new(self.lr));
        trainer.net.init(&mut rng);
        trainer.fit(&task.x, &task.y).epochs(200).run(&mut rng)?;
        trainer.evaluate(&task.x, &task.y)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut runs = Vec::new();
    for width in [16, 64, 256] {
        for lr in [1e-3, 3e-3, 1e-2] {
            runs.extend((0..5).map(|seed| Run { width, lr, seed }));
        }
    }
    // The compiler makes a network of each width; the choice is made at run time.
    let losses: Vec<Result<f32, Error<f32>>> = runs
        .par_iter()
        .map(|run| match run.width {
            16 => run.train::<16>(),
            64 => run.train::<64>(),
            _ => run.train::<256>(),
        })
        .collect();

    let (mut csv, mut best) = (String::from("width,lr,seed,mse\n"), f32::INFINITY);
    for (Run { width, lr, seed }, loss) in runs.iter().zip(losses) {
        let loss = loss?;
        writeln!(csv, "{width},{lr},{seed},{loss:e}")?;
        best = best.min(loss);
    }
    match std::env::args().nth(1) {
        Some(file) => fs::write(file, csv)?,
        None => print!("{csv}"),
    }
    if best < GOAL { Ok(()) } else { Err(format!("the best error is {best:e}").into()) }
}
