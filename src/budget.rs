//! Sizes that the compiler computes and compares: parameter counts, budgets, whole batches.
//!
//! A bound on a generic item can compare neither two constants nor the results of arithmetic on
//! them. The type-level numbers of `typenum` can, and do so when the program is checked, under the
//! cursor of an editor. As constants they come up to 1024, and then as powers of two and of ten and as some
//! others; results of arithmetic have no limit. So widths, budgets and data sets that take part
//! here are of those sizes, and wider layers work everywhere but here.

use core::ops::{Add, Mul, Rem};

use typenum::{
    Add1, B1, Const, IsLessOrEqual, LeEq, Mod, Prod, Sum, ToUInt, U, U0, U1, U2, U4, U6, U8, U1024, Unsigned,
};

use crate::{
    Adam, AdamW, ClipNorm, ClipValue, Dropout, Elem, Element, Fixed, Frozen, Layer, LayerNorm, Linear,
    Momentum, Optimizer, Residual, RmsProp, Sequential, Sgd, Softmax, Trainer,
    activation::{Elementwise, FromInput, FromOutput, Function},
};

/// The number of a network's parameters, as a type.
///
/// # Examples
///
/// ```
/// use constnet::{budget::Parameters, mlp};
/// use typenum::Unsigned;
///
/// type Count = <mlp![5, 64, 64, 3] as Parameters>::Count;
/// assert_eq!(Count::USIZE, 4739);
/// ```
pub trait Parameters {
    /// The count, a type of `typenum`.
    type Count: Unsigned;
}

impl<const IN: usize, const OUT: usize, T> Parameters for Linear<IN, OUT, T>
where
    Const<IN>: ToUInt,
    Const<OUT>: ToUInt,
    U<IN>: Add<B1>,
    Add1<U<IN>>: Mul<U<OUT>>,
    Prod<Add1<U<IN>>, U<OUT>>: Unsigned,
{
    type Count = Prod<Add1<U<IN>>, U<OUT>>;
}

impl<F, const N: usize, T> Parameters for Elementwise<F, N, T> {
    type Count = U0;
}

impl<const N: usize, T> Parameters for Softmax<N, T> {
    type Count = U0;
}

impl<const N: usize, const PERCENT: usize, T> Parameters for Dropout<N, PERCENT, T> {
    type Count = U0;
}

impl<const N: usize, T> Parameters for LayerNorm<N, T>
where
    Const<N>: ToUInt,
    U2: Mul<U<N>>,
    Prod<U2, U<N>>: Unsigned,
{
    type Count = Prod<U2, U<N>>;
}

impl<L: Parameters> Parameters for Residual<L> {
    type Count = L::Count;
}

/// None to be trained.
impl<F: Fixed> Parameters for Frozen<F> {
    type Count = U0;
}

impl<A: Parameters, R: Parameters> Parameters for (A, R)
where
    A::Count: Add<R::Count>,
    Sum<A::Count, R::Count>: Unsigned,
{
    type Count = Sum<A::Count, R::Count>;
}

impl<L: Layer + Parameters> Parameters for Sequential<L> {
    type Count = L::Count;
}

/// A bound: a network of at most `MAX` parameters.
///
/// # Examples
///
/// ```
/// use constnet::{budget::ParameterBudget, mlp};
///
/// fn deploy<N: ParameterBudget<8192>>(net: &N) {}
///
/// # use constnet::Zeroed;
/// deploy(&<mlp![5, 64, 64, 3]>::ZERO);
/// ```
pub trait ParameterBudget<const MAX: usize> {}

impl<N: Parameters, const MAX: usize> ParameterBudget<MAX> for N
where
    Const<MAX>: ToUInt,
    N::Count: IsLessOrEqual<U<MAX>>,
    LeEq<N::Count, U<MAX>>: WithinBudget<MAX>,
{
}

/// That a count is within the budget. Implemented for `typenum`'s "true" alone.
#[diagnostic::on_unimplemented(
    message = "this network has more than {MAX} parameters",
    label = "over the budget of {MAX} parameters"
)]
pub trait WithinBudget<const MAX: usize> {}

impl<const MAX: usize> WithinBudget<MAX> for B1 {}

/// How many numbers a network's workspace holds for each sample, as types.
pub trait Workspace {
    /// The inputs that its layers keep.
    type Kept: Unsigned;
    /// Its output.
    type Output: Unsigned;
}

impl<const IN: usize, const OUT: usize, T> Workspace for Linear<IN, OUT, T>
where
    Const<IN>: ToUInt<Output: Unsigned>,
    Const<OUT>: ToUInt<Output: Unsigned>,
{
    type Kept = U<IN>;
    type Output = U<OUT>;
}

impl<F, const N: usize, T: Element> Workspace for Elementwise<F, N, T>
where
    F: Function<T, Kept: KeptOf<U<N>>>,
    Const<N>: ToUInt<Output: Unsigned>,
{
    type Kept = <F::Kept as KeptOf<U<N>>>::Kept;
    type Output = U<N>;
}

