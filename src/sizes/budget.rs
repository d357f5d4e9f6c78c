//! Limits that the compiler checks as trait bounds: parameters, RAM, whole batches.
//!
//! Rust cannot compare two constants in a bound, nor compute with them. The type-level numbers of `typenum` can, so
//! the limits are checked by `cargo check`, also while you type in an editor. A number that is written as a constant
//! must be one that `typenum` knows: up to 1024, and beyond that powers of two, powers of ten and a few others.
//! Results of arithmetic have no limit. So the widths, limits and data set sizes used with this module must be such
//! numbers; networks of other widths work everywhere else.

use core::ops::{Add, Mul, Rem};

use typenum::{
    Add1, B1, Const, IsLessOrEqual, LeEq, Mod, Prod, Sum, ToUInt, U, U0, U2, U4, U5, U8, U10, U1024, Unsigned,
};

use crate::{
    layers::{CacheSize, Elem, Layer, ParamCount},
    loss::{
        BceWithLogits, CrossEntropy, GaussianNll, L1, Loss, Mse, OnProbabilities, SoftCrossEntropy, Weighted,
    },
    optim::{Optimizer, OptimizerSize},
    quantized::{EightBit, Int8Linear, Output, Quantized, Table},
    second_order::{Lbfgs, LevenbergMarquardt, Run},
    training::Trainer,
};

/// A bound: a network of at most `MAX` parameters.
///
/// # Examples
///
/// ```
/// use constnet::{mlp, sizes::budget::ParameterBudget};
///
/// fn deploy<N: ParameterBudget<8192>>(net: &N) {}
///
/// # use constnet::Zeroed;
/// deploy(&<mlp![5, 64, 64, 3]>::ZERO);
/// ```
pub trait ParameterBudget<const MAX: usize> {}

impl<N: ParamCount, const MAX: usize> ParameterBudget<MAX> for N
where
    Const<MAX>: ToUInt,
    N::Count: IsLessOrEqual<U<MAX>>,
    LeEq<N::Count, U<MAX>>: WithinParameterBudget<MAX>,
{
}

/// Implemented for `typenum`'s "true" only: the result of comparing a number of parameters with its limit.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this network has more than {MAX} parameters",
    label = "over the budget of {MAX} parameters"
)]
pub trait WithinParameterBudget<const MAX: usize> {}

impl<const MAX: usize> WithinParameterBudget<MAX> for B1 {}

/// The size of an element type, as a type of `typenum`.
pub trait ElementSize {
    /// The bytes of a number.
    type Bytes: Unsigned;
}

impl ElementSize for f32 {
    type Bytes = U4;
}

impl ElementSize for f64 {
    type Bytes = U8;
}

/// The bytes of RAM of a [`Trainer`] on a device, of a [`Run`] of a second-order method, or of the rows of
/// [`predict_bytes`](Quantized::predict_bytes) of a [`Quantized`] network, as a type.
///
/// Of a [`Trainer`] with a [loss without values](LossWithoutValues):
///
/// | part of a trainer | numbers |
/// |---|---|
/// | the network and the values that the optimiser keeps | parameters · (1 + [`PerParameter`](OptimizerSize::PerParameter)) |
/// | the cache and the output | `B` · ([`Cached`](CacheSize::Cached) + [`Output`](CacheSize::Output)) |
/// | the optimiser | [`Own`](OptimizerSize::Own) |
/// | the number of steps and the seed | 8 bytes |
///
/// Of a run of [`LevenbergMarquardt`], with `P` parameters, the numbers of [`Memory::of_levenberg_marquardt`]: the network, the
/// workspace of `(P + 1) (P + 10)`, and on the stack the cache of a pass, its output, and the gradient with respect to the
/// output. Of a run of [`Lbfgs`], those of [`Memory::of_lbfgs`]: `2 M + 5` networks, `M + 1` numbers, cache and output.
///
/// Of a quantised network it is the `ram` of [`Quantized::MEMORY`]: its weights are in flash.
///
/// Of trainers and runs it is the exact size on a 32-bit device. On a machine with SIMD they are larger: they have scratch
/// space for transposed weights, align their arrays, and a second-order method has larger batches.
///
/// [`Memory::of_levenberg_marquardt`]: super::Memory::of_levenberg_marquardt
/// [`Memory::of_lbfgs`]: super::Memory::of_lbfgs
///
/// # Examples
///
/// ```
/// use constnet::{Quantized, Sgd, Trainer, mlp, sizes::budget::RamSize};
/// use typenum::Unsigned;
///
/// type Bytes = <Trainer<mlp![5, 64, 64, 3], Sgd, 1> as RamSize>::Bytes;
/// assert_eq!(Bytes::USIZE, 4 * (4739 + (5 + 64 + 64 + 3) + 1) + 8);
///
/// type Rows = <Quantized<mlp![5, 64, 64, 3]> as RamSize>::Bytes;
/// assert_eq!(Rows::USIZE, 5 + 64 + 64 + 3 + 3);
/// ```
///
/// ```
/// use constnet::{Lbfgs, LevenbergMarquardt, Linear, Mse, Sequential, Tanh, second_order::Run, sizes::budget};
///
/// type Net = Sequential![Linear<1, 16>, Tanh<16>, Linear<16, 1>];
///
/// const _: () = budget::fits_ram::<12, Run<LevenbergMarquardt, Net, Mse>>();
/// const _: () = budget::fits_ram::<6, Run<Lbfgs<10>, Net, Mse>>();
/// ```
pub trait RamSize {
    /// The bytes.
    type Bytes: Unsigned;
}

