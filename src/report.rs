//! What a network takes on a device: memory and multiply-adds, as constants.

use core::fmt;

use crate::{
    Dropout, Elem, Fixed, Frozen, Layer, LayerNorm, Linear, Optimizer, Residual, Row, Sequential, Softmax,
    Trainer, activation::Elementwise,
};

/// What a network takes for one sample on the way back, and what it has in flash.
///
/// The forward pass takes [`Layer::WEIGHTS`] multiply-adds. So do the gradients, unless a layer says
/// otherwise.
pub trait Work: Layer {
    /// Multiply-adds of the weights' gradients.
    const DW: usize = Self::WEIGHTS;
    /// Multiply-adds of the gradients with respect to the layers' inputs, less [`DX_FIRST`](Self::DX_FIRST).
    const DX: usize = 0;
    /// Multiply-adds of the gradient with respect to the network's input, where it is wanted.
    const DX_FIRST: usize = Self::WEIGHTS;
    /// Whether the layer after it computes the gradient with respect to its own input.
    const WANTS: bool = true;
    /// Bytes of frozen weights.
    const FROZEN: usize = 0;
}

impl<const IN: usize, const OUT: usize, T> Work for Linear<IN, OUT, T> where Self: Layer {}

impl<F, const N: usize, T> Work for Elementwise<F, N, T> where Self: Layer {}

impl<const N: usize, T> Work for Softmax<N, T> where Self: Layer {}

impl<const N: usize, const PERCENT: usize, T> Work for Dropout<N, PERCENT, T> where Self: Layer {}

impl<const N: usize, T> Work for LayerNorm<N, T> where Self: Layer {}

/// Its body computes the gradient with respect to its input, wanted or not.
impl<L: Work> Work for Residual<L>
where
    Self: Layer,
{
    const DW: usize = L::DW;
    const DX: usize = L::DX + L::DX_FIRST;
    const DX_FIRST: usize = 0;
}

impl<F: Fixed> Work for Frozen<F> {
    const DW: usize = 0;
    const DX_FIRST: usize = 0;
    const WANTS: bool = false;
    const FROZEN: usize = size_of::<F::Net>();
}

impl<A: Work, R: Work> Work for (A, R)
where
    Self: Layer,
{
    const DW: usize = A::DW + R::DW;
    const DX: usize = A::DX + R::DX + if A::WANTS { R::DX_FIRST } else { 0 };
    const DX_FIRST: usize = A::DX_FIRST;
    const WANTS: bool = R::WANTS;
    const FROZEN: usize = A::FROZEN + R::FROZEN;
}

impl<L: Work> Work for Sequential<L> {
    const DW: usize = L::DW;
    const DX: usize = L::DX;
    const DX_FIRST: usize = L::DX_FIRST;
    const WANTS: bool = L::WANTS;
    const FROZEN: usize = L::FROZEN;
}

/// Bytes of data, beside the program's code and its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Constants: weights in a `static`.
    pub flash: usize,
    /// What changes.
    pub ram: usize,
}

/// What a network takes on the target that the program is compiled for, known to the compiler.
///
/// | field | what is counted |
/// |---|---|
/// | inference | the weights, a `static` in flash; in RAM the workspace of one sample |
/// | training | frozen weights in flash; in RAM a [`Trainer`] that starts as zeros |
/// | forward | one multiply-add for each weight and sample |
/// | step | the forward pass, `dW`, and `dx` of all layers but the first |
///
/// # Examples
///
/// ```
/// use constnet::{Report, Sgd, mlp};
///
/// const REPORT: Report = Report::of::<mlp![5, 64, 64, 3], Sgd, 1>();
///
/// assert_eq!(REPORT.parameters, 4739);
/// assert_eq!(REPORT.forward, 5 * 64 + 64 * 64 + 64 * 3);
/// assert_eq!(REPORT.step, 2 * REPORT.forward + 64 * 64 + 64 * 3);
///
/// // For a limit in bytes, checked when the program is: `budget::RamBudget` says it in words.
/// const _: () = assert!(REPORT.training.ram < 64 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many numbers there are to train.
    pub parameters: usize,
    /// Memory for inference.
    pub inference: Bytes,
    /// Memory for training.
    pub training: Bytes,
    /// Multiply-adds of the forward pass of a batch.
    pub forward: usize,
    /// Multiply-adds of a training step on a batch, less the optimiser's.
    pub step: usize,
}

