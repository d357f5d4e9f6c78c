//! Writes the network that the programs have in flash as Rust source, and puts the memory map where the linker
//! looks for it.

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
    // A device's own crate would give the vectors of its interrupts; `start.rs` does.
    fs::write(out.join("device.x"), "")?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed={map}");
    Ok(())
}

/// What the programs have of the host, as Rust source.
fn trained() -> Result<String, Box<dyn Error>> {
    const SEED: u64 = 0;
    // In flash: what `train.py` trained in PyTorch.
    let mut net = <mlp![5, 64, 64, 3]>::ZERO;
    Safetensors::new().load_file(&mut net, "trained.safetensors")?;
    // What `synthetic` is to come to.
    let host = synthetic::train::<64, 8, _>(
        &synthetic::Config::default(),
        &mut Xoshiro128PlusPlus::seed_from_u64(SEED),
    )?;
    Ok(format!(
        "/// The whole network.\n{}\n\
         /// The mean squared error that the host comes to in the program `synthetic`.\n\
         pub const HOST_MSE: f32 = {:?};\n",
        net.source("NET"),
        host.final_mse
    ))
}
