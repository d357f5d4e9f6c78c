//! Four tasks of regression from five starts each, trained by the method of Levenberg and Marquardt.
//!
//! Prints the numbers of Jacobian matrices until each goal is reached, and the time of the five runs, the least of ten
//! measurements. Fails if a run does not reach its goal. With a file name it also draws the losses as SVG.
//!
//! `cargo run --release --example second_order [losses.svg]`

#[path = "shared/plot.rs"]
mod plot;

use std::{
    error::Error,
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};

use constnet::{
    He, LevenbergMarquardt, Linear, Mse, Sequential, Tanh,
    layers::{Layer, Shape},
    mlp,
    second_order::Stop,
    synthetic::Task,
};
use plotters::prelude::{IntoLogRange as _, SeriesLabelPosition};
use rand::{RngExt, SeedableRng, rngs::StdRng};

type Curve = Sequential![Linear<1, 16>, Tanh<16>, Linear<16, 1>];
type Arm = Sequential![Linear<2, 24>, Tanh<24>, Linear<24, 2>];
type Data<const IN: usize, const OUT: usize> = (Vec<[f32; IN]>, Vec<[f32; OUT]>);

/// The losses of a task, a list for each start.
struct Losses {
    task: &'static str,
    goal: f32,
    runs: Vec<Vec<f32>>,
}

fn train<N, const IN: usize, const OUT: usize>(
    task: &'static str,
    goal: f32,
    data: fn(&mut StdRng) -> Data<IN, OUT>,
) -> Result<Losses, Box<dyn Error>>
where
    N: Layer<In: Shape<Row = [f32; IN], Elem = f32>, Out: Shape<Row = [f32; OUT]>>,
{
    let mut workspace = LevenbergMarquardt::workspace::<N>();
    let method = LevenbergMarquardt { goal, ..LevenbergMarquardt::new() };
    let (mut best, mut losses) = (Duration::MAX, Vec::new());
    for _ in 0..10 {
        losses.clear();
        let mut time = Duration::ZERO;
        for seed in 0..5 {
            let mut rng = StdRng::seed_from_u64(seed);
            let (x, y) = data(&mut rng);
            let mut net = N::ZERO;
            net.init(&He, &mut rng);
            let mut run = Vec::new();
            let start = Instant::now();
            let report = method.fit(&mut net, &Mse, &x, &y).run_with(&mut workspace, |report, _| {
                run.push(report.loss);
                ControlFlow::Continue(())
            })?;
            time += start.elapsed();
            if report.stop != Some(Stop::Goal) {
                return Err(format!("{task}, seed {seed}: {report:?}").into());
            }
            losses.push(run);
        }
        best = best.min(time);
    }
    let jacobians: Vec<usize> = losses.iter().map(Vec::len).collect();
    println!("{task:26} {jacobians:?} Jacobians, {best:.1?}");
    Ok(Losses { task, goal, runs: losses })
}

fn notebook(rng: &mut StdRng) -> Data<5, 3> {
    let task = Task::new(rng);
    (task.x.to_vec(), task.y.to_vec())
}

fn curve(_: &mut StdRng) -> Data<1, 1> {
    (0..101).map(|i| i as f32 / 50.0).map(|x| ([x], [(4.0 * x).sin() * (-x).exp()])).unzip()
}

/// The position of the end of an arm of two links of length 1, for all angles of the joints.
fn arm(rng: &mut StdRng) -> Data<2, 2> {
    use std::f32::consts::PI;
    let mut position = || {
        let [a, b] = [(); 2].map(|()| rng.random_range(-PI..PI));
        ([a, b], [a.cos() + (a + b).cos(), a.sin() + (a + b).sin()])
    };
    (0..500).map(|_| position()).unzip()
}

fn draw(file: &str, tasks: &[Losses]) -> plot::Result {
    let area = plot::picture(Path::new(file), (900, 640))?;
    for (area, Losses { task, goal, runs }) in area.split_evenly((2, 2)).iter().zip(tasks) {
        let last = runs.iter().map(Vec::len).max().unwrap_or(1).max(2) as f32;
        let range = (1e-9_f32..10.0).log_scale();
        let mut chart = plot::chart(area, task, ["step", "mean squared error"], 1.0..last, range)?;
        plot::goal(&mut chart, "goal", [(1.0, *goal), (last, *goal)])?;
        for (start, run) in runs.iter().enumerate() {
            let points = run.iter().enumerate().map(|(step, loss)| (step as f32 + 1.0, *loss));
            let name = if start == 0 { "five starts" } else { "" };
            plot::curve(&mut chart, name, plot::BLUE, points)?;
        }
        plot::legend(&mut chart, SeriesLabelPosition::LowerLeft)?;
    }
    Ok(area.present()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let tasks = [
        train::<mlp![5, 64, 3], 5, 3>("notebook, to 1e-3", 1e-3, notebook)?,
        train::<mlp![5, 64, 3], 5, 3>("notebook, to 1e-6", 1e-6, notebook)?,
        train::<Curve, 1, 1>("sin(4x) exp(-x), to 1e-6", 1e-6, curve)?,
        train::<Arm, 2, 2>("arm of two links, to 1e-5", 1e-5, arm)?,
    ];
    match std::env::args().nth(1) {
        Some(file) => draw(&file, &tasks),
        None => Ok(()),
    }
}
