//! Twenty random layers of bytes with 200 rows each, and all images of handwritten digits: the outputs must be the bytes of
//! ONNX Runtime and LiteRT.
#![no_std]
#![no_main]

use device::{Failure, program, random_layers};

program!(run, () = ());

fn run((): &mut ()) -> Result<f32, Failure> {
    if let Some(layer) = random_layers::first_other() {
        device::println!("layer {layer} gives other bytes");
        return Err(Failure::Bytes);
    }
    #[cfg(feature = "print")]
    all_digits()?;
    Ok(0.0)
}

/// The network that was calibrated with all images: with printing only, because the images take 115 KB of flash.
#[cfg(feature = "print")]
fn all_digits() -> Result<(), Failure> {
    use device::quantized;

    let bytes = |image| quantized::ALL_DIGITS.predict_bytes(image);
    let outputs =
        quantized::ALL_IMAGES.iter().fold(quantized::Hash::EMPTY, |hash, image| hash.with(&bytes(image)));
    if outputs != quantized::REFERENCE {
        return Err(Failure::Bytes);
    }
    let (layers, images) = (random_layers::LAYERS, quantized::ALL_IMAGES.len());
    device::println!("identical {layers} layers and {images} images");
    Ok(())
}