/// The numbers of the cache and the output, for a batch of `B`.
type CacheNumbers<N, const B: usize> = Prod<Sum<<N as CacheSize>::Cached, <N as CacheSize>::Output>, U<B>>;
/// The parameters, and the values that the optimiser keeps for each.
type ParameterNumbers<N, Opt> = Prod<<N as ParamCount>::Count, Add1<<Opt as OptimizerSize>::PerParameter>>;
/// All numbers of a trainer.
type Numbers<N, Opt, const B: usize> =
    Sum<Sum<ParameterNumbers<N, Opt>, CacheNumbers<N, B>>, <Opt as OptimizerSize>::Own>;
/// A loss whose type holds no numbers, such as [`Mse`]: it takes no memory in a [`Trainer`]. Implement this trait for a
/// loss of your own if the size of its type is 0.
#[diagnostic::on_unimplemented(
    message = "a RAM budget does not count the values of the loss `{Self}`",
    label = "a loss that takes memory",
    note = "`size_of` has the size of any trainer on the machine that compiles"
)]
pub trait LossWithoutValues {}

macro_rules! losses_without_values {
    ($($loss:ident)+) => { $(impl LossWithoutValues for $loss {})+ };
}

losses_without_values!(Mse L1 BceWithLogits CrossEntropy SoftCrossEntropy GaussianNll);

impl<C: LossWithoutValues> LossWithoutValues for Weighted<C> {}
impl<C: LossWithoutValues> LossWithoutValues for OnProbabilities<C> {}

/// The bytes of the number of steps and of the seed, on a 32-bit device.
type Counters = U8;
/// The bytes of all numbers of a trainer.
type NumberBytes<N, Opt, const B: usize> = Prod<Numbers<N, Opt, B>, <Elem<N> as ElementSize>::Bytes>;

impl<N, Opt, const B: usize, C> RamSize for Trainer<N, Opt, B, C>
where
    C: LossWithoutValues,
    N: Layer + ParamCount + CacheSize,
    Opt: Optimizer<Elem<N>> + OptimizerSize,
    Elem<N>: ElementSize,
    Const<B>: ToUInt,
    N::Cached: Add<N::Output>,
    Sum<N::Cached, N::Output>: Mul<U<B>>,
    Opt::PerParameter: Add<B1>,
    N::Count: Mul<Add1<Opt::PerParameter>>,
    ParameterNumbers<N, Opt>: Add<CacheNumbers<N, B>>,
    Sum<ParameterNumbers<N, Opt>, CacheNumbers<N, B>>: Add<Opt::Own>,
    Numbers<N, Opt, B>: Mul<<Elem<N> as ElementSize>::Bytes>,
    NumberBytes<N, Opt, B>: Add<Counters>,
    Sum<NumberBytes<N, Opt, B>, Counters>: Unsigned,
{
    type Bytes = Sum<NumberBytes<N, Opt, B>, Counters>;
}

