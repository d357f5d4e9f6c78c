//! Kernels, and the choice of an instruction set for each.

use super::Simd;

/// A piece of work that runs on any instruction set.
pub trait Kernel<T> {
    /// What the work returns.
    type Output;

    /// Does the work. It must be `#[inline(always)]`, like all functions that it calls in an inner loop:
    /// vector instructions are used only inside the function that [`Dispatch`] compiles for them.
    fn run<S: Simd<T>>(self, simd: S) -> Self::Output;
}

/// How the pass of each layer is compiled ([`Simd::layer_pass`]): [`Inlined`] or [`Outlined`].
///
/// All passes of a network are usually compiled as one function. The compiler's time grows faster than the length
/// of a function, so deep networks compile several times as fast if the pass of each layer is a separate function;
/// layers of equal shape then share it. In a shallow network the calls would cost 1 to 2 % of a training step.
pub trait LayerPasses: Copy + Default {
    /// Whether the pass of each layer is a separate function.
    const OUTLINED: bool;
}

/// All layers in one function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inlined;

impl LayerPasses for Inlined {
    const OUTLINED: bool = false;
}

/// Each layer in a separate function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outlined;

impl LayerPasses for Outlined {
    const OUTLINED: bool = true;
}

/// Runs a [`Kernel`] on the best instruction set of this machine. Implemented for `f32` and `f64`.
pub trait Dispatch: Sized {
    /// Chooses the instruction set, then runs the kernel.
    #[inline(always)]
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
        Self::dispatch_passes::<Inlined, K>(kernel)
    }

    /// The same; `P` is how the passes of layers are compiled.
    fn dispatch_passes<P: LayerPasses, K: Kernel<Self>>(kernel: K) -> K::Output;
}

#[cfg(not(all(
    feature = "simd",
    not(debug_assertions),
    any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")
)))]
mod scalar_only {
    use super::{Dispatch, Kernel, LayerPasses};
    use crate::simd::Scalar;

    impl Dispatch for f32 {
        #[inline(always)]
        fn dispatch_passes<P: LayerPasses, K: Kernel<Self>>(kernel: K) -> K::Output {
            kernel.run(Scalar)
        }
    }

    impl Dispatch for f64 {
        #[inline(always)]
        fn dispatch_passes<P: LayerPasses, K: Kernel<Self>>(kernel: K) -> K::Output {
            kernel.run(Scalar)
        }
    }
}
