//! The seam between mathematics and machine: what a processor offers, and its choice at run time.
//!
//! A layer's arithmetic is written once, over the vectors of an [`Isa`] that it never names. Each
//! whole pass over a network is a [`Kernel`], which [`Dispatch::dispatch`] runs on the best
//! instruction set of the machine it finds itself on:
//!
//! | machine | instruction sets |
//! |---|---|
//! | x86-64 | AVX-512 and AVX2 with FMA, as the features `avx512` and `avx2` compile them in and the machine has them, else SSE2 |
//! | AArch64 | NEON |
//! | WebAssembly | simd128, where it is compiled in |
//! | all others, and without the feature `simd` | [`Scalar`] |
//! | with debug assertions | [`Scalar`]: vectors that no optimiser has seen take megabytes of stack and minutes to compile |
//!
//! The one choice is made per pass, not per layer, and everything below it is inlined into it. In which
//! order a sum is made depends on the instruction set and on the size of a batch, so that results on
//! different ones agree to rounding.

pub(crate) mod linear;
pub(crate) mod math;
mod plain;
mod scalar;
#[cfg(all(
    feature = "simd",
    not(debug_assertions),
    any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")
))]
mod simd;
mod tile;
mod transpose;

pub use scalar::Scalar;

/// An instruction set, as arithmetic on vectors of [`LANES`](Self::LANES) elements.
///
/// Passed by value, and empty: holding one is the proof that the machine has it. Operations work
/// lane by lane, unless they say otherwise.
pub trait Isa<T>: Copy {
    /// A vector register.
    type V: Copy;
    /// The outcome of a comparison, one truth value a lane.
    type Mask: Copy;
    /// How many elements a vector holds.
    const LANES: usize;
    /// Whether there are 32 vector registers rather than 16, and so room for larger tiles.
    const MANY_REGISTERS: bool;
    /// Whether [`mul_add`](Self::mul_add) is one instruction.
    const FUSED: bool;

    /// The same value in every lane.
    fn splat(self, value: T) -> Self::V;
    /// The first elements of a slice; lanes beyond its end are zero.
    fn load(self, from: &[T]) -> Self::V;
    /// Stores the first lanes, as many as the slice has room for.
    fn store(self, to: &mut [T], value: Self::V);
    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// The square root.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the machine can, else twice.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `2ⁿ`, of a whole `n` for which that is a normal number.
    fn power_of_two(self, n: Self::V) -> Self::V;
    /// The larger one; `b` where it is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a < b`, false where either is NaN.
    fn lt(self, a: Self::V, b: Self::V) -> Self::Mask;
    /// `a <= b`, false where either is NaN.
    fn le(self, a: Self::V, b: Self::V) -> Self::Mask;
    /// `yes` where the mask holds, `no` elsewhere.
    fn select(self, mask: Self::Mask, yes: Self::V, no: Self::V) -> Self::V;
    /// Swaps lanes between two vectors: cut into runs of so many lanes, a power of two below
    /// [`LANES`](Self::LANES), the second run of `a` changes places with the first of `b`, the fourth with the
    /// third, and so on. Runs of 1 give `[a0 b0 a2 b2 …]` and `[a1 b1 a3 b3 …]`. Transposes are made of it.
    fn swap(self, a: Self::V, b: Self::V, run: usize) -> [Self::V; 2];
    /// The sum of all lanes.
    fn sum(self, a: Self::V) -> T;
}

/// A piece of work that can run on any instruction set.
pub trait Kernel<T> {
    /// What it gives.
    type Output;
    /// Does the work. Must be `#[inline(always)]`, like all that it calls in an inner loop: the
    /// vector instructions are only used in the function that the dispatch compiled for them.
    fn run<I: Isa<T>>(self, isa: I) -> Self::Output;
}

/// Runs a [`Kernel`] on the best instruction set at hand. Implemented for `f32` and `f64`.
pub trait Dispatch: Sized {
    /// Chooses, then runs.
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output;
}

#[cfg(not(all(
    feature = "simd",
    not(debug_assertions),
    any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")
)))]
mod dispatch {
    use super::{Dispatch, Kernel, Scalar};

    impl Dispatch for f32 {
        #[inline(always)]
        fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
            kernel.run(Scalar)
        }
    }

    impl Dispatch for f64 {
        #[inline(always)]
        fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
            kernel.run(Scalar)
        }
    }
}
