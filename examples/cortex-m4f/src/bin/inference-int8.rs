//! Inference in 8-bit integers, 5→64→64→3, from bytes to bytes: the program contains no floating point.
#![no_std]
#![no_main]

use core::hint::black_box;

use device::{Failure, measure, program, quantized};

program!(run, () = ());

fn run((): &mut ()) -> Result<f32, Failure> {
    // The bytes stand for a measurement of sensors.
    let x = black_box(quantized::X);
    let (y, instructions) = measure::instructions(|| quantized::NET.predict_bytes(&x));
    measure::report(instructions);
    if y == quantized::Y { Ok(0.0) } else { Err(Failure::Bytes) }
}
