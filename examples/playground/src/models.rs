//! The compiled networks.

use constnet::{
    Adam, BceWithLogits, Linear, Loss, Momentum, Mse, Sequential, Sgd, Tanh,
    layers::{Cost, Features, Layer},
    mlp,
    sizes::{Memory, Report},
};

use crate::{
    method::{Method, levenberg_marquardt, optimizer},
    run::Run,
    tasks::{Kind, Random},
    training::{Iterations, Solve, Step, Training},
};

/// A compiled network with its batch size.
pub struct Model {
    /// Its Rust type.
    pub net: &'static str,
    /// The numbers of its inputs, hidden units and outputs, layer by layer.
    pub widths: &'static [usize],
    /// The activation between its linear layers.
    pub activation: fn(f32) -> f32,
    /// The number of samples of a batch.
    pub batch: usize,
    /// The tasks that it fits.
    pub kind: Kind,
    start: fn(Method, f32, Random) -> Option<Box<dyn Run>>,
    report: fn(Method) -> Report,
}

impl Model {
    /// A new network in training, if the method fits it.
    #[must_use]
    pub fn start(&self, method: Method, lr: f32, rng: Random) -> Option<Box<dyn Run>> {
        (self.start)(method, lr, rng)
    }

    /// The memory and the work of training by a method.
    #[must_use]
    pub fn report(&self, method: Method) -> Report {
        (self.report)(method)
    }
}

/// Starts to train a network. Without `solve` the method of Levenberg and Marquardt does not fit it.
fn start<L, C, const I: usize, const O: usize, const B: usize>(
    loss: C,
    solve: Option<Solve<L>>,
    method: Method,
    lr: f32,
    rng: Random,
) -> Option<Box<dyn Run>>
where
    L: Layer<In = Features<I>, Out = Features<O>> + Cost + Clone + 'static,
    C: Loss<Features<O>, Target = [f32; O]> + 'static,
{
    let step = match method {
        Method::LevenbergMarquardt => {
            Step::Iterations(Iterations { solve: solve?, networks: Vec::new(), limit: 0 })
        }
        _ => Step::Batches(optimizer(method, lr)?),
    };
    Some(Box::new(Training::<L, C, I, O, B>::new(step, loss, rng)))
}

/// The report of memory and work.
fn report<N, const I: usize, const B: usize>(method: Method) -> Report
where
    N: Layer<In = Features<I>> + Cost,
{
    match method {
        Method::Sgd => Report::of::<N, Sgd, B>(),
        Method::Momentum => Report::of::<N, Momentum, B>(),
        Method::Adam => Report::of::<N, Adam, B>(),
        Method::LevenbergMarquardt => {
            Report { training: Memory::of_levenberg_marquardt::<N>(), ..Report::of::<N, Sgd, B>() }
        }
    }
}

/// How the method of Levenberg and Marquardt fits a loss: not at all, or by this function.
macro_rules! solve {
    (BceWithLogits) => {
        None
    };
    (Mse) => {
        if cfg!(feature = "second-order") {
            Some(|net, data, most| levenberg_marquardt(net, &Mse, data, most))
        } else {
            None
        }
    };
}

/// The table of all models. Each is compiled on its own: a line takes 10 to 30 KB of the module.
macro_rules! models {
    ($($kind:ident, $loss:ident, $batch:literal, $activation:expr, $widths:tt: $net:ty;)+) => {
        /// All compiled networks, the first of each kind as the default of its tasks.
        pub static MODELS: &[Model] = &[$(Model {
            net: stringify!($net),
            widths: &$widths,
            activation: $activation,
            batch: $batch,
            kind: Kind::$kind,
            start: |method, lr, rng| start::<_, _, _, _, $batch>($loss, solve_as::<$net>(solve!($loss)), method, lr, rng),
            report: report::<$net, _, $batch>,
        }),+];
    };
}

/// Names the type of a network.
const fn solve_as<N: Network>(solve: Option<Solve<N::Layers>>) -> Option<Solve<N::Layers>> {
    solve
}

/// A network with layers of a type.
trait Network {
    type Layers;
}

impl<L> Network for Sequential<L> {
    type Layers = L;
}

fn relu(z: f32) -> f32 {
    z.max(0.0)
}

models! {
    Classification, BceWithLogits, 10, relu, [2, 8, 8, 1]: mlp![2, 8, 8, 1];
    Classification, BceWithLogits, 10, relu, [2, 4, 1]: mlp![2, 4, 1];
    Classification, BceWithLogits, 1, relu, [2, 8, 8, 1]: mlp![2, 8, 8, 1];
    Curve, Mse, 10, libm::tanhf, [1, 16, 1]: Sequential![Linear<1, 16>, Tanh<16>, Linear<16, 1>];
    Surface, Mse, 10, libm::tanhf, [2, 8, 8, 1]: Sequential![Linear<2, 8>, Tanh<8>, Linear<8, 8>, Tanh<8>, Linear<8, 1>];
    Notebook, Mse, 8, relu, [5, 64, 3]: mlp![5, 64, 3];
}
