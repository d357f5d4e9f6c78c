//! Training runs that are saved to a file, and continue from it.

use alloc::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};
use core::{
    fmt::{self, Write as _},
    ops::ControlFlow,
    str::FromStr,
};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use num_traits::ToPrimitive as _;
use rand::{Rng, SeedableRng as _, rngs::Xoshiro128PlusPlus};

use super::{
    CHARACTER, Safetensors, WeightsError, copy,
    file::OpenFile,
    header::{Header, LAYERS, line, origin},
    serialize_all,
    tensor::Values,
};
use crate::{
    error::Error,
    formats::{
        FileError,
        file::{open, write_file},
    },
    layers::{Elem, Layer, LayerTypes, Layers, Parameter, Shape},
    loss::Loss,
    optim::{Optimizer, OptimizerMemory},
    simd::{Element, Zeroed as _},
    training::{Best, EpochReport, Fit, Permutation, Progress, Trainer, is_finite},
};

/// A training run that is saved to a file, made by [`Fit::checkpoint`].
#[must_use = "a training run does nothing before `run`"]
#[derive(Debug)]
pub struct CheckpointedFit<'a, N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> {
    fit: Fit<'a, N, Opt, B, C>,
    path: PathBuf,
    every: usize,
}

/// Why a run with a checkpoint did not start, or stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckpointError<T> {
    /// An error of training.
    Training(Error<T>),
    /// The checkpoint was not read or not written.
    File {
        /// The path of the checkpoint.
        path: PathBuf,
        /// The reason.
        error: WeightsError,
    },
    /// The checkpoint is that of another run.
    Mismatch {
        /// The path of the checkpoint.
        path: PathBuf,
        /// What differs: `"layers"`, `"optimizer"` or another part of the run.
        what: &'static str,
        /// This part of the run that was to be started.
        expected: String,
        /// This part of the run that was saved.
        found: String,
    },
}

impl<T> From<Error<T>> for CheckpointError<T> {
    fn from(error: Error<T>) -> Self {
        Self::Training(error)
    }
}

impl<T: Element> fmt::Display for CheckpointError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Training(error) => write!(f, "{error}"),
            // It has the path.
            Self::File { error: WeightsError::File(error), .. } => write!(f, "{error}"),
            Self::File { path, error } => write!(f, "the checkpoint {}: {error}", path.display()),
            Self::Mismatch { path, what, expected, found } => write!(
                f,
                "the checkpoint {} is of another run: its {what} is `{found}`, expected `{expected}`; to start again, remove the file",
                path.display()
            ),
        }
    }
}

impl<T: Element> core::error::Error for CheckpointError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Training(error) => error.source(),
            Self::File { error, .. } => error.source(),
            Self::Mismatch { .. } => None,
        }
    }
}

