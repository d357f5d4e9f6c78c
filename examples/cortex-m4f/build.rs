//! Trains the network that the programs have in flash, and puts the memory map where the linker
//! looks for it.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

use constnet::{mlp, synthetic};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    fs::write(out.join("trained.rs"), trained()?)?;
    println!("cargo::rerun-if-changed=build.rs");

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

/// The trained network and its data, as Rust source.
fn trained() -> Result<String, Box<dyn Error>> {
    const SEED: u64 = 0;
    // The task is the first thing that training draws from its generator.
    let task = synthetic::Task::new(&mut Xoshiro128PlusPlus::seed_from_u64(SEED));
    let outcome = synthetic::train_network::<mlp![5, 64, 64, 3], 4, _>(
        &synthetic::Config::default(),
        &mut Xoshiro128PlusPlus::seed_from_u64(SEED),
        |_, _| {},
    )?;
    // What `synthetic` is to come to.
    let host = synthetic::train::<64, 8, _>(
        &synthetic::Config::default(),
        &mut Xoshiro128PlusPlus::seed_from_u64(SEED),
    )?;
    let mut source = format!(
        "/// The inputs of the task.\npub static X: [[f32; 5]; 20] = {:?};\n\
         /// Its targets.\npub static Y: [[f32; 3]; 20] = {:?};\n\
         /// The mean squared error that the host comes to in the program `synthetic`.\n\
         pub const HOST_MSE: f32 = {:?};\n",
        task.x, task.y, host.final_mse
    );
    for parameter in outcome.net.parameters() {
        let [rows, columns] = parameter.shape;
        let values: Vec<f32> = parameter.iter().copied().collect();
        let (shape, values) = match parameter.name {
            "weight" => {
                let rows: Vec<_> = values.chunks(columns).collect();
                (format!("[[f32; {columns}]; {}]", rows.len()), format!("{rows:?}"))
            }
            _ => (format!("[f32; {rows}]"), format!("{values:?}")),
        };
        let name = format!("{}_{}", parameter.name, parameter.layer).to_uppercase();
        writeln!(source, "const {name}: {shape} = {values};")?;
    }
    Ok(source)
}