/// How many of its inputs an elementwise function keeps, as a type.
pub trait KeptOf<Inputs> {
    /// All, or none.
    type Kept: Unsigned;
}

impl<Inputs> KeptOf<Inputs> for FromOutput {
    type Kept = U0;
}

impl<Inputs: Unsigned> KeptOf<Inputs> for FromInput {
    type Kept = Inputs;
}

impl<const N: usize, T> Workspace for Softmax<N, T>
where
    Const<N>: ToUInt<Output: Unsigned>,
{
    type Kept = U<N>;
    type Output = U<N>;
}

/// The two numbers that its draws are made from count once for each sample here, which is once too
/// often for each but one.
impl<const N: usize, const PERCENT: usize, T> Workspace for Dropout<N, PERCENT, T>
where
    Const<N>: ToUInt<Output: Unsigned>,
    U<N>: Add<U2>,
    Sum<U<N>, U2>: Unsigned,
{
    type Kept = Sum<U<N>, U2>;
    type Output = U<N>;
}

impl<const N: usize, T> Workspace for LayerNorm<N, T>
where
    Const<N>: ToUInt<Output: Unsigned>,
{
    type Kept = U<N>;
    type Output = U<N>;
}

/// Its input and what its body gives, beside the body's own.
impl<L: Workspace> Workspace for Residual<L>
where
    L::Output: Mul<U2>,
    L::Kept: Add<Prod<L::Output, U2>>,
    Sum<L::Kept, Prod<L::Output, U2>>: Unsigned,
{
    type Kept = Sum<L::Kept, Prod<L::Output, U2>>;
    type Output = L::Output;
}

impl<F: Fixed<Net: Workspace>> Workspace for Frozen<F> {
    type Kept = <F::Net as Workspace>::Kept;
    type Output = <F::Net as Workspace>::Output;
}

impl<A: Workspace, R: Workspace> Workspace for (A, R)
where
    A::Kept: Add<R::Kept>,
    Sum<A::Kept, R::Kept>: Unsigned,
{
    type Kept = Sum<A::Kept, R::Kept>;
    type Output = R::Output;
}

impl<L: Workspace> Workspace for Sequential<L> {
    type Kept = L::Kept;
    type Output = L::Output;
}

/// How many bytes an element takes, as a type.
pub trait ElementBytes {
    /// The bytes.
    type Bytes: Unsigned;
}

impl ElementBytes for f32 {
    type Bytes = U4;
}

impl ElementBytes for f64 {
    type Bytes = U8;
}

/// How many numbers an optimiser holds, as types.
pub trait OptimizerNumbers {
    /// Those for each parameter of the network.
    type PerParameter: Unsigned;
    /// Those of its own.
    type Own: Unsigned;
}

/// The learning rate.
impl<T> OptimizerNumbers for Sgd<T> {
    type PerParameter = U0;
    type Own = U1;
}

/// The learning rate, the momentum, the weight decay, and whether it is Nesterov's.
impl<T> OptimizerNumbers for Momentum<T> {
    type PerParameter = U1;
    type Own = U4;
}

/// All its fields.
impl<T> OptimizerNumbers for RmsProp<T> {
    type PerParameter = U1;
    type Own = U4;
}

/// All its fields, and the number of steps.
impl<T> OptimizerNumbers for Adam<T> {
    type PerParameter = U2;
    type Own = U6;
}

/// As [`Adam`].
impl<T> OptimizerNumbers for AdamW<T> {
    type PerParameter = U2;
    type Own = U6;
}

/// The bound, beside what the optimiser inside holds.
impl<O: OptimizerNumbers<Own: Add<B1>>, T> OptimizerNumbers for ClipValue<O, T>
where
    Add1<O::Own>: Unsigned,
{
    type PerParameter = O::PerParameter;
    type Own = Add1<O::Own>;
}

/// The bound and a whole gradient, beside what the optimiser inside holds.
impl<O: OptimizerNumbers<PerParameter: Add<B1>, Own: Add<B1>>, T> OptimizerNumbers for ClipNorm<O, T>
where
    Add1<O::PerParameter>: Unsigned,
    Add1<O::Own>: Unsigned,
{
    type PerParameter = Add1<O::PerParameter>;
    type Own = Add1<O::Own>;
}

/// The bytes of RAM that a [`Trainer`] takes on a device, as a type.
///
/// Parameters and the optimiser's numbers for each, the layers' inputs and the output for each
/// sample of a batch, and the optimiser's own numbers. On a machine with vectors a trainer also
/// has room for transposed weights, and aligns its arrays; its `size_of` there is larger.
///
/// # Examples
///
/// ```
/// use constnet::{Sgd, Trainer, budget::TrainingRam, mlp};
/// use typenum::Unsigned;
///
/// type Bytes = <Trainer<mlp![5, 64, 64, 3], Sgd, 1> as TrainingRam>::Bytes;
/// assert_eq!(Bytes::USIZE, 4 * (4739 + (5 + 64 + 64 + 3) + 1));
/// ```
pub trait TrainingRam {
    /// The bytes.
    type Bytes: Unsigned;
}