impl<'a, N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> Fit<'a, N, Opt, B, C> {
    /// Saves the run to a file after every `every` epochs and after the last one. If the file is there when the run
    /// starts, the run continues from it: after a crash, start the program again, and the result is bit
    /// for bit that of a run without a break. To start from the beginning, remove the file. Call this last, and then
    /// [`run`](CheckpointedFit::run).
    ///
    /// The file is a safetensors file, replaced atomically by [`write_file`]. It holds the network (`net.0.weight` and so
    /// on, which [`Safetensors`] loads with the prefix `net.`), the values that the optimiser keeps for each parameter, the
    /// number of its steps, its learning rate, the number of epochs, the losses, and the best network if
    /// [`keep_best`](Self::keep_best) was called.
    ///
    /// The file also records the settings on which the run depends: the layers, the optimiser and the loss with all
    /// their parameters at the start of the run, the batch size, whether the samples are used in a random order, the
    /// numbers of samples, a checksum of the inputs, and whether the best network is kept. If one of them differs, the
    /// run is not started: [`CheckpointError::Mismatch`]. The targets are not recorded; pass the same ones. The number
    /// of epochs may differ. Optimiser and loss must implement [`Debug`](fmt::Debug): their debug text is recorded.
    ///
    /// The generator that is passed to [`run`](CheckpointedFit::run) is used once: for a seed, which is saved. The random
    /// numbers of each epoch (the order of the samples and the masks of [`Dropout`](crate::Dropout)) are those of a
    /// generator with this seed plus the number of the epoch. So the order of the samples is not that of a run without a
    /// checkpoint.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::{Adam, He, Trainer, mlp};
    /// use rand::{RngExt, SeedableRng, rngs::StdRng};
    ///
    /// # let path = std::env::temp_dir().join(format!("constnet-doc-{}.safetensors", std::process::id()));
    /// # let x: [[f32; 1]; 20] = core::array::from_fn(|i| [i as f32 / 10.0 - 1.0]);
    /// # let y = x.map(|[x]| [x * x]);
    /// let train = |epochs| {
    ///     let mut rng = StdRng::seed_from_u64(0);
    ///     let net: mlp![1, 16, 1] = rng.sample(He);
    ///     let mut trainer: Trainer<_, _, 4> = Trainer::new(net, Adam::new(0.01));
    ///     let last = trainer.fit(&x, &y).epochs(epochs).checkpoint(&path, 10).run(&mut rng)?;
    ///     Ok::<_, constnet::formats::CheckpointError<f32>>((trainer.net, last))
    /// };
    /// let stopped = train(30)?;
    /// let resumed = train(50)?; // 20 more epochs
    /// # std::fs::remove_file(&path)?;
    /// assert_eq!(resumed, train(50)?);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn checkpoint(self, path: impl AsRef<Path>, every: usize) -> CheckpointedFit<'a, N, Opt, B, C> {
        CheckpointedFit { fit: self, path: path.as_ref().into(), every }
    }
}

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> CheckpointedFit<'_, N, Opt, B, C> {
    /// Trains for all epochs that are left. Returns the report of the last one.
    ///
    /// # Errors
    ///
    /// As [`run_with`](Self::run_with).
    pub fn run<R: Rng + ?Sized>(self, rng: &mut R) -> Result<EpochReport<Elem<N>>, CheckpointError<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>> + fmt::Debug,
        C: fmt::Debug,
    {
        self.run_with(rng, |_, _| ControlFlow::Continue(()))
    }

    /// Trains, and calls `each_epoch` after each epoch, before it is saved: see [`Fit::run_with`].
    ///
    /// If `each_epoch` changes the trainer, the network and the learning rate are saved, but no other parameters of the
    /// optimiser or the loss. A run that it stopped stays stopped: started again, it returns the same report.
    ///
    /// # Errors
    ///
    /// Those of [`Fit::run_with`]; and if the checkpoint cannot be read or written, is not complete, or is that of
    /// another run. An error before the first epoch leaves trainer and file as they were. A network that is not finite is
    /// not saved.
    pub fn run_with<R: Rng + ?Sized>(
        self,
        rng: &mut R,
        mut each_epoch: impl FnMut(EpochReport<Elem<N>>, &mut Trainer<N, Opt, B, C>) -> ControlFlow<()>,
    ) -> Result<EpochReport<Elem<N>>, CheckpointError<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>> + fmt::Debug,
        C: fmt::Debug,
    {
        let Self { mut fit, path, every } = self;
        let seed = rng.next_u64();
        if every == 0 {
            let name = "number of epochs between two checkpoints";
            let (value, expected) = (Elem::<N>::ZERO, "at least 1");
            return Err(Error::Hyperparameter { name, value, expected }.into());
        }
        let run = Run { path: &path, description: describe(&fit) };
        let saved = run.read(&fit)?;
        let new = Progress { epoch: 0, last_loss: None, best: None };
        let (steps, progress, seed) = saved
            .as_ref()
            .map_or((fit.trainer.state.steps, new, seed), |saved| (saved.steps, saved.progress, saved.seed));
        fit.check(steps, progress.epoch)?;
        let epochs = fit.epochs;
        if let Some(saved) = saved {
            saved.restore(&mut fit);
            if saved.stopped || progress.epoch >= epochs {
                return Ok(saved.report);
            }
        }
        let draw = |epoch: usize, samples: usize| {
            let rng = &mut Xoshiro128PlusPlus::seed_from_u64(seed.wrapping_add(epoch as u64));
            let masks = rng.next_u32();
            (N::IS_RANDOM.then_some(masks), Permutation::new(samples, rng))
        };
        fit.run_from(progress, draw, |report, trainer, progress, best| {
            let next = each_epoch(report, trainer);
            let done = progress.epoch + 1;
            if next.is_break() || done >= epochs || done.is_multiple_of(every) {
                let kept = best.map(|best| &best.net);
                if !networks(&trainer.net, trainer.state.slots.as_ref(), kept)
                    .iter()
                    .all(|(_, net)| is_finite(*net))
                {
                    return Err(progress.diverged().into());
                }
                let progress = Progress { epoch: done, ..*progress };
                run.write(trainer, best, &State { seed, progress, report, stopped: next.is_break() })?;
            }
            Ok(next)
        })
    }
}

/// Whether the folder of the path is there, so that a missing one is an error before the first epoch.
fn has_folder(path: &Path) -> bool {
    path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir())
}

