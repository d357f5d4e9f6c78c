//! Trains one network in several processes, which may run on several machines.
//!
//! The batch of a step is cut into shards. Each process computes the gradients of its shards, adds them, and sends the
//! sum to all others; then every process adds the sums and makes the same update. The order of all additions depends
//! only on the number of shards, so the weights are the same, bit for bit, for 1, 2 and 4 processes, and for any number
//! of threads.

mod shard;

use std::{
    env,
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use constnet::{
    Adam, Trainer, Zeroed as _,
    formats::{load_in_place, write_file},
    metrics::accuracy,
    mlp,
};
use mpi::traits::{Communicator, CommunicatorCollectives, Root};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};
use rayon::prelude::*;
use shard::{ROWS, SHARDS, Shard};

type Net = mlp![64, 256, 256, 10];

/// The numbers that a shard contributes to a step: the derivative for each parameter, then the loss.
const NUMBERS: usize = Net::PARAMS + 1;

/// It holds the network and the optimiser, and a checkpoint holds it. The gradients come from the shards, so its own batch
/// size is not used.
type Training = Box<Trainer<Net, Adam, 1>>;

/// The hash of the data, `SHARDS` and `ROWS`. The weights depend on them, so a checkpoint holds them too.
type Run = [u64; 3];

struct Options {
    steps: usize,
    /// The file of the images.
    data: PathBuf,
    /// The file from which the run continues, if it exists, and to which it is written.
    checkpoint: Option<PathBuf>,
    /// The number of steps between two checkpoints.
    every: usize,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let Some(universe) = mpi::initialize() else {
        eprintln!("error: MPI was initialised before");
        return ExitCode::FAILURE;
    };
    let world = universe.world();
    match options().and_then(|options| train(&world, &options)) {
        Ok(()) => ExitCode::SUCCESS,
        // The other processes may be waiting for this one: end them too. A line is written at once, as others write too.
        Err(error) => {
            let line = format!("process {}: error: {error}\n", world.rank());
            eprint!("{line}");
            world.abort(1)
        }
    }
}

fn options() -> Result<Options> {
    use lexopt::prelude::*;

    let mut options = Options { steps: 2000, data: shard::FILE.into(), checkpoint: None, every: 500 };
    let mut parser = lexopt::Parser::from_iter(env::args_os());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("steps") => options.steps = parser.value()?.parse()?,
            Long("data") => options.data = parser.value()?.into(),
            Long("checkpoint") => options.checkpoint = Some(parser.value()?.into()),
            Long("every") => options.every = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn train(world: &impl Communicator, options: &Options) -> Result<()> {
    let (rank, size) = (world.rank() as usize, world.size() as usize);
    if !SHARDS.is_multiple_of(size) {
        return Err(format!("{SHARDS} shards cannot be divided among {size} processes").into());
    }
    let text = fs::read_to_string(&options.data).map_err(in_file(&options.data))?;
    let (training, test) = shard::images(&text).map_err(in_file(&options.data))?;
    let run = [hash_of(text.as_bytes()), SHARDS as u64, ROWS as u64];
    let share = SHARDS / size;
    let mut shards: Vec<_> =
        (rank * share..(rank + 1) * share).map(|index| Shard::new(index, &training)).collect();
    drop((text, training));
    let mut trainer = start(world, options, run)?;
    compare(world, options, run, &trainer.net)?;
    let first = trainer.steps();

    let mut own = vec![0.0; share * NUMBERS];
    let mut all = vec![0.0; size * NUMBERS];
    let mut gradient = Net::boxed();
    let started = Instant::now();
    while trainer.steps() < options.steps {
        own.par_chunks_mut(NUMBERS)
            .zip(&mut shards)
            .try_for_each(|(numbers, shard)| shard.compute(&trainer.net, trainer.steps(), numbers))?;
        add_in_pairs(&mut own);
        world.all_gather_into(&own[..NUMBERS], &mut all[..]);
        add_in_pairs(&mut all);

        let [numbers @ .., loss] = &all[..NUMBERS] else { unreachable!("NUMBERS is not 0") };
        gradient.read_flat(numbers)?;
        gradient.scale(1.0 / SHARDS as f32);
        trainer.update(&gradient)?;

        let steps = trainer.steps();
        if rank == 0 && (steps.is_multiple_of(options.every) || steps == options.steps) {
            println!("step {steps}, loss {:.4}", loss / SHARDS as f32);
            if let Some(file) = &options.checkpoint {
                write_file(file, postcard::to_allocvec(&(run, &*trainer))?)?;
            }
        }
    }
    if rank == 0 {
        let milliseconds = 1e3 * started.elapsed().as_secs_f64();
        let steps = trainer.steps() - first;
        if steps > 0 {
            println!("{size} processes: {:.3} ms for a step", milliseconds / steps as f64);
        }
        let (x, digits): (Vec<_>, Vec<_>) = test.into_iter().unzip();
        let accuracy = accuracy(trainer.net.predict_all(&x), &digits)?;
        println!("accuracy on the test images: {:.2} %", 100.0 * accuracy);
        println!("hash of the weights: {:016x}", hash(&trainer.net));
    }
    Ok(())
}

/// A new trainer, or that of the checkpoint, which process 0 reads and sends to the others.
fn start(world: &impl Communicator, options: &Options, run: Run) -> Result<Training> {
    let mut bytes = match &options.checkpoint {
        Some(file) if world.rank() == 0 => read(file)?,
        _ => Vec::new(),
    };
    let root = world.process_at_rank(0);
    let mut length = bytes.len();
    root.broadcast_into(&mut length);
    let mut trainer: Training = Trainer::boxed(Adam::new(1e-3));
    if length == 0 {
        trainer.net.init(&mut Xoshiro128PlusPlus::seed_from_u64(0));
    } else {
        bytes.resize(length, 0);
        root.broadcast_into(&mut bytes[..]);
        let file = options.checkpoint.as_deref().unwrap_or("the checkpoint of process 0".as_ref());
        load(&mut trainer, &bytes, run).map_err(in_file(file))?;
    }
    Ok(trainer)
}

/// Loads a checkpoint, or returns an error if it was written with other data or constants.
fn load(trainer: &mut Training, bytes: &[u8], run: Run) -> Result<()> {
    let (saved, bytes) = postcard::take_from_bytes::<Run>(bytes)?;
    let names = ["data", "`SHARDS`", "`ROWS`"];
    if let Some(index) = (0..names.len()).find(|index| saved[*index] != run[*index]) {
        return Err(format!("the checkpoint was written with other {}", names[index]).into());
    }
    Ok(load_in_place(&mut **trainer, &mut postcard::Deserializer::from_bytes(bytes))?)
}

/// The bytes of a file: none, if it does not exist.
fn read(file: &Path) -> Result<Vec<u8>> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Ok(bytes) if bytes.is_empty() => Err(in_file(file)("the checkpoint is empty").into()),
        bytes => Ok(bytes.map_err(in_file(file))?),
    }
}

