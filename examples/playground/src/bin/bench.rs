//! Prints the steps per second of a native build, for the network 2→8→8→1 on batches of 10 samples: the best of many
//! slices.

use std::time::Instant;

use playground::{method::METHODS, models::MODELS, tasks::TASKS};

const STEPS: usize = 2000;
const SLICES: usize = 200;

fn main() {
    let (task, model) = (&TASKS[0], &MODELS[0]);
    for method in METHODS {
        let (data, rng) = task.start(1);
        let Some(mut run) = model.start(method, task.kind.learning_rate(method), rng) else { continue };
        let mut best = f64::INFINITY;
        for _ in 0..SLICES {
            let start = Instant::now();
            if run.advance(&data, STEPS).is_err() {
                break;
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{} {:.0}", method.name(), STEPS as f64 / best);
    }
}