/// What a run depends on, as lines of a file: the name and the value.
type Description = Vec<(&'static str, String)>;

fn describe<N, Opt, const B: usize, C>(fit: &Fit<'_, N, Opt, B, C>) -> Description
where
    N: Layer,
    Opt: OptimizerMemory + fmt::Debug,
    C: Loss<N::Out> + fmt::Debug,
{
    // Sums over shards are rounded in another way, even if one shard is a batch.
    let batch = match fit.parallel_batch() {
        Some(batch) => format!("{batch} in shards of {B}"),
        None => B.to_string(),
    };
    let order = if fit.in_order { "as given" } else { "random" };
    let validation = fit.validation.map_or("none".into(), |(x, _)| x.len().to_string());
    let lines = vec![
        // To be counted up when the meaning of the file changes.
        ("checkpoint version", "1".into()),
        (LAYERS, Layers(&fit.trainer.net).to_string()),
        ("optimizer", format!("{:?}", fit.trainer.optimizer)),
        ("loss", format!("{:?}", fit.trainer.loss)),
        ("batch size", batch),
        ("order of the samples", order.into()),
        ("number of samples", fit.training.0.len().to_string()),
        ("number of validation samples", validation),
        ("checksum of the inputs", checksum(fit)),
        ("best network", if fit.best.is_some() { "kept" } else { "not kept" }.into()),
    ];
    lines.into_iter().map(|(name, value)| (name, value.replace('\n', " "))).collect()
}

/// A hash of all inputs. It detects the checkpoint of other data, for example of another fold of a cross-validation.
fn checksum<N: Layer, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>>(
    fit: &Fit<'_, N, Opt, B, C>,
) -> String {
    /// The multiplier of FxHash.
    const MULTIPLIER: u64 = 0x517c_c1b7_2722_0a95;
    let sets = [Some(fit.training.0), fit.validation.map(|(x, _)| x)];
    let inputs = sets.into_iter().flatten().flat_map(N::In::flatten);
    let bits = inputs.map(|x| x.to_f64().unwrap_or(f64::NAN).to_bits());
    format!("{:016x}", bits.fold(0_u64, |sum, bits| (sum.rotate_left(5) ^ bits).wrapping_mul(MULTIPLIER)))
}

/// The networks of a trainer, and the prefixes of their tensors: the trained one, those of the optimiser, the best one.
fn networks<'n, N>(net: &'n N, slots: &'n [N], best: Option<&'n N>) -> Vec<(String, &'n N)> {
    let slots = slots.iter().enumerate().map(|(index, slot)| (format!("optimizer.{index}."), slot));
    let best = best.map(|best| ("best.".into(), best));
    [("net.".into(), net)].into_iter().chain(slots).chain(best).collect()
}

/// The tensors of these networks with their names.
fn named<'n, N: Layer>(
    net: &'n N,
    slots: &'n [N],
    best: Option<&'n N>,
) -> Result<Vec<(String, Parameter<'n, Elem<N>>)>, WeightsError> {
    let mut named = Vec::new();
    for (prefix, net) in networks(net, slots, best) {
        named.extend(Safetensors::new().prefix(&prefix).named(net)?);
    }
    Ok(named)
}

/// The state of a run, besides that of its trainer.
struct State<T> {
    seed: u64,
    progress: Progress<T>,
    report: EpochReport<T>,
    stopped: bool,
}

/// A checkpoint that has been read and checked.
struct Saved<T> {
    seed: u64,
    steps: usize,
    trainer_seed: u32,
    lr: T,
    progress: Progress<T>,
    report: EpochReport<T>,
    kept_loss: Option<T>,
    stopped: bool,
    values: Vec<Values<'static>>,
}

impl<T: Element> Saved<T> {
    /// Sets the trainer and the best network to those that were saved.
    fn restore<N, Opt, const B: usize, C>(&self, fit: &mut Fit<'_, N, Opt, B, C>)
    where
        N: Layer<In: Shape<Elem = T>>,
        Opt: Optimizer<T>,
        C: Loss<N::Out>,
    {
        let mut values = self.values.iter();
        copy(&mut fit.trainer.net, &mut values);
        for slot in fit.trainer.state.slots.as_mut() {
            copy(slot, &mut values);
        }
        if let Some((best, _)) = &mut fit.best {
            copy(&mut best.net, &mut values);
            best.set_loss(self.kept_loss);
        }
        fit.trainer.state.steps = self.steps;
        fit.trainer.seed = self.trainer_seed;
        *fit.trainer.optimizer.lr_mut() = self.lr;
    }
}

/// The file of a run.
struct Run<'p> {
    path: &'p Path,
    description: Description,
}

