//! Writes the weights that PyTorch trained as Rust source, which is compiled into flash.

use std::{env, error::Error, fs, path::Path};

use constnet::{Linear, Safetensors, Sequential, Tanh, Zeroed};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=forecast.safetensors");
    let mut net = <Sequential![Linear<7, 16>, Tanh<16>, Linear<16, 1>]>::ZERO;
    Safetensors::new().load_file(&mut net, "forecast.safetensors")?;
    let file = Path::new(&env::var("OUT_DIR")?).join("forecast.rs");
    Ok(fs::write(file, net.to_rust_source("FORECAST").to_string())?)
}
