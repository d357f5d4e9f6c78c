//! The speed of the library, compared with the limits of this processor core.
//!
//! One run measures the limits of the core, then each workload and its ratio to the limit that bounds it:
//!
//! - the multiply-add peak, for training steps and for the forward pass of a batch;
//! - the rate at which weights stream from the L1 or the L2 cache, for inference on one sample, which uses every
//!   weight once.
//!
//! The limits are measured with [`constnet::simd`], so on the instruction set that the library uses. Each sample of
//! a workload is taken right after a sample of its limit, in many short rounds over all workloads, so that a change of
//! the clock frequency or a busy neighbour affects both.
//!
//! `cargo bench --bench roofline -- [--csv] [--rounds N] [--core N] [part of a name]…`

use std::{hint::black_box, time::Instant};

use constnet::{
    Adam, Cache, Elu, He, Linear, Optimizer, Sequential, Sgd, Trainer, Zeroed,
    layers::{Cost, Elem, LayerTypes, Row, Shape},
    mlp,
    simd::{Dispatch, Element, Kernel, Real, Simd, Vector},
    sizes::{Memory, Report},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The number of rounds over all workloads, unless `--rounds` is given.
const ROUNDS: usize = 200;

/// The approximate length of one sample: short enough that most samples are not interrupted, long enough that the
/// time of reading the clock is negligible.
const SAMPLE_NS: f64 = 250_000.0;

/// The sizes of the arrays that are streamed. The first is half of an L1 cache of 32 KiB; the second is larger than
/// the L1, and half of the smallest L2 cache in common use.
const L1_BYTES: usize = 16 * 1024;
const L2_BYTES: usize = 256 * 1024;

/// Weights of up to this size are compared with the streaming rate of L1, larger ones with that of L2.
const L1_CAPACITY: usize = 32 * 1024;

/// A piece of work to be timed: a function that repeats it as often as its argument says.
type Repeat = Box<dyn FnMut(usize)>;

fn main() {
    let options = Options::parse();
    // Before this thread is bound to one core.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let core = pin(options.core);
    let limits = limits();
    let mut workloads = workloads();
    workloads.retain(|w| options.selects(&w.name));
    let run = measure(limits, workloads, options.rounds);
    if options.csv {
        print_csv(&run);
    } else {
        print_machine(core);
        print_limits(&run);
        print_table(&run, cores);
        print_dispatch();
    }
}

/// The command line.
struct Options {
    csv: bool,
    rounds: usize,
    core: Option<usize>,
    names: Vec<String>,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self { csv: false, rounds: 1, core: None, names: Vec::new() };
        let mut chosen = None;
        let mut arguments = std::env::args().skip(1);
        let number = |argument: Option<String>, of: &str| {
            let number = argument.and_then(|n| n.parse().ok());
            number.unwrap_or_else(|| panic!("{of} takes a number"))
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // `cargo bench` adds this argument. `cargo test --benches` does not: then one round shows that
                // everything runs.
                "--bench" => options.rounds = ROUNDS,
                "--csv" => options.csv = true,
                "--rounds" => chosen = Some(number(arguments.next(), "--rounds")),
                "--core" => options.core = Some(number(arguments.next(), "--core")),
                name => options.names.push(name.into()),
            }
        }
        options.rounds = chosen.unwrap_or(options.rounds);
        options
    }

    fn selects(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|part| name.contains(part.as_str()))
    }
}

/// Pins this thread to the given core, or to the last one, because the first one handles most interrupts.
fn pin(number: Option<usize>) -> Option<usize> {
    let cores = core_affinity::get_core_ids()?;
    let core = cores.into_iter().rfind(|core| number.is_none_or(|number| core.id == number))?;
    core_affinity::set_for_current(core).then_some(core.id)
}

// The limits of the core.

/// `CHAINS` chains of dependent multiply-adds, all in registers.
struct Chains<T, const CHAINS: usize> {
    steps: usize,
    factor: T,
    addend: T,
}