/// Puts the name of the file before an error.
fn in_file<E: Display>(file: &Path) -> impl Fn(E) -> String {
    move |error| format!("{}: {error}", file.display())
}

/// Adds vectors of [`NUMBERS`] that stand one after the other: first neighbours, then the sums of neighbours, and so on.
/// The sum stands in place of the first vector. There are a power of two of them, so the vectors of one process form a
/// branch of the tree of all.
fn add_in_pairs(vectors: &mut [f32]) {
    let mut width = NUMBERS;
    while width < vectors.len() {
        for pair in vectors.chunks_exact_mut(2 * width) {
            let (sum, other) = pair.split_at_mut(width);
            sum[..NUMBERS].iter_mut().zip(other).for_each(|(sum, number)| *sum += *number);
        }
        width *= 2;
    }
}

/// Checks that all processes have the same program, data, weights and numbers of steps.
fn compare(world: &impl Communicator, options: &Options, [data, ..]: Run, net: &Net) -> Result<()> {
    const NAMES: [&str; 5] = ["program", "data", "weights", "--steps", "--every"];
    let program = fs::read(env::current_exe()?)?;
    let program = hash_of(&program);
    let own = [program, data, hash(net), options.steps as u64, options.every as u64];
    let mut all = vec![0_u64; NAMES.len() * world.size() as usize];
    world.all_gather_into(&own[..], &mut all[..]);
    let (values, _) = all.as_chunks::<{ NAMES.len() }>();
    for (index, name) in NAMES.into_iter().enumerate() {
        let differs = |rank: &usize| values[*rank][index] != values[0][index];
        let ranks: Vec<_> = (0..values.len()).filter(differs).collect();
        if !ranks.is_empty() {
            return Err(format!("{name}: processes {ranks:?} differ from process 0").into());
        }
    }
    Ok(())
}

/// A number that is another one if a bit of a weight is another one.
fn hash(net: &Net) -> u64 {
    let mut bytes = Vec::with_capacity(4 * Net::PARAMS);
    for parameter in net.parameters() {
        parameter.iter().for_each(|weight| bytes.extend(weight.to_le_bytes()));
    }
    hash_of(&bytes)
}

/// The hash FNV-1a: the same number with every compiler.
fn hash_of(bytes: &[u8]) -> u64 {
    let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, add)
}
