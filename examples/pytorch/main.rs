//! The Rust part of `two_way.py`: predicts with weights from PyTorch, or trains a network and saves its weights.
//!
//!     cargo run --features safetensors --example pytorch -- predict FILE   < inputs
//!     cargo run --features safetensors --example pytorch -- train FILE     < inputs
//!     cargo run --features safetensors --example pytorch -- source FILE
//!
//! `FILE` is a safetensors file. An input is a line of five numbers, a prediction a line of three. `train` first
//! prints a line for each parameter: its name, its shape, and the bits of its values. `source` prints the network as
//! Rust source.

use std::{
    env,
    error::Error,
    io::{self, BufRead as _},
    process::ExitCode,
};

use constnet::{Safetensors, Sgd, Trainer, Zeroed, mlp};
use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

type Net = mlp![5, 64, 64, 3];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let [command, file] = env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| USAGE)?;
    let net = match command.as_str() {
        "predict" => load(&file)?,
        "train" => {
            let net = train()?;
            Safetensors::new().save_file(&net, &file)?;
            show(&net);
            net
        }
        "source" => {
            print!("{}", load(&file)?.to_rust_source("NET"));
            return Ok(());
        }
        _ => return Err(USAGE.into()),
    };
    for line in io::stdin().lock().lines() {
        let x: Vec<f32> = line?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let x: [f32; 5] = x.try_into().map_err(|x| format!("{x:?}: expected five numbers"))?;
        let [a, b, c]: [f32; 3] = net.predict(&x);
        println!("{a:?} {b:?} {c:?}");
    }
    Ok(())
}

const USAGE: &str = "usage: pytorch predict|train|source FILE";

fn load(file: &str) -> Result<Net, Box<dyn Error>> {
    let mut net = Net::ZERO;
    Safetensors::new().load_file(&mut net, file)?;
    Ok(net)
}

/// Trains a network for a short time, so that its weights are typical ones.
fn train() -> Result<Net, Box<dyn Error>> {
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
    let x: Vec<[f32; 5]> = (0..200).map(|_| [(); 5].map(|()| rng.random_range(-1.0..1.0))).collect();
    let y: Vec<[f32; 3]> = x.iter().map(|[a, b, c, d, e]| [a * b, c.abs(), d - e]).collect();
    let mut trainer: Trainer<Net, Sgd, 20> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.05 });
    trainer.net.init(&mut rng);
    trainer.fit(&x, &y).epochs(200).run(&mut rng)?;
    Ok(trainer.net)
}

/// Prints the name, the shape and the bits of each parameter.
fn show(net: &Net) {
    for parameter in net.parameters() {
        print!("{parameter}");
        for value in parameter.iter() {
            print!(" {:08x}", value.to_bits());
        }
        println!();
    }
}