impl<T: Element, const CHAINS: usize> Kernel<T> for Chains<T, CHAINS> {
    /// The number of floating-point operations.
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd<T>>(self, token: S) -> usize {
        let factor = Vector::from_number(token, self.factor);
        let addend = Vector::from_number(token, self.addend);
        let mut chains = [addend; CHAINS];
        for (n, chain) in chains.iter_mut().enumerate() {
            *chain = Vector::from_number(token, T::from_count(n));
        }
        for _ in 0..self.steps {
            // The product depends on the chain. A constant product would be computed once, outside the loop, where
            // there is no fused multiply-add.
            for chain in &mut chains {
                *chain = chain.mul_add(factor, addend);
            }
        }
        let mut all = addend;
        for chain in chains {
            all = all + chain;
        }
        black_box(all.sum());
        2 * S::LANES * CHAINS * self.steps
    }
}

fn multiply_adds<T: Element, const CHAINS: usize>() -> Limit {
    let work = |steps| {
        // The chains converge to 2. Values near 0 or infinity would be slower on some cores.
        let (factor, addend) = (black_box(T::from_f64(0.5)), black_box(T::ONE));
        T::dispatch(Chains::<T, CHAINS> { steps, factor, addend })
    };
    const STEPS: usize = 64;
    Limit {
        name: format!("{} multiply-add, {CHAINS} chains", type_name::<T>()),
        unit: "GFLOP/s",
        amount: work(STEPS) as f64,
        run: Box::new(move |repeats| {
            work(STEPS * repeats);
        }),
    }
}

/// The sum of an array, computed repeatedly. There are enough accumulators that the latency of an addition does not
/// limit the loop.
struct Stream<'a, T, const ACCUMULATORS: usize> {
    data: &'a [T],
    passes: usize,
}

impl<T: Element, const ACCUMULATORS: usize> Kernel<T> for Stream<'_, T, ACCUMULATORS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, token: S) {
        let mut sums = [Vector::from_number(token, T::ZERO); ACCUMULATORS];
        for _ in 0..self.passes {
            for chunk in black_box(self.data).chunks_exact(ACCUMULATORS * S::LANES) {
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = *sum + Vector::load(token, &chunk[n * S::LANES..]);
                }
            }
        }
        let mut all = Vector::from_number(token, T::ZERO);
        for sum in sums {
            all = all + sum;
        }
        black_box(all.sum());
    }
}

/// An array that starts at the beginning of a cache line, like the weights of a layer.
#[repr(align(64))]
struct Aligned<const N: usize>([f32; N]);

fn stream<const N: usize, const ACCUMULATORS: usize>(cache: &str) -> Limit {
    /// The number of lanes of the widest vector.
    const WIDEST: usize = 16;
    let data = Box::new(Aligned([1.0; N]));
    // A multiple of the chunk size of every instruction set, because `chunks_exact` skips a remainder.
    let length = N / (ACCUMULATORS * WIDEST) * (ACCUMULATORS * WIDEST);
    Limit {
        name: format!("{cache} streaming, {ACCUMULATORS} accumulators"),
        unit: "GB/s",
        amount: (length * size_of::<f32>()) as f64,
        run: Box::new(move |passes| {
            f32::dispatch(Stream::<_, ACCUMULATORS> { data: &data.0[..length], passes });
        }),
    }
}

/// The limit that bounds a workload.
#[derive(Clone, Copy, PartialEq)]
enum Bound {
    PeakF32,
    PeakF64,
    L1,
    L2,
}

const BOUNDS: [(Bound, &str); 4] = [
    (Bound::PeakF32, "f32 multiply-add peak"),
    (Bound::PeakF64, "f64 multiply-add peak"),
    (Bound::L1, "L1 streaming"),
    (Bound::L2, "L2 streaming"),
];

impl Bound {
    fn of_arithmetic<T>() -> Self {
        if size_of::<T>() == 4 { Self::PeakF32 } else { Self::PeakF64 }
    }

    fn short(self) -> &'static str {
        match self {
            Self::PeakF32 => "f32 peak",
            Self::PeakF64 => "f64 peak",
            Self::L1 => "L1",
            Self::L2 => "L2",
        }
    }
}

/// A loop that runs at a limit of the core.
struct Limit {
    name: String,
    unit: &'static str,
    /// The floating-point operations or the bytes of one repetition.
    amount: f64,
    run: Repeat,
}

