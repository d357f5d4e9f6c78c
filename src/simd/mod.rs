//! SIMD: a formula is written once, and runs on vectors of every instruction set and on single numbers.
//!
//! A formula is generic over a [`Real`] `V` and uses `+ - * /` and functions such as [`Real::exp`]. `V` is
//! always a [`Vector`]: the lanes of one register, of an instruction set named by a [`Simd`] token. With the
//! token [`Scalar`] it is a single number. [`transform`] and [`reduce`] run a formula over slices.
//!
//! Each whole pass over a network is a [`Kernel`], which [`Dispatch::dispatch`] runs on the best instruction
//! set of the machine:
//!
//! | machine | instruction sets |
//! |---|---|
//! | x86-64 | AVX-512 and AVX2 with FMA, if the features `avx512` and `avx2` are on and the processor has them, else SSE2 |
//! | AArch64 | NEON |
//! | WebAssembly | simd128, if the program is compiled with it |
//! | all others, and without the feature `simd` | [`Scalar`] |
//! | with debug assertions | [`Scalar`] (unoptimised SIMD code needs megabytes of stack and minutes to compile) |
//!
//! The instruction set is chosen once per pass, not once per layer; all code of the pass is inlined into one
//! function that is compiled for it. The order in which a sum is added depends on the instruction set and on
//! the batch size, so results on different instruction sets agree to rounding only.

mod constants;
mod dispatch;
mod element;
mod math;
#[cfg(all(
    feature = "simd",
    not(debug_assertions),
    any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")
))]
mod pulp;
mod real;
mod scalar;
mod token;
mod vector;

pub(crate) use self::element::largest_absolute;
pub use self::{
    constants::Constants,
    dispatch::{Dispatch, Inlined, Kernel, LayerPasses, Outlined},
    element::{Element, Zeroed},
    real::Real,
    scalar::Scalar,
    token::Simd,
    vector::{Vector, map, reduce, reduce2, transform, transform2},
};

/// Whether the target can have SIMD.
pub(crate) const VECTORS: bool = cfg!(all(
    feature = "simd",
    any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")
));
