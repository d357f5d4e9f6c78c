//! Prints the hash of the weights that a native build reaches: `hash circles 0 adam 0.005 1 1000` is the task, the number of
//! the model in the table, the method, the learning rate, the seed and the number of steps.
//!
//! `hash --table` writes what the page loads, as JSON: the menu, and the hashes that the page shows beside its own.

use std::{env, process::ExitCode};

use playground::{
    method::{METHODS, Method},
    models::{MODELS, Model},
    run::{hash, values},
    tasks::{TASKS, Task},
};

/// The number of steps after which the page compares hashes.
const STEPS: usize = 1000;
/// The number of iterations of the method of Levenberg and Marquardt.
const ITERATIONS: usize = 16;
/// The seeds in the table: 1 to this.
const SEEDS: u32 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag] = &arguments[..]
        && flag == "--table"
    {
        println!("{}", table());
        return ExitCode::SUCCESS;
    }
    if let Some(hash) = one(&arguments) {
        println!("{hash:08x}");
        ExitCode::SUCCESS
    } else {
        eprintln!(
            "expected: hash TASK MODEL METHOD RATE SEED STEPS, such as: hash circles 0 adam 0.005 1 1000"
        );
        ExitCode::FAILURE
    }
}

fn one(arguments: &[String]) -> Option<u32> {
    let [task, model, method, lr, seed, steps] = arguments else { return None };
    let task = TASKS.iter().find(|known| known.name == task)?;
    let method = METHODS.into_iter().find(|known| known.name() == method)?;
    reached(task, model.parse().ok()?, method, lr.parse().ok()?, seed.parse().ok()?, steps.parse().ok()?)
}

/// The hash of the weights after `steps` steps, or after the last one if there are fewer. None, if the model does not fit the
/// task or the method.
fn reached(task: &Task, model: usize, method: Method, lr: f32, seed: u32, steps: usize) -> Option<u32> {
    let (data, rng) = task.start(seed);
    let model = MODELS.get(model).filter(|model| model.kind == task.kind)?;
    let mut run = model.start(method, lr, rng)?;
    run.advance(&data, steps).ok()?;
    Some(hash(&values(&*run)))
}

fn table() -> String {
    let mut lines = Vec::new();
    for task in &TASKS {
        for (model, method, seed) in (0..MODELS.len()).flat_map(|model| {
            METHODS.into_iter().flat_map(move |method| (1..=SEEDS).map(move |seed| (model, method, seed)))
        }) {
            let lr = task.kind.learning_rate(method);
            let steps = if method == Method::LevenbergMarquardt { ITERATIONS } else { STEPS };
            if let Some(hash) = reached(task, model, method, lr, seed, steps) {
                lines.push(format!("\"{} {model} {} {seed}\":\"{hash:08x}\"", task.name, method.name()));
            }
        }
    }
    format!(
        "{{\"tasks\":[{}],\n\"models\":[{}],\n\"methods\":[{}],\n\"steps\":{STEPS},\"iterations\":{ITERATIONS},\n\"hashes\":{{{}}}}}",
        join(TASKS.iter().map(|task| format!(
            "{{\"name\":\"{}\",\"kind\":\"{}\"}}",
            task.name,
            task.kind.name()
        ))),
        join(MODELS.iter().map(model)),
        join(METHODS.iter().map(|method| format!("\"{}\"", method.name()))),
        join(lines.into_iter()),
    )
}

/// A model as JSON, with the learning rate of each method.
fn model(Model { net, widths, batch, kind, .. }: &Model) -> String {
    let rates = join(METHODS.iter().map(|method| kind.learning_rate(*method).to_string()));
    format!(
        "{{\"net\":\"{net}\",\"widths\":{widths:?},\"batch\":{batch},\"kind\":\"{}\",\"rates\":[{rates}]}}",
        kind.name()
    )
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",\n")
}