/// The fastest loop for each limit. The best number of chains or accumulators depends on the latency of an operation
/// and on the number of registers, so several are tried.
fn limits() -> [(Bound, Timed<Limit>); 4] {
    let f32_peak = best([
        multiply_adds::<f32, 8>(),
        multiply_adds::<f32, 10>(),
        multiply_adds::<f32, 12>(),
        multiply_adds::<f32, 14>(),
        multiply_adds::<f32, 20>(),
    ]);
    let f64_peak = best([
        multiply_adds::<f64, 8>(),
        multiply_adds::<f64, 10>(),
        multiply_adds::<f64, 12>(),
        multiply_adds::<f64, 14>(),
        multiply_adds::<f64, 20>(),
    ]);
    let l1 = best([stream::<{ L1_BYTES / 4 }, 6>("L1"), stream::<{ L1_BYTES / 4 }, 12>("L1")]);
    let l2 = best([stream::<{ L2_BYTES / 4 }, 6>("L2"), stream::<{ L2_BYTES / 4 }, 12>("L2")]);
    [(Bound::PeakF32, f32_peak), (Bound::PeakF64, f64_peak), (Bound::L1, l1), (Bound::L2, l2)]
}

fn best<const N: usize>(candidates: [Limit; N]) -> Timed<Limit> {
    const TRIALS: usize = 20;
    let mut candidates = candidates.map(Timed::new);
    for _ in 0..TRIALS {
        for candidate in &mut candidates {
            candidate.sample();
        }
    }
    let rate = |limit: &Timed<Limit>| limit.work.amount / limit.minimum();
    let fastest = candidates.into_iter().max_by(|a, b| rate(a).total_cmp(&rate(b)));
    fastest.expect("there is a candidate")
}

// The workloads.

/// The aim of the project for a workload.
#[derive(Clone, Copy)]
enum Wanted {
    Nothing,
    /// At least this percentage of the limit.
    Percent(f64),
    /// At most this many nanoseconds on a Zen 4 core at 3.7 GHz.
    Ns(f64),
}

/// A piece of work of the library.
struct Workload {
    name: String,
    flop: f64,
    bound: Bound,
    /// The floating-point operations or the bytes of one repetition, whichever the limit counts.
    amount: f64,
    /// What counts `flop`.
    arithmetic: Bound,
    /// The memory of the network and its batch, by the memory report.
    bytes: usize,
    wanted: Wanted,
    run: Repeat,
}

/// A robot's policy, as in `examples/policy/`.
type Policy = Sequential![
    Linear<48, 512>,
    Elu<512>,
    Linear<512, 256>,
    Elu<256>,
    Linear<256, 128>,
    Elu<128>,
    Linear<128, 12>
];

fn workloads() -> Vec<Workload> {
    use Wanted::{Nothing, Ns, Percent};
    // Without SIMD there is only one aim.
    let p = |percent| if cfg!(feature = "simd") { Percent(percent) } else { Nothing };
    let ns = |ns| if cfg!(feature = "simd") { Ns(ns) } else { Nothing };
    let first = if cfg!(feature = "simd") { Percent(80.0) } else { Ns(15_000.0) };
    vec![
        step::<mlp![5, 64, 64, 3], 20>("5-64-64-3", first),
        step::<mlp![32, 256, 256, 8], 64>("32-256-256-8", p(88.0)),
        step::<mlp![32, 32, 32, 8], 64>("32-32-32-8", p(70.0)),
        step::<mlp![32, 64, 64, 8], 64>("32-64-64-8", p(82.0)),
        step::<mlp![32, 128, 128, 8], 64>("32-128-128-8", p(86.0)),
        step::<mlp![32, 512, 512, 8], 64>("32-512-512-8", p(85.0)),
        forward::<mlp![32, 256, 256, 8], 256>("32-256-256-8", p(93.0)),
        forward::<mlp![64, 128, 10], 64>("64-128-10", Nothing),
        predict_all::<mlp![64, 128, 10], _, _>("64-128-10", Nothing),
        forward::<mlp![5, 64, 64, 3], 1>("5-64-64-3", ns(105.0)),
        predict::<mlp![5, 64, 64, 3], _>("5-64-64-3", ns(105.0)),
        forward::<mlp![5, 64, 3], 1>("5-64-3", ns(15.0)),
        predict::<mlp![5, 64, 3], _>("5-64-3", ns(15.0)),
        forward::<mlp![16, 128, 128, 8], 1>("16-128-128-8", p(95.0)),
        predict::<mlp![16, 128, 128, 8], _>("16-128-128-8", p(95.0)),
        forward::<Policy, 1>("48-512-256-128-12 elu", p(80.0)),
        predict::<Policy, _>("48-512-256-128-12 elu", p(80.0)),
        step::<mlp![5, 16, 3], 4>("5-16-3", ns(120.0)),
        step::<mlp![5, 64, 64, 3], 1>("5-64-64-3", ns(500.0)),
        step_by::<mlp![5, 64, 64, 3], _, 20>(" adam", Adam::new(slow()), "5-64-64-3", p(65.0)),
        step::<mlp![f64; 5, 64, 64, 3], 20>("5-64-64-3", p(75.0)),
        step::<mlp![f64; 32, 256, 256, 8], 64>("32-256-256-8", p(83.0)),
        step::<mlp![f64; 32, 32, 32, 8], 64>("32-32-32-8", p(65.0)),
        step::<mlp![f64; 32, 64, 64, 8], 64>("32-64-64-8", p(77.0)),
        step::<mlp![f64; 32, 128, 128, 8], 64>("32-128-128-8", p(81.0)),
        step::<mlp![f64; 32, 512, 512, 8], 64>("32-512-512-8", p(80.0)),
    ]
}

