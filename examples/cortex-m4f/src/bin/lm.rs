//! Training to a small error on the device, by the method of Levenberg and Marquardt: 1→16→1 on 101 samples of
//! `sin(4x) exp(−x)`, as for the characteristic curve of a sensor.
#![no_std]
#![no_main]

use core::ops::ControlFlow;

use constnet::{LevenbergMarquardt, Linear, Mse, Sequential, Tanh, Zeroed, layers::Layer};
use device::{Failure, below, measure, program, trained};
use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

type Net = Sequential![Linear<1, 16>, Tanh<16>, Linear<16, 1>];

/// All memory of the program but the stack.
struct Training {
    net: Net,
    workspace: [f32; LevenbergMarquardt::workspace_len::<Net>()],
}

const _: () = assert!(size_of::<Training>() < 16 * 1024);

program!(run, Training = Training { net: Zeroed::ZERO, workspace: Zeroed::ZERO });

fn run(Training { net, workspace }: &mut Training) -> Result<f32, Failure> {
    const GOAL: f32 = 1e-4;
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
    let mut index = 0;
    while let Some(parameter) = net.parameter_mut(index) {
        for value in parameter.values {
            *value = (rng.random::<f32>() - 0.5) * 4.0;
        }
        index += 1;
    }
    let method = LevenbergMarquardt { goal: GOAL, ..LevenbergMarquardt::new() };
    let (x, y) = (&trained::CURVE_X, &trained::CURVE_Y);
    // The first iteration alone: the counter of instructions is too short for all.
    let (report, instructions) = measure::instructions(|| {
        method.fit(net, &Mse, x, y).run_with(workspace, |_, _| ControlFlow::Break(()))
    });
    report?;
    let report = method.fit(net, &Mse, x, y).run(workspace)?;
    measure::report(instructions);
    device::println!("iterations {}, evaluations {}", report.iterations + 1, report.evaluations + 1);
    below(GOAL, report.loss)
}
