//! The time of a training step on several threads, beside that of one `Trainer` with a batch of the same length.
//!
//! The ways to compute a step are measured in turn, in rounds. The column "as fast" is the shortest time of a step of
//! the one `Trainer`, divided by that of this way; "median" is the median of the same ratio within each round. For
//! each number of threads there is a pool of rayon with as many threads, which computes the steps.
//!
//! `cargo bench --features rayon --bench parallel -- [part of a name]…`

use std::{hint::black_box, time::Instant};

use constnet::{Sgd, Trainer, mlp, parallel::Workers};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::StandardNormal;
use rayon::ThreadPoolBuilder;

const ROUNDS: usize = 300;
/// The time for which a step is repeated in a round.
const SAMPLE_NS: f64 = 5e6;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, parts): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| argument.starts_with("--"));
    // `cargo bench` adds this argument. `cargo test --benches` does not: then one round shows that the bench runs.
    let rounds = if flags.iter().any(|flag| *flag == "--bench") { ROUNDS } else { 1 };
    assert!(flags.iter().all(|flag| *flag == "--bench"), "no option is known: {flags:?}");

    let batches: [(&str, fn() -> Vec<Step>); 7] = [
        ("5-64-64-3 b128 shards of 32", || steps!(mlp![5, 64, 64, 3], 128, 32)),
        ("5-64-64-3 b256 shards of 32", || steps!(mlp![5, 64, 64, 3], 256, 32)),
        ("5-64-64-3 b256 shards of 128", || steps!(mlp![5, 64, 64, 3], 256, 128)),
        ("5-64-64-3 b1024 shards of 128", || steps!(mlp![5, 64, 64, 3], 1024, 128)),
        ("32-256-256-8 b256 shards of 32", || steps!(mlp![32, 256, 256, 8], 256, 32)),
        ("32-256-256-8 b1024 shards of 32", || steps!(mlp![32, 256, 256, 8], 1024, 32)),
        ("32-256-256-8 b1024 shards of 128", || steps!(mlp![32, 256, 256, 8], 1024, 128)),
    ];
    for (name, steps) in batches {
        if parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str())) {
            print(name, &mut steps(), rounds);
        }
    }
}

/// A way to compute a step.
struct Step {
    name: String,
    /// Computes a number of steps.
    run: Box<dyn FnMut(usize)>,
    /// The time of a step in each round, in nanoseconds.
    ns: Vec<f64>,
}

impl Step {
    fn new(name: String, run: impl FnMut(usize) + 'static) -> Self {
        Self { name, run: Box::new(run), ns: Vec::new() }
    }

    fn time(&mut self, repeats: usize) -> f64 {
        let start = Instant::now();
        (self.run)(repeats);
        start.elapsed().as_nanos() as f64 / repeats as f64
    }

    fn minimum(&self) -> f64 {
        self.ns.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// The step of one `Trainer`, then those on 1, 2, 4, … threads.
macro_rules! steps {
    ($net:ty, $batch:literal, $shard:literal) => {{
        // So small that the network hardly changes in all the steps on the same batch.
        let sgd = Sgd { lr: 1e-7 };
        let rng = &mut StdRng::seed_from_u64(0);
        let (x, y) = (rows(rng, $batch), rows(rng, $batch));
        let mut trainer = Trainer::<$net, _, $batch>::boxed(sgd);
        trainer.net.init(rng);
        let net = trainer.net;
        let mut steps = vec![Step::new("one Trainer".into(), move |repeats| {
            let (Some(x), Some(y)) = (x.first_chunk(), y.first_chunk()) else { return };
            for _ in 0..repeats {
                black_box(trainer.step(black_box(x), black_box(y)));
            }
        })];
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for threads in std::iter::successors(Some(1), |n| Some(2 * n)).take_while(|n| *n <= cores) {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut trainer = Trainer::<$net, _, $shard>::boxed(sgd);
            trainer.net = net;
            let mut workers = Workers::new();
            steps.push(Step::new(format!("{threads} threads"), move |repeats| {
                pool.install(|| {
                    for _ in 0..repeats {
                        black_box(
                            trainer.step_parallel(black_box(x), black_box(y), &mut workers).expect("a loss"),
                        );
                    }
                });
            }));
        }
        steps
    }};
}
use steps;

/// Normal random numbers.
fn rows<const N: usize>(rng: &mut StdRng, count: usize) -> &'static [[f32; N]] {
    let row = |_| std::array::from_fn(|_| rng.sample(StandardNormal));
    (0..count).map(row).collect::<Vec<_>>().leak()
}

fn print(name: &str, steps: &mut [Step], rounds: usize) {
    let repeats: Vec<usize> = steps.iter_mut().map(|step| (SAMPLE_NS / step.time(10)) as usize + 1).collect();
    for _ in 0..rounds {
        for (step, &repeats) in steps.iter_mut().zip(&repeats) {
            let ns = step.time(repeats);
            step.ns.push(ns);
        }
    }
    println!("{name:<36}{:>10}{:>10}{:>10}", "min", "as fast", "median");
    for step in &*steps {
        let mut ratios: Vec<f64> = steps[0].ns.iter().zip(&step.ns).map(|(one, ns)| one / ns).collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "  {:<34}{:>7.1} µs{:>10.2}{:>10.2}",
            step.name,
            step.minimum() / 1e3,
            steps[0].minimum() / step.minimum(),
            ratios[ratios.len() / 2]
        );
    }
}