/// A row of the input of a network.
type Input<N> = Row<<N as LayerTypes>::In>;
/// A row of the output of a network.
type Output<N> = Row<<N as LayerTypes>::Out>;

/// Rows of standard normal numbers.
fn normal<R: AsMut<[T]> + Zeroed + Copy, T: Element, const B: usize>(rng: &mut StdRng) -> Box<[R; B]> {
    let mut rows = Box::new([R::ZERO; B]);
    for row in &mut *rows {
        for x in row.as_mut() {
            *x = T::standard_normal(rng);
        }
    }
    rows
}

/// A whole training step of plain gradient descent: `2B(3P − P₁)` floating-point operations for `P` weights, `P₁` of
/// them in the first layer, which needs no `dx`.
fn step<N, const B: usize>(shape: &str, wanted: Wanted) -> Workload
where
    N: Cost + Network + 'static,
{
    step_by::<N, _, B>("", Sgd { lr: slow() }, shape, wanted)
}

/// A learning rate so small that the network hardly changes in all the steps on the same batch.
fn slow<T: Element>() -> T {
    black_box(T::from_f64(1e-5))
}

/// Like [`step`], with any optimiser. The operations of the optimiser are not counted.
fn step_by<N, Opt, const B: usize>(by: &str, optimizer: Opt, shape: &str, wanted: Wanted) -> Workload
where
    N: Cost + Network + 'static,
    Opt: Optimizer<Elem<N>> + 'static,
    Trainer<N, Opt, B>: 'static,
{
    let mut rng = StdRng::seed_from_u64(0);
    let mut trainer: Box<Trainer<N, Opt, B>> = Box::new(Trainer::new(N::ZERO, optimizer));
    trainer.net.init(&He, &mut rng);
    let x = normal::<Input<N>, Elem<N>, B>(&mut rng);
    let y = normal::<Output<N>, Elem<N>, B>(&mut rng);
    let flop = (2 * B * (3 * N::FORWARD - N::FIRST_WEIGHTS)) as f64;
    Workload {
        name: format!("step {} {shape} b{B}{by}", type_name::<Elem<N>>()),
        flop,
        bound: Bound::of_arithmetic::<Elem<N>>(),
        amount: flop,
        arithmetic: Bound::of_arithmetic::<Elem<N>>(),
        bytes: Report::of::<N, Opt, B>().training.ram,
        wanted,
        run: Box::new(move |repeats| {
            for _ in 0..repeats {
                black_box(trainer.step(black_box(&x), black_box(&y)));
            }
        }),
    }
}

/// A forward pass with a cache that is used again: `2BP` floating-point operations.
fn forward<N: Network + 'static, const B: usize>(shape: &str, wanted: Wanted) -> Workload {
    let mut rng = StdRng::seed_from_u64(0);
    let net: Box<Sequential<N::Chain>> = Box::new(rng.sample(He));
    let x = normal::<Input<N::Chain>, Elem<N::Chain>, B>(&mut rng);
    let mut cache: Box<Cache<Sequential<N::Chain>, B>> = Box::new(Cache::ZERO);
    let name = if B == 1 { "inference" } else { "forward" };
    inference::<N::Chain, B>(
        name,
        shape,
        wanted,
        Box::new(move |repeats| {
            for _ in 0..repeats {
                black_box(black_box(&*net).forward(black_box(&x), &mut cache).output());
            }
        }),
    )
}

