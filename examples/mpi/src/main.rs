//! Trains one network in several processes, which may run on several machines.
//!
//! The batch of a step is cut into shards. Each process computes the gradients of its shards, adds them, and sends the
//! sum to all others; then every process adds the sums and makes the same update. The order of all additions depends
//! only on the number of shards, so the weights are the same, bit for bit, for any number of processes and threads.

mod shard;

use std::{
    env, fs,
    hash::{DefaultHasher, Hasher as _},
    io,
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
use shard::{SHARDS, Shard};

type Net = mlp![64, 256, 256, 10];

/// The numbers that a shard contributes to a step: the derivative for each parameter, then the loss.
const NUMBERS: usize = Net::PARAMS + 1;

/// It holds the network and the optimiser, and a checkpoint holds it. The gradients come from the shards, so its own batch
/// size is not used.
type Training = Box<Trainer<Net, Adam, 1>>;

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
        // The other processes may be waiting for this one: end them too.
        Err(error) => {
            eprintln!("process {}: error: {error}", world.rank());
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
    let text =
        fs::read_to_string(&options.data).map_err(|error| format!("{}: {error}", options.data.display()))?;
    let share = SHARDS / size;
    let mut shards: Vec<_> =
        (rank * share..(rank + 1) * share).map(|index| Shard::new(index, &text)).collect();
    let mut trainer = start(world, options)?;
    compare(world, &text, &trainer.net)?;
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
                write_file(file, postcard::to_allocvec(&*trainer)?)?;
            }
        }
    }
    if rank == 0 {
        let milliseconds =
            1e3 * started.elapsed().as_secs_f64() / trainer.steps().saturating_sub(first).max(1) as f64;
        println!("{size} processes: {milliseconds:.3} ms for a step");
        let (x, digits) = shard::test_set(&text);
        let accuracy = accuracy(trainer.net.predict_all(&x), &digits)?;
        println!("accuracy on the test images: {:.2} %", 100.0 * accuracy);
        println!("hash of the weights: {:016x}", hash(&trainer.net));
    }
    Ok(())
}

/// A new trainer, or that of the checkpoint, which process 0 reads and sends to the others.
fn start(world: &impl Communicator, options: &Options) -> Result<Training> {
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
        load_in_place(&mut *trainer, &mut postcard::Deserializer::from_bytes(&bytes))?;
    }
    Ok(trainer)
}

/// The bytes of a file: none, if it does not exist.
fn read(file: &Path) -> Result<Vec<u8>> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        bytes => Ok(bytes.map_err(|error| format!("{}: {error}", file.display()))?),
    }
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

/// Checks that all processes have the same program, data and weights.
fn compare(world: &impl Communicator, text: &str, net: &Net) -> Result<()> {
    const NAMES: [&str; 3] = ["program", "data", "weights"];
    let program = hash_of(|hasher| {
        hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.write_usize(SHARDS);
        hasher.write_usize(NUMBERS);
    });
    let own = [program, hash_of(|hasher| hasher.write(text.as_bytes())), hash(net)];
    let mut all = vec![0_u64; NAMES.len() * world.size() as usize];
    world.all_gather_into(&own[..], &mut all[..]);
    let (hashes, _) = all.as_chunks::<{ NAMES.len() }>();
    for (index, name) in NAMES.into_iter().enumerate() {
        let differs = |rank: &usize| hashes[*rank][index] != hashes[0][index];
        let ranks: Vec<_> = (0..hashes.len()).filter(differs).collect();
        if !ranks.is_empty() {
            return Err(format!("the {name} of processes {ranks:?} differ from those of process 0").into());
        }
    }
    Ok(())
}

/// A number that is another one if a bit of a weight is another one.
fn hash(net: &Net) -> u64 {
    hash_of(|hasher| {
        for parameter in net.parameters() {
            parameter.iter().for_each(|weight| hasher.write_u32(weight.to_bits()));
        }
    })
}

fn hash_of(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    hasher.finish()
}
