//! The memory and the multiply-adds of a network as constants.

use core::fmt;

use crate::{
    layers::{Cost, Elem, Row},
    optim::Optimizer,
    quantized::{EightBit, Int8Chain, Quantized},
    second_order::{LbfgsMemory, LevenbergMarquardt, stack_of_run},
    training::Trainer,
};

/// Bytes of data, without the program's code and its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Memory {
    /// Bytes of constants, such as the weights in a `static`.
    pub flash: usize,
    /// Bytes that change.
    pub ram: usize,
}

/// The memory and the work of a network on the target that the program is compiled for, as constants.
///
/// | field | what is counted |
/// |---|---|
/// | inference | the weights, a `static` in flash; in RAM the cache of one sample |
/// | training | frozen weights in flash; in RAM a [`Trainer`] that starts as zeros |
/// | forward | one multiply-add for each weight and sample |
/// | step | the forward pass, `dW`, and `dx` of all layers but the first |
///
/// # Examples
///
/// ```
/// use constnet::{Sgd, mlp, sizes::Report};
///
/// const REPORT: Report = Report::of::<mlp![5, 64, 64, 3], Sgd, 1>();
///
/// assert_eq!(REPORT.parameters, 4739);
/// assert_eq!(REPORT.forward, 5 * 64 + 64 * 64 + 64 * 3);
/// assert_eq!(REPORT.step, 2 * REPORT.forward + 64 * 64 + 64 * 3);
///
/// // A limit in bytes, checked when the program is compiled. (`budget::RamBudget` has a clearer error.)
/// const _: () = assert!(REPORT.training.ram < 64 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report {
    /// The number of trainable parameters.
    pub parameters: usize,
    /// Memory for inference.
    pub inference: Memory,
    /// Memory for training.
    pub training: Memory,
    /// Multiply-adds of the forward pass of a batch.
    pub forward: usize,
    /// Multiply-adds of a training step on a batch, without those of the optimiser.
    pub step: usize,
}

impl Report {
    /// The report of a network, an optimiser and a batch size. The loss is [`Mse`](crate::Mse), or another one without values;
    /// the size of any other, as [`WeightedCrossEntropy`](crate::WeightedCrossEntropy), comes on top of the RAM for training.
    #[must_use]
    pub const fn of<N: Cost, Opt: Optimizer<Elem<N>>, const B: usize>() -> Self {
        Self {
            parameters: N::PARAMS,
            inference: Memory {
                flash: size_of::<N>() + N::FROZEN_BYTES,
                ram: size_of::<(N::Cache<1>, Row<N::Out>)>(),
            },
            training: Memory { flash: N::FROZEN_BYTES, ram: size_of::<Trainer<N, Opt, B>>() },
            forward: B * N::FORWARD,
            step: B * (N::FORWARD + N::WEIGHT_GRADIENT + N::HIDDEN_INPUT_GRADIENT),
        }
    }
}

impl Memory {
    /// The memory in which [`LevenbergMarquardt`] trains a network: the network, the workspace, and what a run keeps on the
    /// stack, the cache of a pass.
    ///
    /// ```
    /// use constnet::{Linear, Sequential, Tanh, sizes::Memory};
    ///
    /// type Net = Sequential![Linear<1, 16>, Tanh<16>, Linear<16, 1>];
    ///
    /// // A limit in bytes, checked when the program is compiled.
    /// const _: () = assert!(Memory::of_levenberg_marquardt::<Net>().ram < 64 * 1024);
    /// ```
    #[must_use]
    pub const fn of_levenberg_marquardt<N: Cost>() -> Self {
        let workspace = LevenbergMarquardt::workspace_len::<N>() * size_of::<Elem<N>>();
        Self { flash: N::FROZEN_BYTES, ram: size_of::<N>() + workspace + stack_of_run::<N>() }
    }

    /// The memory in which [`Lbfgs`](crate::Lbfgs) with a history of `M` steps trains a network: the network and the memory of
    /// the method.
    #[must_use]
    pub const fn of_lbfgs<N: Cost, const M: usize>() -> Self {
        Self { flash: N::FROZEN_BYTES, ram: size_of::<N>() + size_of::<LbfgsMemory<N, M>>() }
    }
}

impl<Net: EightBit> Quantized<Net> {
    /// The bytes of the network in flash, and of its rows in RAM: those of the input, the output, and between the layers.
    ///
    /// ```
    /// use constnet::{Quantized, mlp, sizes::Memory};
    ///
    /// const MEMORY: Memory = <Quantized<mlp![5, 64, 64, 3]>>::MEMORY;
    /// // A limit in bytes, checked when the program is compiled.
    /// const _: () = assert!(MEMORY.flash < 6 * 1024 && MEMORY.ram < 256);
    /// assert_eq!(MEMORY.ram, 5 + 64 + 64 + 3 + 3);
    /// ```
    pub const MEMORY: Memory = Memory {
        flash: size_of::<Self>(),
        ram: size_of::<Net::In>() + Net::Chain::ROWS + size_of::<Net::Out>(),
    };
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

    use super::{Memory, Report};
    use crate::{
        Adam, ClipNorm, Dropout, Frozen, LayerNorm, Lbfgs, LevenbergMarquardt, Linear, Loss, Mse, Relu,
        Residual, Sequential, Sgd, Silu, Softmax, StaticNetwork, Tanh, Trainer, Weighted, Zeroed,
        layers::{CacheSize, Cost, Elem, Layer, Shape},
        mlp,
        quantized::{EightBit, Quantized},
        second_order::Run,
        sizes::budget::RamSize,
    };

    type BodyNet = Sequential![Linear<5, 64>, Relu<64>];

