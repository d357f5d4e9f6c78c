//! Writes the Rust source of the network that is stored in flash, and copies the memory map to a folder that the
//! linker searches.

use std::{env, error::Error, fs, path::Path};

use constnet::{Quantized, Safetensors, Zeroed, mlp, synthetic};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus, seq::SliceRandom};

#[path = "../shared/digits.rs"]
mod digits;
#[path = "../../tests/data/random_layers.rs"]
#[allow(dead_code, reason = "the layers are for the programs")]
mod random_layers;
#[path = "src/task.rs"]
#[allow(dead_code, reason = "the targets are for the programs")]
mod task;

use random_layers::Hash;

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    fs::write(out.join("trained.rs"), trained()?)?;
    fs::write(out.join("quantized.rs"), quantized()?)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=trained.safetensors");
    println!("cargo::rerun-if-changed=../data/digits.safetensors");
    println!("cargo::rerun-if-changed=../data/digits.txt");

    let arch = env::var("CARGO_CFG_TARGET_ARCH")?;
    let map = match arch.as_str() {
        "arm" => "memory-arm.x",
        "riscv32" => "memory-riscv.x",
        _ => return Ok(()),
    };
    fs::copy(map, out.join("memory.x"))?;
    // The crate of a device would define its interrupt vectors in this file; here `start.rs` defines them.
    fs::write(out.join("device.x"), "")?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed={map}");
    Ok(())
}

/// The Rust source of the constants that the host computes for the programs.
fn trained() -> Result<String, Box<dyn Error>> {
    const SEED: u64 = 0;
    // The network for flash, which `train.py` trained in PyTorch.
    let mut net = <mlp![5, 64, 64, 3]>::ZERO;
    Safetensors::new().load_file(&mut net, "trained.safetensors")?;
    // The result that the program `synthetic` must reach.
    let host = synthetic::train::<64, 8, _>(
        &synthetic::Config::default(),
        &mut Xoshiro128PlusPlus::seed_from_u64(SEED),
    )?;
    let curve_x: [[f32; 1]; 101] = std::array::from_fn(|i| [i as f32 / 50.0]);
    let curve_y = curve_x.map(|[x]| [(4.0 * x).sin() * (-x).exp()]);
    Ok(format!(
        "/// The whole network.\n{}\n\
         /// The mean squared error of the program `synthetic`, computed on the host.\n\
         pub const HOST_MSE: f32 = {:?};\n\n\
         /// The inputs of the program `lm`.\n\
         pub static CURVE_X: [[f32; 1]; 101] = {curve_x:?};\n\n\
         /// Its targets.\n\
         pub static CURVE_Y: [[f32; 1]; 101] = {curve_y:?};\n",
        net.to_rust_source("NET"),
        host.final_mse
    ))
}

/// The Rust source of the quantised networks, and their results on the host.
fn quantized() -> Result<String, Box<dyn Error>> {
    let mut net = <mlp![5, 64, 64, 3]>::ZERO;
    Safetensors::new().load_file(&mut net, "trained.safetensors")?;
    let (quantized, _) = Quantized::of(&net, &task::X)?;
    let x = quantized.quantize_input(&task::X[0]);
    Ok(format!(
        "/// The network of `trained.safetensors`.\n{}\n\
         /// An input.\npub const X: [u8; 5] = {x:?};\n\n\
         /// The output for it, computed on the host.\npub const Y: [u8; 3] = {:?};\n\n{}",
        quantized.to_rust_source("NET"),
        quantized.predict_bytes(&x),
        digits()?
    ))
}

/// The network that recognises digits, its test images, and its results on the host.
fn digits() -> Result<String, Box<dyn Error>> {
    /// As in the example `digits`.
    const TEST: usize = 360;
    let mut net = <mlp![64, 128, 10]>::ZERO;
    Safetensors::new().load_file(&mut net, "../data/digits.safetensors")?;
    let text = fs::read_to_string("../data/digits.txt")?;
    let samples: Option<Vec<([f32; 64], usize)>> = text.lines().map(digits::parse).collect();
    let mut samples = samples.ok_or("digits.txt: expected 64 pixels and a digit in each line")?;
    let all: Vec<[f32; 64]> = samples.iter().map(|(x, _)| *x).collect();
    let (of_all, _) = Quantized::of(&net, &all)?;
    let all: Vec<_> = all.iter().map(|x| of_all.quantize_input(x)).collect();
    samples.shuffle(&mut Xoshiro128PlusPlus::seed_from_u64(0));
    let (train, test) = samples.split_at(samples.len() - TEST);
    let train: Vec<[f32; 64]> = train.iter().map(|(x, _)| *x).collect();
    let (quantized, _) = Quantized::of(&net, &train)?;
    let (images, digits): (Vec<_>, Vec<_>) =
        test.iter().map(|(x, digit)| (quantized.quantize_input(x), *digit)).unzip();
    let outputs = images.iter().map(|x| quantized.predict_bytes(x));
    let hash = outputs.fold(Hash::EMPTY, |hash, y| hash.with(&y));
    Ok(format!(
        "/// The network of `examples/data/digits.safetensors`.\n{}\n\
         /// A test image.\npub const IMAGE: [u8; 64] = {:?};\n\n\
         /// The outputs for it, computed on the host.\npub const LOGITS: [u8; 10] = {:?};\n\n\
         /// The test images.\npub static IMAGES: [[u8; 64]; {TEST}] = {images:?};\n\n\
         /// The digits that they show.\npub const DIGITS_SHOWN: [u8; {TEST}] = {digits:?};\n\n\
         /// The hash of the outputs for all test images, computed on the host.\n\
         pub const OUTPUTS: Hash = {hash:?};\n\n\
         /// The same network, calibrated with all images.\n{}\n\
         /// All images.\npub static ALL_IMAGES: [[u8; 64]; {}] = {all:?};\n",
        quantized.to_rust_source("DIGITS"),
        images[0],
        quantized.predict_bytes(&images[0]),
        of_all.to_rust_source("ALL_DIGITS"),
        all.len(),
    ))
}