impl Report {
    /// The report of a network, an optimiser and a batch size.
    #[must_use]
    pub const fn of<N: Work, Opt: Optimizer<Elem<N>>, const B: usize>() -> Self {
        Self {
            parameters: N::PARAMS,
            inference: Bytes {
                flash: size_of::<N>() + N::FROZEN,
                ram: size_of::<(N::Tape<1>, Row<N::Out>)>(),
            },
            training: Bytes { flash: N::FROZEN, ram: size_of::<Trainer<N, Opt, B>>() },
            forward: B * N::WEIGHTS,
            step: B * (N::WEIGHTS + N::DW + N::DX),
        }
    }
}

/// A line for each field.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parameters, inference, training, forward, step } = self;
        writeln!(f, "parameters   {parameters}")?;
        writeln!(f, "inference    {} bytes of flash, {} of RAM", inference.flash, inference.ram)?;
        writeln!(f, "training     {} bytes of flash, {} of RAM", training.flash, training.ram)?;
        writeln!(f, "forward      {forward} multiply-adds")?;
        write!(f, "step         {step} multiply-adds")
    }
}

#[cfg(test)]
mod tests {
    use core::mem::size_of;

    use typenum::Unsigned;

    use super::Report;
    use crate::{
        Adam, ClipNorm, Fixed, Frozen, Linear, Relu, Sequential, Sgd, Trainer, Zeroed, budget::TrainingRam,
        mlp,
    };

    type BodyNet = Sequential![Linear<5, 64>, Relu<64>];

    static BODY: BodyNet = Zeroed::ZERO;

    struct Body;

    impl Fixed for Body {
        type Net = BodyNet;

        fn net() -> &'static BodyNet {
            &BODY
        }
    }

    type Adapted = Sequential![Frozen<Body>, Linear<64, 8>, Relu<8>, Linear<8, 3>];

    #[test]
    fn a_frozen_body_costs_flash_and_its_forward_pass_alone() {
        const REPORT: Report = Report::of::<Adapted, Sgd, 4>();
        let (body, head, last) = (5 * 64, 64 * 8, 8 * 3);
        assert_eq!(REPORT.parameters, 64 * 8 + 8 + 8 * 3 + 3);
        assert_eq!(REPORT.forward, 4 * (body + head + last));
        assert_eq!(REPORT.step, 4 * (body + head + last + head + last + last));
        assert_eq!(REPORT.training.flash, size_of::<BodyNet>());
        assert_eq!(REPORT.inference.flash, size_of::<BodyNet>() + size_of::<Adapted>());
    }

    /// The count for devices is never more than what this machine takes, and what it takes more is
    /// alignment and room for transposed weights. On a device the two are equal: the programs for
    /// it assert that.
    #[test]
    fn the_budget_counts_every_number_of_a_trainer() {
        fn bytes<T: TrainingRam>() -> [usize; 2] {
            [T::Bytes::USIZE, size_of::<T>()]
        }
        let [counted, taken] = bytes::<Trainer<mlp![5, 64, 64, 3], Sgd, 1>>();
        assert_eq!(counted, 4 * (4739 + 136 + 1));
        assert!(counted <= taken);
        let [counted, taken] = bytes::<Trainer<mlp![f64; 5, 64, 3], Sgd<f64>, 8>>();
        assert_eq!(counted, 8 * (579 + 8 * (5 + 64 + 3) + 1));
        assert!(counted <= taken);
        let [counted, taken] = bytes::<Trainer<mlp![5, 64, 3], ClipNorm<Adam>, 8>>();
        assert_eq!(counted, 4 * (4 * 579 + 8 * (5 + 64 + 3) + 7));
        assert!(counted <= taken);
        let [counted, taken] = bytes::<Trainer<Adapted, Sgd, 2>>();
        assert_eq!(counted, 4 * (64 * 8 + 8 + 8 * 3 + 3 + 2 * (5 + 64 + 8 + 3) + 1));
        assert!(counted <= taken);
    }
}
