//! Writes the Rust source of the network that is stored in flash, and copies the memory map to a folder that the
//! linker searches.

use std::{env, error::Error, fs, path::Path};

use constnet::{Safetensors, Zeroed, mlp, synthetic};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    fs::write(out.join("trained.rs"), trained()?)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=trained.safetensors");

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