/// What a batch of `B` takes of the workspace.
type OfBatch<N, const B: usize> = Prod<Sum<<N as Workspace>::Kept, <N as Workspace>::Output>, U<B>>;
/// The parameters and what the optimiser holds for each.
type OfParameters<N, Opt> = Prod<<N as Parameters>::Count, Add1<<Opt as OptimizerNumbers>::PerParameter>>;
/// All numbers of a trainer.
type Numbers<N, Opt, const B: usize> =
    Sum<Sum<OfParameters<N, Opt>, OfBatch<N, B>>, <Opt as OptimizerNumbers>::Own>;

impl<N, Opt, const B: usize> TrainingRam for Trainer<N, Opt, B>
where
    N: Layer + Parameters + Workspace,
    Opt: Optimizer<Elem<N>> + OptimizerNumbers,
    Elem<N>: ElementBytes,
    Const<B>: ToUInt,
    N::Kept: Add<N::Output>,
    Sum<N::Kept, N::Output>: Mul<U<B>>,
    Opt::PerParameter: Add<B1>,
    N::Count: Mul<Add1<Opt::PerParameter>>,
    OfParameters<N, Opt>: Add<OfBatch<N, B>>,
    Sum<OfParameters<N, Opt>, OfBatch<N, B>>: Add<Opt::Own>,
    Numbers<N, Opt, B>: Mul<<Elem<N> as ElementBytes>::Bytes>,
    Prod<Numbers<N, Opt, B>, <Elem<N> as ElementBytes>::Bytes>: Unsigned,
{
    type Bytes = Prod<Numbers<N, Opt, B>, <Elem<N> as ElementBytes>::Bytes>;
}

/// A bound: a [`Trainer`] that takes at most `KIB` times 1024 bytes of RAM on a device.
///
/// # Examples
///
/// ```
/// use constnet::{Sgd, Trainer, budget, mlp};
///
/// type Training = Trainer<mlp![5, 64, 64, 3], Sgd, 1>;
///
/// const _: () = budget::fits_ram::<20, Training>();
/// ```
///
/// With a wider network the program does not pass `cargo check`: "training this network with this
/// optimiser and batch size takes more than 20 KiB of RAM".
///
/// ```compile_fail,E0277
/// # use constnet::{Sgd, Trainer, budget, mlp};
/// type Training = Trainer<mlp![5, 70, 64, 3], Sgd, 1>;
///
/// const _: () = budget::fits_ram::<20, Training>();
/// ```
pub trait RamBudget<const KIB: usize> {}

impl<T: TrainingRam, const KIB: usize> RamBudget<KIB> for T
where
    Const<KIB>: ToUInt,
    U<KIB>: Mul<U1024>,
    T::Bytes: IsLessOrEqual<Prod<U<KIB>, U1024>>,
    LeEq<T::Bytes, Prod<U<KIB>, U1024>>: WithinRam<KIB>,
{
}

/// That a number of bytes is within the budget. Implemented for `typenum`'s "true" alone.
#[diagnostic::on_unimplemented(
    message = "training this network with this optimiser and batch size takes more than {KIB} KiB of RAM",
    label = "over the budget of {KIB} KiB, which are {KIB} times 1024 bytes"
)]
pub trait WithinRam<const KIB: usize> {}

impl<const KIB: usize> WithinRam<KIB> for B1 {}

/// Does nothing, but is a place for the bound: `const _: () = fits_ram::<32, Training>();` refuses
/// a [`Trainer`] of more than 32 KiB.
pub const fn fits_ram<const KIB: usize, T: RamBudget<KIB>>() {}

/// A bound on the [`Batch`] size: it divides the size of the data set.
pub trait WholeBatches<const SAMPLES: usize> {}

/// A batch size, to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch<const B: usize>;

impl<const B: usize, const SAMPLES: usize> WholeBatches<SAMPLES> for Batch<B>
where
    Const<B>: ToUInt,
    Const<SAMPLES>: ToUInt,
    U<SAMPLES>: Rem<U<B>>,
    Mod<U<SAMPLES>, U<B>>: NothingLeft<B, SAMPLES>,
{
}

/// That nothing is left of a division. Implemented for `typenum`'s zero alone.
#[diagnostic::on_unimplemented(
    message = "batch size {B} does not divide the data set of {SAMPLES} samples",
    label = "a last batch would not be full"
)]
pub trait NothingLeft<const B: usize, const SAMPLES: usize> {}

impl<const B: usize, const SAMPLES: usize> NothingLeft<B, SAMPLES> for U0 {}
