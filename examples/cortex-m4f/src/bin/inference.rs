//! Inference only, 5→64→64→3: the weights stay in flash and are read from there.
#![no_std]
#![no_main]

use core::hint::black_box;

use constnet::Mse;
use device::{Failure, below_goal, measure, program, trained};

program!(run, () = ());

fn run((): &mut ()) -> Result<f32, Failure> {
    // The sample stands for a measurement of sensors.
    let x = black_box(trained::X[0]);
    let (y_hat, instructions) = measure::instructions(|| trained::NET.predict(&x));
    measure::report(instructions);
    below_goal(Mse.forward(&[y_hat], &[trained::Y[0]]))
}
