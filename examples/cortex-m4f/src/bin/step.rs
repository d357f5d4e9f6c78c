//! One step of plain gradient descent on one sample, 5→64→64→3: the work of a device for each new measurement.
#![no_std]
#![no_main]

use constnet::{Error, Sgd, Trainer, Zeroed, layers::Layer, mlp, sizes::Report};
use device::{Failure, fits_ram, measure, println, program};
use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

type Net = mlp![5, 64, 64, 3];
type Training = Trainer<Net, Sgd, 1>;

const _: () = fits_ram::<20, Training>();

// The trainer starts as zeros, so it takes no flash; `run` sets the learning rate.
program!(run, Training = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.0 }));

fn run(trainer: &mut Training) -> Result<f32, Failure> {
    trainer.optimizer.lr = 0.01;
    // Uniform initial weights: the tables of the normal distribution would take 4 KB of flash.
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
    let mut index = 0;
    while let Some(parameter) = trainer.net.parameter_mut(index) {
        for value in parameter.values {
            *value = (rng.random::<f32>() - 0.5) * 0.25;
        }
        index += 1;
    }
    // These stand for measurements of sensors.
    let x = [(); 5].map(|()| rng.random());
    let y = [(); 3].map(|()| rng.random());

    let (loss, instructions) = measure::instructions(|| trainer.step(&[x], &[y]));
    measure::report(instructions);
    println!("{}", Report::of::<Net, Sgd, 1>());
    if loss.is_finite() { Ok(loss) } else { Err(Error::Diverged { epoch: 0, last_loss: None }.into()) }
}
