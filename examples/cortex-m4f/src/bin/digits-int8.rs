//! Handwritten digits in 8-bit integers, 64→128→10, from bytes to bytes. With printing, all test images are recognised, and the
//! outputs must be those of the host; without, one image that stands for that of a camera.
#![no_std]
#![no_main]

use core::hint::black_box;

use device::{Failure, measure, program, quantized};

program!(run, () = ());

fn run((): &mut ()) -> Result<f32, Failure> {
    let x = black_box(quantized::IMAGE);
    let (y, instructions) = measure::instructions(|| quantized::DIGITS.predict_bytes(&x));
    measure::report(instructions);
    #[cfg(feature = "print")]
    test_images()?;
    if y == quantized::LOGITS { Ok(0.0) } else { Err(Failure::Bytes) }
}

/// Recognises all test images, and prints the accuracy.
#[cfg(feature = "print")]
fn test_images() -> Result<(), Failure> {
    let (mut correct, mut hash) = (0, quantized::Hash::EMPTY);
    for (image, digit) in quantized::IMAGES.iter().zip(quantized::DIGITS_SHOWN) {
        let y = quantized::DIGITS.predict_bytes(image);
        hash = hash.with(&y);
        // The first of the largest bytes.
        let most = y.iter().zip(0..10).rev().max_by_key(|(y, _)| **y);
        correct += u32::from(most.is_some_and(|(_, shown)| shown == digit));
    }
    let images = quantized::IMAGES.len();
    device::println!("correct {correct} of {images}");
    if hash == quantized::OUTPUTS { Ok(()) } else { Err(Failure::Bytes) }
}