/// Inference on one sample with `predict`, which makes its own cache.
fn predict<N, Y: Copy + Zeroed + 'static>(shape: &str, wanted: Wanted) -> Workload
where
    N: Network<Chain: Cost<Out: Shape<Row = Y>>> + 'static,
{
    let mut rng = StdRng::seed_from_u64(0);
    let net: Box<Sequential<N::Chain>> = Box::new(rng.sample(He));
    let x = normal::<Input<N::Chain>, Elem<N::Chain>, 1>(&mut rng);
    inference::<N::Chain, 1>(
        "predict",
        shape,
        wanted,
        Box::new(move |repeats| {
            for _ in 0..repeats {
                black_box(black_box(&*net).predict(black_box(&x[0])));
            }
        }),
    )
}

/// Inference on 10,000 rows with `predict_all`, in batches of 64: at most 5 % slower than the forward passes.
fn predict_all<N, X, Y>(shape: &str, wanted: Wanted) -> Workload
where
    X: Copy + Zeroed + AsMut<[Elem<N::Chain>]> + 'static,
    Y: 'static,
    N: Network<Chain: Cost<In: Shape<Row = X>, Out: Shape<Row = Y>> + Sync> + 'static,
    Cache<Sequential<N::Chain>, 64>: bytemuck::Zeroable,
{
    const ROWS: usize = 10_000;
    let mut rng = StdRng::seed_from_u64(0);
    let net: Box<Sequential<N::Chain>> = Box::new(rng.sample(He));
    let x = normal::<X, Elem<N::Chain>, ROWS>(&mut rng);
    let run = Box::new(move |repeats| {
        for _ in 0..repeats {
            black_box(black_box(&*net).predict_all(black_box(&*x)));
        }
    });
    let workload = inference::<N::Chain, ROWS>("predict_all", shape, wanted, run);
    Workload { name: workload.name.replace("b10000", "10,000 rows"), ..workload }
}

fn inference<N: Cost, const B: usize>(name: &str, shape: &str, wanted: Wanted, run: Repeat) -> Workload {
    let flop = (2 * B * N::FORWARD) as f64;
    let bytes = N::FORWARD * size_of::<Elem<N>>();
    let Memory { flash, ram } = Report::of::<N, Sgd<Elem<N>>, 1>().inference;
    let (bound, amount) = match B {
        1 if bytes <= L1_CAPACITY => (Bound::L1, bytes as f64),
        1 => (Bound::L2, bytes as f64),
        _ => (Bound::of_arithmetic::<Elem<N>>(), flop),
    };
    Workload {
        name: format!("{name} {} {shape} b{B}", type_name::<Elem<N>>()),
        flop,
        bound,
        amount,
        arithmetic: Bound::of_arithmetic::<Elem<N>>(),
        bytes: flash + B * ram,
        wanted,
        run,
    }
}

/// A network, and the chain of its layers.
trait Network {
    type Chain: Cost;
    /// The number of weights of the first layer.
    const FIRST_WEIGHTS: usize;
}

impl<A: Cost, R> Network for Sequential<(A, R)>
where
    (A, R): Cost,
{
    type Chain = (A, R);
    const FIRST_WEIGHTS: usize = A::FORWARD;
}

fn type_name<T>() -> &'static str {
    if size_of::<T>() == 4 { "f32" } else { "f64" }
}

// Measurement.

/// Work that can be repeated.
trait Work {
    fn run(&mut self, repeats: usize);
}

impl Work for Limit {
    fn run(&mut self, repeats: usize) {
        (self.run)(repeats);
    }
}

impl Work for Workload {
    fn run(&mut self, repeats: usize) {
        (self.run)(repeats);
    }
}

/// Work, and its measured times.
struct Timed<W> {
    work: W,
    repeats: usize,
    /// The time of one repetition in nanoseconds, for each sample.
    ns: Vec<f64>,
}

impl<W: Work> Timed<W> {
    /// Finds the number of repetitions that fill a sample.
    fn new(work: W) -> Self {
        let mut timed = Self { work, repeats: 1, ns: Vec::new() };
        loop {
            let took = timed.time() * timed.repeats as f64;
            if took >= SAMPLE_NS / 2.0 {
                timed.repeats = ((timed.repeats as f64 * SAMPLE_NS / took) as usize).max(1);
                return timed;
            }
            timed.repeats *= 2;
        }
    }