/// The bytes of the rows of a chain of layers on bytes: of the input of each layer, of the last output, and of its copy for the
/// caller.
pub trait RowBytes {
    /// The bytes.
    type Bytes: Unsigned;
}

impl<const N: usize> RowBytes for Output<[u8; N]>
where
    Const<N>: ToUInt,
    U<N>: Add<U<N>>,
    Sum<U<N>, U<N>>: Unsigned,
{
    type Bytes = Sum<U<N>, U<N>>;
}

/// Implements [`RowBytes`] for a layer with this number of inputs and the rest of the chain.
macro_rules! row_bytes {
    ($($layer:ident<$inputs:ident $(, $outputs:ident)?>;)+) => { $(
        impl<const $inputs: usize, $(const $outputs: usize,)? R: RowBytes> RowBytes
            for ($layer<$inputs $(, $outputs)?>, R)
        where
            Const<$inputs>: ToUInt,
            U<$inputs>: Add<R::Bytes>,
            Sum<U<$inputs>, R::Bytes>: Unsigned,
        {
            type Bytes = Sum<U<$inputs>, R::Bytes>;
        }
    )+ };
}

row_bytes! {
    Int8Linear<IN, OUT>;
    Table<N>;
}

impl<Net: EightBit<Chain: RowBytes>> RamSize for Quantized<Net> {
    type Bytes = <Net::Chain as RowBytes>::Bytes;
}

/// The numbers of the workspace of [`LevenbergMarquardt`]: see `workspace_len`, with a batch of 1 sample.
type WorkspaceNumbers<N> = Prod<Add1<<N as ParamCount>::Count>, Sum<<N as ParamCount>::Count, U10>>;
/// The numbers of the cache and the output of one sample.
type SampleNumbers<N> = Sum<<N as CacheSize>::Cached, <N as CacheSize>::Output>;
/// The numbers of a run: the network, the workspace, a sample, and the gradient with respect to the output.
type LmNumbers<N> =
    Sum<Sum<Sum<<N as ParamCount>::Count, WorkspaceNumbers<N>>, SampleNumbers<N>>, <N as CacheSize>::Output>;

impl<N, C> RamSize for Run<'_, LevenbergMarquardt<Elem<N>>, N, C>
where
    N: Layer + ParamCount + CacheSize,
    C: Loss<N::Out>,
    Elem<N>: ElementSize,
    N::Count: Add<B1> + Add<U10> + Add<WorkspaceNumbers<N>>,
    Add1<N::Count>: Mul<Sum<N::Count, U10>>,
    N::Cached: Add<N::Output>,
    Sum<N::Count, WorkspaceNumbers<N>>: Add<SampleNumbers<N>>,
    Sum<Sum<N::Count, WorkspaceNumbers<N>>, SampleNumbers<N>>: Add<N::Output>,
    LmNumbers<N>: Mul<<Elem<N> as ElementSize>::Bytes>,
    Prod<LmNumbers<N>, <Elem<N> as ElementSize>::Bytes>: Unsigned,
{
    type Bytes = Prod<LmNumbers<N>, <Elem<N> as ElementSize>::Bytes>;
}

/// The numbers of the networks of [`LbfgsMemory`](crate::second_order::LbfgsMemory), and of the one that is trained.
type HistoryNumbers<N, const M: usize> = Prod<<N as ParamCount>::Count, Sum<Prod<U<M>, U2>, U5>>;
/// The numbers of a run: networks, products, the length of the history, a sample.
type LbfgsNumbers<N, const M: usize> = Sum<Sum<HistoryNumbers<N, M>, Add1<U<M>>>, SampleNumbers<N>>;

impl<N, C, const M: usize> RamSize for Run<'_, Lbfgs<M, Elem<N>>, N, C>
where
    N: Layer + ParamCount + CacheSize,
    C: Loss<N::Out>,
    Elem<N>: ElementSize,
    Const<M>: ToUInt,
    U<M>: Mul<U2> + Add<B1>,
    Prod<U<M>, U2>: Add<U5>,
    N::Count: Mul<Sum<Prod<U<M>, U2>, U5>>,
    HistoryNumbers<N, M>: Add<Add1<U<M>>>,
    N::Cached: Add<N::Output>,
    Sum<HistoryNumbers<N, M>, Add1<U<M>>>: Add<SampleNumbers<N>>,
    LbfgsNumbers<N, M>: Mul<<Elem<N> as ElementSize>::Bytes>,
    Prod<LbfgsNumbers<N, M>, <Elem<N> as ElementSize>::Bytes>: Unsigned,
{
    type Bytes = Prod<LbfgsNumbers<N, M>, <Elem<N> as ElementSize>::Bytes>;
}