impl Run<'_> {
    fn failed<T>(&self, error: impl Into<WeightsError>) -> CheckpointError<T> {
        CheckpointError::File { path: self.path.into(), error: error.into() }
    }

    /// Reads the checkpoint, if there is one, and checks that it is of this run.
    fn read<N, Opt, const B: usize, C>(
        &self,
        fit: &Fit<'_, N, Opt, B, C>,
    ) -> Result<Option<Saved<Elem<N>>>, CheckpointError<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
        C: Loss<N::Out>,
    {
        let path = self.path;
        let (file, length) = match open(path) {
            Ok(opened) => opened,
            Err(FileError { error, .. }) if error.kind() == ErrorKind::NotFound && has_folder(path) => {
                return Ok(None);
            }
            Err(error) => return Err(self.failed(error)),
        };
        let mut file = OpenFile { file, length, path };
        let slots = fit.trainer.state.slots.as_ref();
        let best = fit.best.as_ref().map(|(best, _)| &best.net);
        let all = Safetensors::new();
        let expected = named(&fit.trainer.net, slots, best).map_err(|error| self.failed(error))?;
        // The text of an optimiser or a loss has no longest length.
        let record: usize = self.description.iter().map(|(name, value)| name.len() + value.len()).sum();
        let longest = all.longest_header(&expected).saturating_add(CHARACTER * record as u64);
        let header = Header::read(&mut file, longest);
        let header = header.map_err(|error| self.failed(error))?;
        let lines = Lines(header.origin().unwrap_or_default());
        for (what, expected) in &self.description {
            let found = line(lines.0, what).unwrap_or("not recorded");
            if found != expected {
                let (path, expected, found) = (path.into(), expected.clone(), found.into());
                return Err(CheckpointError::Mismatch { path, what, expected, found });
            }
        }
        let values = all
            .check(&expected, &header)
            .and_then(|infos| all.values(&expected, &infos, header.data, &mut file))
            .map_err(|error| self.failed(error))?;
        lines.parse(values).map(Some).map_err(|error| self.failed(error))
    }

    /// Writes the checkpoint.
    fn write<N, Opt, const B: usize, C>(
        &self,
        trainer: &mut Trainer<N, Opt, B, C>,
        best: Option<&Best<N>>,
        state: &State<Elem<N>>,
    ) -> Result<(), CheckpointError<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
    {
        let State { seed, progress, report, stopped } = state;
        let lr = *trainer.optimizer.lr_mut();
        let mut text = origin();
        for (name, value) in &self.description {
            let _ = write!(text, "\n{name}: {value}");
        }
        let mut line = |name: &str, value: &dyn fmt::Debug| {
            let _ = write!(text, "\n{name}: {value:?}");
        };
        let number = |value: Elem<N>| value.to_f64().unwrap_or(f64::NAN);
        let optional = |value: Option<Elem<N>>| value.map_or(f64::NAN, number);
        line("seed", seed);
        line("epochs", &progress.epoch);
        line("steps", &trainer.state.steps);
        line("seed of the trainer", &trainer.seed);
        line("learning rate", &number(lr));
        line("last batch loss", &optional(progress.last_loss));
        line("training loss", &number(report.loss));
        line("validation loss", &optional(report.validation_loss));
        line("best epoch", &report.best_epoch);
        line("best epoch loss", &number(report.best_loss));
        line("best network loss", &optional(best.and_then(Best::loss)));
        line("stopped", stopped);

        let bytes = named(&trainer.net, trainer.state.slots.as_ref(), best.map(|best| &best.net))
            .and_then(|named| serialize_all(named, text))
            .map_err(|error| self.failed(error))?;
        write_file(self.path, bytes).map_err(|error| self.failed(error))
    }
}

/// The record of a run.
struct Lines<'h>(&'h str);

impl Lines<'_> {
    fn value<V: FromStr>(&self, name: &str) -> Result<V, WeightsError> {
        let value = line(self.0, name).and_then(|value| value.parse().ok());
        value.ok_or_else(|| {
            WeightsError::Header(format!("it has no valid `{name}`, which `Fit::checkpoint` writes"))
        })
    }

    fn parse<T: Element>(&self, values: Vec<Values<'static>>) -> Result<Saved<T>, WeightsError> {
        let number = |name| self.value(name).map(T::from_f64);
        // A loss that was saved is finite; NaN stands for none.
        let optional = |name| number(name).map(|value| if value.is_nan() { None } else { Some(value) });
        let done: usize = self.value("epochs")?;
        let best_epoch: usize = self.value("best epoch")?;
        if best_epoch >= done {
            let text = format!("its best epoch is {best_epoch}, but it has {done} epochs");
            return Err(WeightsError::Header(text));
        }
        let report = EpochReport {
            epoch: done.saturating_sub(1),
            loss: number("training loss")?,
            validation_loss: optional("validation loss")?,
            best_epoch,
            best_loss: number("best epoch loss")?,
        };
        Ok(Saved {
            seed: self.value("seed")?,
            steps: self.value("steps")?,
            trainer_seed: self.value("seed of the trainer")?,
            lr: number("learning rate")?,
            progress: Progress {
                epoch: done,
                last_loss: optional("last batch loss")?,
                best: Some((report.best_epoch, report.best_loss)),
            },
            report,
            kept_loss: optional("best network loss")?,
            stopped: self.value("stopped")?,
            values,
        })
    }
}