    /// Takes a sample: the time of one repetition in nanoseconds.
    fn time(&mut self) -> f64 {
        // Warms up caches and branch predictors after the work of others.
        self.work.run(self.repeats / 8 + 1);
        let start = Instant::now();
        self.work.run(self.repeats);
        start.elapsed().as_nanos() as f64 / self.repeats as f64
    }

    fn sample(&mut self) -> f64 {
        let ns = self.time();
        self.ns.push(ns);
        ns
    }
}

impl<W> Timed<W> {
    fn minimum(&self) -> f64 {
        self.ns.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn median(&self) -> f64 {
        median(&self.ns)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A workload with its times, and in each round the fraction of its limit that it reached.
struct Measured {
    timed: Timed<Workload>,
    fraction_of_limit: Vec<f64>,
}

struct Run {
    limits: [(Bound, Timed<Limit>); 4],
    rows: Vec<Measured>,
}

fn measure(mut limits: [(Bound, Timed<Limit>); 4], workloads: Vec<Workload>, rounds: usize) -> Run {
    let with_times = |w| Measured { timed: Timed::new(w), fraction_of_limit: Vec::new() };
    let mut rows: Vec<_> = workloads.into_iter().map(with_times).collect();
    for _ in 0..rounds {
        for row in &mut rows {
            let bound = row.timed.work.bound;
            for (_, limit) in limits.iter_mut().filter(|(b, _)| *b == bound) {
                let at_the_limit = limit.sample() * row.timed.work.amount / limit.work.amount;
                row.fraction_of_limit.push(at_the_limit / row.timed.sample());
            }
        }
        for (_, limit) in &mut limits {
            limit.sample();
        }
    }
    Run { limits, rows }
}

impl Run {
    /// The shortest time that the limit of a workload allows.
    fn limit_ns(&self, w: &Workload) -> f64 {
        self.ns(w.bound, w.amount)
    }

    /// The shortest time of an amount of floating-point operations or bytes at a limit.
    fn ns(&self, bound: Bound, amount: f64) -> f64 {
        let limit = self.limits.iter().find(|(other, _)| *other == bound);
        limit.map_or(f64::NAN, |(_, limit)| limit.minimum() * amount / limit.work.amount)
    }

    /// The time in nanoseconds that follows from the memory report and the limits, on a number of cores: that of the
    /// arithmetic, which the cores share, or that of reading all the memory once, if it is longer.
    fn predicted_ns(&self, w: &Workload, cores: usize) -> f64 {
        let memory = if w.bytes <= L1_CAPACITY { Bound::L1 } else { Bound::L2 };
        self.ns(w.arithmetic, w.flop / cores as f64).max(self.ns(memory, w.bytes as f64))
    }

    /// The percentage of its limit that a workload reaches, by the best times of both.
    fn percent(&self, row: &Measured) -> f64 {
        100.0 * self.limit_ns(&row.timed.work) / row.timed.minimum()
    }
}

// Output.

fn print_csv(run: &Run) {
    println!("name,ns,gflops,percent_of_limit");
    for row in &run.rows {
        let (work, ns) = (&row.timed.work, row.timed.minimum());
        println!("{},{ns:.2},{:.2},{:.2}", work.name, work.flop / ns, run.percent(row));
    }
}

fn print_machine(core: Option<usize>) {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |key: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(key))?;
        line.split_once(": ").map(|(_, value)| value)
    };
    let cpu = of("model name").unwrap_or(std::env::consts::ARCH);
    let (family, model) = (of("cpu family").unwrap_or("?"), of("model\t").unwrap_or("?"));
    let core = core.map_or("not pinned to a core".into(), |core| format!("on core {core}"));
    println!("{cpu} (family {family}, model {model}), {core}");

    let lanes = f32::dispatch(Lanes);
    let chosen = match (lanes, std::env::consts::ARCH) {
        (16, "x86_64") => "AVX-512",
        (8, "x86_64") => "AVX2 and FMA",
        (4, "x86_64") => "SSE2",
        (4, "aarch64") => "NEON",
        (4, "wasm32") => "simd128",
        _ => "scalar",
    };
    let features = [
        (cfg!(feature = "std"), "std"),
        (cfg!(feature = "simd"), "simd"),
        (cfg!(feature = "avx2"), "avx2"),
        (cfg!(feature = "avx512"), "avx512"),
    ]
    .map(|(on, name)| on.then_some(name));
    let targets = [
        (cfg!(target_feature = "sse2"), "sse2"),
        (cfg!(target_feature = "avx2"), "avx2"),
        (cfg!(target_feature = "fma"), "fma"),
        (cfg!(target_feature = "avx512f"), "avx512f"),
        (cfg!(target_feature = "neon"), "neon"),
    ]
    .map(|(on, name)| on.then_some(name));
    let list = |names: &[Option<&str>]| names.iter().flatten().copied().collect::<Vec<_>>().join(" ");
    println!(
        "instruction set: {chosen}, {lanes} lanes of f32; crate features: {}; target features: {}",
        list(&features),
        list(&targets)
    );
}

fn print_limits(run: &Run) {
    println!("\nThe limits of this core:\n");
    for ((_, title), (_, limit)) in BOUNDS.iter().zip(&run.limits) {
        let rate = |ns: f64| limit.work.amount / ns;
        println!(
            "  {title:<22} {:>7.1} {:<8} median {:>7.1}   ({})",
            rate(limit.minimum()),
            limit.work.unit,
            rate(limit.median()),
            limit.work.name
        );
    }
}

/// Next to the best time stands the predicted one, for one core and for all. The percentages compare the best time with
/// the best time of the limit. The percentage in brackets is the median of the same ratio within each round.
fn print_table(run: &Run, cores: usize) {
    println!(
        "\n{:<32} {:>10} {:>10} {:>10} {:>10} {:>8} {:>15} {:<9} {:>8}",
        "workload",
        "min",
        "predicted",
        format!("{cores} cores"),
        "median",
        "GFLOP/s",
        "of limit",
        "limit",
        "wanted"
    );
    for row in &run.rows {
        let (work, ns, percent) = (&row.timed.work, row.timed.minimum(), run.percent(row));
        let (wanted, met) = match work.wanted {
            Wanted::Nothing => (String::new(), ""),
            Wanted::Percent(at_least) => (format!("{at_least} %"), met_or_missed(percent >= at_least)),
            Wanted::Ns(at_most) => (time(at_most), met_or_missed(ns <= at_most)),
        };
        println!(
            "{:<32} {:>10} {:>10} {:>10} {:>10} {:>8.1} {percent:>5.1} % ({:>4.1} %) {:<9} {wanted:>8} {met}",
            work.name,
            time(ns),
            time(run.predicted_ns(work, 1)),
            time(run.predicted_ns(work, cores)),
            time(row.timed.median()),
            work.flop / ns,
            100.0 * median(&row.fraction_of_limit),
            work.bound.short(),
        );
    }
}

fn met_or_missed(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn time(ns: f64) -> String {
    if ns < 1000.0 { format!("{ns:.1} ns") } else { format!("{:.2} µs", ns / 1000.0) }
}

/// A kernel that only returns the number of lanes.
struct Lanes;

impl Kernel<f32> for Lanes {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd<f32>>(self, _: S) -> usize {
        // Without `black_box` the compiler would optimise the dispatch away.
        black_box(S::LANES)
    }
}

/// Prints the cost of choosing the instruction set, which each pass over a network pays once.
fn print_dispatch() {
    const TRIALS: usize = 100;
    let repeat = |repeats: usize, f: fn() -> usize| {
        for _ in 0..repeats {
            black_box(f());
        }
    };
    let minimum = |f: fn() -> usize| {
        let mut timed = Timed::new(Empty(Box::new(move |repeats| repeat(repeats, f))));
        for _ in 0..TRIALS {
            timed.sample();
        }
        timed.minimum()
    };
    // Both are called through a function pointer that is opaque to the compiler.
    let (dispatched, direct) =
        (minimum(black_box(|| f32::dispatch(Lanes))), minimum(black_box(|| black_box(1))));
    println!("\nan empty kernel, dispatched: {dispatched:.2} ns; called directly: {direct:.2} ns");
}

/// A loop around a function that does almost nothing.
struct Empty(Repeat);

impl Work for Empty {
    fn run(&mut self, repeats: usize) {
        (self.0)(repeats);
    }
}