/// A bound: a [`Trainer`], a [`Run`], or the rows of [`predict_bytes`](Quantized::predict_bytes) of a [`Quantized`] network, that
/// take at most `KIB` · 1024 bytes of RAM on a device.
///
/// # Examples
///
/// ```
/// use constnet::{CrossEntropy, Quantized, Sgd, Trainer, mlp, sizes::budget};
///
/// type Training = Trainer<mlp![5, 64, 64, 3], Sgd, 1>;
///
/// const _: () = budget::fits_ram::<20, Training>();
/// const _: () = budget::fits_ram::<20, Trainer<mlp![5, 64, 64, 3], Sgd, 1, CrossEntropy>>();
/// const _: () = budget::fits_ram::<1, Quantized<mlp![5, 64, 64, 3]>>();
/// ```
///
/// A wider network does not pass `cargo check`: "this takes more than 20 KiB of RAM".
///
/// ```compile_fail,E0277
/// # use constnet::{Sgd, Trainer, mlp, sizes::budget};
/// type Training = Trainer<mlp![5, 70, 64, 3], Sgd, 1>;
///
/// const _: () = budget::fits_ram::<20, Training>();
/// ```
///
/// A loss that holds numbers, here a weight for each class, does not compile either: the budget does not count them.
///
/// ```compile_fail,E0277
/// # use constnet::{Sgd, Trainer, WeightedCrossEntropy, mlp, sizes::budget};
/// type Training = Trainer<mlp![5, 64, 64, 3], Sgd, 1, WeightedCrossEntropy<3>>;
///
/// const _: () = budget::fits_ram::<64, Training>();
/// ```
///
/// Nor does a quantised network with rows of more than 1 KiB:
///
/// ```compile_fail,E0277
/// # use constnet::{Quantized, mlp, sizes::budget};
/// const _: () = budget::fits_ram::<1, Quantized<mlp![5, 512, 512, 3]>>();
/// ```
pub trait RamBudget<const KIB: usize> {}

impl<T: RamSize, const KIB: usize> RamBudget<KIB> for T
where
    Const<KIB>: ToUInt,
    U<KIB>: Mul<U1024>,
    T::Bytes: IsLessOrEqual<Prod<U<KIB>, U1024>>,
    LeEq<T::Bytes, Prod<U<KIB>, U1024>>: WithinRamBudget<KIB>,
{
}

/// Implemented for `typenum`'s "true" only: the result of comparing a number of bytes with its limit.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this takes more than {KIB} KiB of RAM",
    label = "over the budget of {KIB} KiB, which are {KIB} times 1024 bytes"
)]
pub trait WithinRamBudget<const KIB: usize> {}

impl<const KIB: usize> WithinRamBudget<KIB> for B1 {}

/// Checks a [`RamBudget`]: `const _: () = fits_ram::<32, Training>();` does not compile if `Training` is a
/// [`Trainer`], a [`Run`], or a [`Quantized`] network whose rows take more than 32 KiB.
pub const fn fits_ram<const KIB: usize, T: RamBudget<KIB>>() {}

/// A bound on a [`Batch`] size: it divides the size of the data set, so that every batch is full.
pub trait WholeBatches<const SAMPLES: usize> {}

/// A batch size as a type, for [`WholeBatches`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch<const B: usize>;

impl<const B: usize, const SAMPLES: usize> WholeBatches<SAMPLES> for Batch<B>
where
    Const<B>: ToUInt,
    Const<SAMPLES>: ToUInt,
    U<SAMPLES>: Rem<U<B>>,
    Mod<U<SAMPLES>, U<B>>: NoRemainder<B, SAMPLES>,
{
}

/// Implemented for `typenum`'s zero only: the remainder of a division.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "batch size {B} does not divide the data set of {SAMPLES} samples",
    label = "a last batch would not be full"
)]
pub trait NoRemainder<const B: usize, const SAMPLES: usize> {}

impl<const B: usize, const SAMPLES: usize> NoRemainder<B, SAMPLES> for U0 {}
