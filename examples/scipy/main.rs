//! What `compare.py` compares with SciPy: reads starts and data as numbers, trains from each start, and prints losses,
//! evaluations and times.
//!
//! Input: a line of targets for each task, after a line of inputs, then a line of parameters for each start.

use std::{
    error::Error,
    io::{self, BufRead},
    time::{Duration, Instant},
};

use constnet::{
    Lbfgs, LevenbergMarquardt, Linear, Mse, Sequential, Tanh, Zeroed, mlp, second_order::LbfgsMemory,
};

type Curve = Sequential![Linear<1, 8, f64>, Tanh<8, f64>, Linear<8, 1, f64>];
type Notebook = mlp![f64; 5, 64, 3];

fn numbers(line: io::Result<String>) -> Result<Vec<f64>, Box<dyn Error>> {
    Ok(line?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

/// The shortest time of several runs, and the result.
fn timed<R>(mut run: impl FnMut() -> R) -> (Duration, R) {
    let mut run = || {
        let start = Instant::now();
        let result = run();
        (start.elapsed(), result)
    };
    (0..20).fold(run(), |best, _| {
        let next = run();
        if next.0 < best.0 { next } else { best }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let task = std::env::args().nth(1);
    let mut lines = io::stdin().lock().lines();
    let mut next = || lines.next().map(numbers).transpose();
    let (Some(x), Some(y)) = (next()?, next()?) else { return Err("no data".into()) };
    while let Some(start) = next()? {
        let (time, loss, evaluations) = if task.as_deref() == Some("curve") {
            let mut workspace = LevenbergMarquardt::workspace::<Curve>();
            let (mut net, tolerance) = (Curve::ZERO, 1e-10);
            let method = LevenbergMarquardt {
                gradient_tolerance: tolerance,
                step_tolerance: tolerance,
                ..LevenbergMarquardt::default()
            };
            let (x, y) = (x.as_chunks().0, y.as_chunks().0);
            let (time, report) = timed(|| {
                net.read_flat(&start)?;
                method.fit(&mut net, &Mse, x, y).run(&mut workspace)
            });
            (time, report?.loss, report?.iterations)
        } else {
            let mut memory: Box<LbfgsMemory<Notebook>> = Zeroed::boxed();
            let mut net = Notebook::ZERO;
            let method = Lbfgs { goal: 1e-6, ..Lbfgs::default() };
            let (x, y) = (x.as_chunks().0, y.as_chunks().0);
            let (time, report) = timed(|| {
                net.read_flat(&start)?;
                method.fit(&mut net, &Mse, x, y).run(&mut memory)
            });
            (time, report?.loss, report?.evaluations)
        };
        println!("{} {loss:e} {evaluations}", time.as_secs_f64());
    }
    Ok(())
}