    static BODY: BodyNet = Zeroed::ZERO;

    struct Body;

    impl StaticNetwork for Body {
        type Net = BodyNet;

        fn network() -> &'static BodyNet {
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

    /// The count for devices is never more than the size on this machine, which has more for alignment and for
    /// transposed weights. On a device the two are equal: the programs for it assert that.
    #[test]
    fn the_budget_counts_every_number_of_a_trainer() {
        fn check<T: RamSize>(expected: usize) {
            assert_eq!(T::Bytes::USIZE, expected);
            assert!(expected <= size_of::<T>());
        }
        check::<Trainer<mlp![5, 64, 64, 3], Sgd, 1>>(4 * (4739 + 136 + 1) + 8);
        check::<Trainer<mlp![f64; 5, 64, 3], Sgd<f64>, 8>>(8 * (579 + 8 * (5 + 64 + 3) + 1) + 8);
        // The rate, two decays, epsilon, the weight decay and the norm.
        check::<Trainer<mlp![5, 64, 3], ClipNorm<Adam>, 8>>(4 * (4 * 579 + 8 * (5 + 64 + 3) + 6) + 8);
        let head = 64 * 8 + 8 + 8 * 3 + 3;
        check::<Trainer<Adapted, Sgd, 2>>(4 * (head + 2 * (5 + 64 + 8 + 3) + 1) + 8);
    }

    /// The memory of a quantised network and its budget count the same rows.
    #[test]
    fn the_budget_counts_every_row_of_a_quantised_network() {
        fn check<Net: EightBit>(expected: usize)
        where
            Quantized<Net>: RamSize,
        {
            assert_eq!(<Quantized<Net> as RamSize>::Bytes::USIZE, expected);
            assert_eq!(Quantized::<Net>::MEMORY.ram, expected);
        }
        check::<mlp![7, 3]>(7 + 3 + 3);
        check::<Sequential![Linear<5, 9>, Tanh<9>, Dropout<9>, Linear<9, 2>, Relu<2>]>(5 + 9 + 9 + 2 + 2);
    }

    /// On a device, the count and the report are equal; here a method has larger batches and aligns its arrays.
    #[test]
    fn the_budget_counts_every_number_of_a_second_order_method() {
        fn check<N, C: Loss<N::Out>, const M: usize>(levenberg_marquardt: usize, lbfgs: usize)
        where
            N: Cost,
            for<'a> Run<'a, LevenbergMarquardt<Elem<N>>, N, C>: RamSize,
            for<'a> Run<'a, Lbfgs<M, Elem<N>>, N, C>: RamSize,
        {
            let found = [
                (
                    <Run<'_, LevenbergMarquardt<Elem<N>>, N, C> as RamSize>::Bytes::USIZE,
                    Memory::of_levenberg_marquardt::<N>().ram,
                ),
                (<Run<'_, Lbfgs<M, Elem<N>>, N, C> as RamSize>::Bytes::USIZE, Memory::of_lbfgs::<N, M>().ram),
            ];
            assert_eq!(found.map(|(counted, _)| counted), [levenberg_marquardt, lbfgs]);
            // The length of the history counts as a number; x86 with 32 bits, which aligns `f64` to 4 bytes, stores it in 4.
            let padding = size_of::<Elem<N>>().saturating_sub(size_of::<usize>());
            for (counted, reported) in found {
                assert!(counted <= reported + padding, "{counted} bytes, {reported} in the report");
            }
        }
        type Curve = Sequential![Linear<1, 16>, Tanh<16>, Linear<16, 1>];
        let (params, cached, output) = (49, 1 + 16, 1);
        check::<Curve, Mse, 10>(
            4 * (params + (params + 1) * (params + 10) + cached + 2 * output),
            4 * (25 * params + 11 + cached + output),
        );
        let (params, cached, output) = (5 * 64 + 64 + 64 * 3 + 3, 5 + 64, 3);
        check::<mlp![f64; 5, 64, 3], Weighted<Mse>, 3>(
            8 * (params + (params + 1) * (params + 10) + cached + 2 * output),
            8 * (11 * params + 4 + cached + output),
        );
    }

    /// A cache is as many numbers as its layers count.
    #[test]
    fn the_budget_counts_every_number_of_a_cache() {
        fn check<N: Layer<In: Shape<Elem = f32>> + CacheSize>() {
            let counted = <N::Cached as Unsigned>::USIZE;
            let size = size_of::<N::Cache<7>>();
            assert!(
                (7 * 4 * counted..7 * 4 * counted + ALIGNMENT).contains(&size),
                "{counted}, {size} bytes"
            );
        }
        /// At most as much is added so that the array of each `Linear` starts at a cache line.
        const ALIGNMENT: usize = 2 * 64;
        check::<Linear<5, 9>>();
        check::<LayerNorm<9>>();
        check::<Softmax<9>>();
        check::<Dropout<9>>();
        check::<Silu<9>>();
        check::<Tanh<9>>();
        check::<(LayerNorm<9>, (Dropout<9>, Softmax<9>))>();
        check::<Residual<(Tanh<9>, LayerNorm<9>)>>();
        check::<Frozen<Body>>();
        // Between two activations whose derivatives are computed from their outputs, rows are stored.
        check::<(Relu<9>, Tanh<9>)>();
        check::<(LayerNorm<9>, (Relu<9>, (Tanh<9>, (Relu<9>, LayerNorm<9>))))>();
        check::<((LayerNorm<9>, Relu<9>), (Tanh<9>, Linear<9, 2>))>();
        check::<((LayerNorm<9>, Silu<9>), (Tanh<9>, Linear<9, 2>))>();
    }
}
