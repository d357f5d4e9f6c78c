//! What `compare.py` compares with SciPy and PyTorch: reads starts and data as numbers, trains from each start, and prints
//! the time, the loss and the number of evaluations.
//!
//! Arguments: a task, `lm` or `lbfgs`, and the goal. Input: a line of inputs and a line of targets, then a line of parameters
//! for each start.

use std::{
    error::Error,
    io::{self, BufRead},
    time::{Duration, Instant},
};

use constnet::{
    Lbfgs, LevenbergMarquardt, Linear, Mse, Relu, Sequential, Tanh, Zeroed,
    layers::{Layer, Shape},
    second_order::LbfgsMemory,
};

/// One hidden layer with an activation.
type Layers<Activation, const IN: usize, const H: usize, const OUT: usize> =
    (Linear<IN, H, f64>, (Activation, Linear<H, OUT, f64>));

fn numbers(line: io::Result<String>) -> Result<Vec<f64>, Box<dyn Error>> {
    Ok(line?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

/// The shortest time of up to 20 runs, in about a quarter of a second, and the result.
fn timed<R>(mut run: impl FnMut() -> R) -> (Duration, R) {
    let mut run = || {
        let start = Instant::now();
        let result = run();
        (start.elapsed(), result)
    };
    let (mut best, begin) = (run(), Instant::now());
    for _ in 0..20 {
        if begin.elapsed() > Duration::from_millis(250) {
            break;
        }
        let next = run();
        if next.0 < best.0 {
            best = next;
        }
    }
    best
}

/// Trains from each start. `L` are the layers of the network.
fn train<L, const IN: usize, const OUT: usize>(method: &str, goal: f64) -> Result<(), Box<dyn Error>>
where
    L: Layer<In: Shape<Row = [f64; IN], Elem = f64>, Out: Shape<Row = [f64; OUT], Elem = f64>>,
{
    let mut lines = io::stdin().lock().lines();
    let mut next = || lines.next().map(numbers).transpose();
    let (Some(x), Some(y)) = (next()?, next()?) else { return Err("no data".into()) };
    let (x, y): (&[[f64; IN]], &[[f64; OUT]]) = (x.as_chunks().0, y.as_chunks().0);
    let mut net: Sequential<L> = Zeroed::ZERO;
    let mut memory: Box<LbfgsMemory<Sequential<L>>> = Box::new(Zeroed::ZERO);
    let mut workspace = LevenbergMarquardt::workspace::<Sequential<L>>();
    while let Some(start) = next()? {
        let (time, report) = timed(|| {
            net.read_flat(&start)?;
            if method == "lm" {
                let tolerance = 1e-10;
                let method = LevenbergMarquardt {
                    goal,
                    max_iterations: 1000,
                    gradient_tolerance: tolerance,
                    step_tolerance: tolerance,
                    ..LevenbergMarquardt::default()
                };
                method.fit(&mut net, &Mse, x, y).run(&mut workspace)
            } else {
                let method = Lbfgs { goal, max_iterations: 5000, ..Lbfgs::default() };
                method.fit(&mut net, &Mse, x, y).run(&mut memory)
            }
        });
        let report = report?;
        let count = if method == "lm" { report.iterations } else { report.evaluations };
        println!("{} {:e} {count}", time.as_secs_f64(), report.loss);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [task, method, goal] = &arguments[..] else { return Err("expected a task, a method, a goal".into()) };
    let goal = goal.parse()?;
    match &task[..] {
        "notebook" => train::<Layers<Relu<64, f64>, 5, 64, 3>, 5, 3>(method, goal),
        "curve" => train::<Layers<Tanh<16, f64>, 1, 16, 1>, 1, 1>(method, goal),
        "arm" => train::<Layers<Tanh<24, f64>, 2, 24, 2>, 2, 2>(method, goal),
        "steps" => train::<Layers<Tanh<8, f64>, 1, 8, 1>, 1, 1>(method, goal),
        _ => Err("expected notebook, curve, arm or steps".into()),
    }
}
