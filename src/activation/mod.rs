//! Elementwise activations, one file each.
//!
//! | activation | formula | PyTorch |
//! |---|---|---|
//! | [`Relu`] | `max(0, z)` | `nn.ReLU()` |
//! | [`LeakyRelu`] | `z`, or a small part of it where `z < 0` | `nn.LeakyReLU()` |
//! | [`Tanh`] | `tanh(z)` | `nn.Tanh()` |
//! | [`Sigmoid`] | `1 / (1 + exp(−z))` | `nn.Sigmoid()` |
//! | [`Softplus`] | `ln(1 + exp(z))` | `nn.Softplus()` |
//! | [`Elu`] | `z`, or `exp(z) − 1` where `z < 0` | `nn.ELU()` |
//! | [`Selu`] | `λ z`, or `λ α (exp(z) − 1)` where `z < 0` | `nn.SELU()` |
//! | [`Gelu`] | `z Φ(z)` | `nn.GELU()` |
//! | [`GeluTanh`] | `z (1 + tanh(u)) / 2`, near `z Φ(z)` | `nn.GELU(approximate='tanh')` |
//! | [`Silu`] | `z σ(z)` | `nn.SiLU()` |
//! | [`Hardtanh`] | `max(−1, min(z, 1))` | `nn.Hardtanh()` |
//! | [`Hardsigmoid`] | `max(0, min(z + 3, 6)) / 6` | `nn.Hardsigmoid()` |
//! | [`Hardswish`] | `z max(0, min(z + 3, 6)) / 6` | `nn.Hardswish()` |
//!
//! Each is a struct such as `Relu<64>` that implements [`Activation`]: two formulas. The macro
//! [`activation_layer!`](crate::activation_layer) makes a layer of it.

mod elu;
mod gelu;
mod hardsigmoid;
mod hardswish;
mod hardtanh;
mod leaky_relu;
mod relu;
mod selu;
mod sigmoid;
mod silu;
mod softplus;
mod tanh;

pub use self::{
    elu::Elu,
    gelu::{Gelu, GeluTanh},
    hardsigmoid::Hardsigmoid,
    hardswish::Hardswish,
    hardtanh::Hardtanh,
    leaky_relu::LeakyRelu,
    relu::Relu,
    selu::Selu,
    sigmoid::Sigmoid,
    silu::Silu,
    softplus::Softplus,
    tanh::Tanh,
};
pub use crate::layers::fusion::Activation;

/// The names that the crate root re-exports.
pub(crate) mod root {
    pub use super::{
        Elu, Gelu, GeluTanh, Hardsigmoid, Hardswish, Hardtanh, LeakyRelu, Relu, Selu, Sigmoid, Silu,
        Softplus, Tanh,
    };
}

/// Declares an activation: a struct of size 0 that is a layer of `N` features, given its two formulas, an
/// `impl` of [`Activation`](crate::activation::Activation).
///
/// The derivative is computed `from output` or `from input`. With `from output`, the activation takes no memory: the
/// layer before it applies the formula as it writes its output, and the layer after it, which caches that output as its
/// input, applies the derivative. With `from input`, the activation caches its own input.
///
/// The struct has the parameters `N`, the number of features, and `T`, the element type (`f32` if left out). A
/// number of type `usize` can stand between them, with its default: `pub struct Leaky<N, PERCENT = 1>: …`.
///
/// The string after the colon is the line that PyTorch would print. `"Leaky(percent={})" with PERCENT` formats a value
/// into it. With `, gives Probabilities` at the end, the output shape is
/// [`Probabilities`](crate::layers::Probabilities) instead of [`Features`](crate::layers::Features).
///
/// # Examples
///
/// `a = z²`, whose derivative `2z` cannot be computed from `a`:
///
/// ```
/// use constnet::{
///     Linear, Sequential, Zeroed,
///     activation::Activation,
///     activation_layer,
///     simd::{Element, Real},
/// };
///
/// activation_layer! {
///     /// The square of each feature.
///     pub struct Square<N>: "Square()", from input
/// }
///
/// impl<const N: usize, T: Element> Activation for Square<N, T> {
///     type Elem = T;
///
///     #[inline(always)]
///     fn forward<V: Real<T>>(z: V) -> V {
///         z * z
///     }
///
///     #[inline(always)]
///     fn backward<V: Real<T>>(z: V, da: V) -> V {
///         da * (z + z)
///     }
/// }
///
/// let net: Sequential![Linear<2, 3>, Square<3>, Linear<3, 1>] = Zeroed::ZERO;
/// assert_eq!(Square::new().forward(&[[2.0, -3.0]]), [[4.0, 9.0]]);
/// assert_eq!(Square::new().backward(&[[2.0, -3.0]], &[[1.0, 1.0]]), [[4.0, -6.0]]);
/// ```
#[macro_export]
macro_rules! activation_layer {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident<N $(, $P:ident = $default:literal)?>:
            $pytorch:literal $(with $argument:expr)?, from $from:ident $(, gives $out:ident)?
    ) => {
        $crate::private::zeroable! {
            $(#[$doc])*
            #[derive(Clone, Copy, Default, PartialEq, Eq)]
            $vis struct $name<const N: usize $(, const $P: usize = $default)?, T = f32>(
                ::core::marker::PhantomData<T>,
            );
        }

        impl<const N: usize $(, const $P: usize)?, T> $name<N $(, $P)?, T> {
            /// The layer. It has no parameters.
            #[must_use]
            pub const fn new() -> Self {
                Self(::core::marker::PhantomData)
            }
        }

        impl<const N: usize $(, const $P: usize)?, T: $crate::simd::Element> $name<N $(, $P)?, T> {
            /// The forward pass: `a = f(z)`.
            #[must_use]
            pub fn forward<const B: usize>(self, z: &[[T; N]; B]) -> [[T; N]; B] {
                use $crate::{activation::Activation, simd::Vector};
                z.map(|row| row.map(|z| <Self as Activation>::forward(Vector::number(z)).get()))
            }

            /// The backward pass: `dz = da · f′(z)`.
            #[must_use]
            pub fn backward<const B: usize>(self, z: &[[T; N]; B], da: &[[T; N]; B]) -> [[T; N]; B] {
                use $crate::{activation::Activation, simd::Vector};
                let mut dz = *da;
                for (dz, z) in dz.as_flattened_mut().iter_mut().zip(z.as_flattened()) {
                    let saved = $crate::activation_layer!(@saved $from, Vector::number(*z));
                    *dz = <Self as Activation>::backward(saved, Vector::number(*dz)).get();
                }
                dz
            }
        }

        impl<const N: usize $(, const $P: usize)?, T> $crate::Zeroed for $name<N $(, $P)?, T> {
            const ZERO: Self = Self::new();
        }

        /// The name and the features: `Relu<64>`.
        impl<const N: usize $(, const $P: usize)?, T: $crate::simd::Element> ::core::fmt::Debug
            for $name<N $(, $P)?, T>
        {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_fmt($crate::activation_layer!(@type $name $(, $P)?))
            }
        }

        impl<const N: usize $(, const $P: usize)?, T: $crate::simd::Element> $crate::layers::LayerTypes
            for $name<N $(, $P)?, T>
        {
            type In = $crate::layers::Features<N, T>;
            type Out = $crate::activation_layer!(@out $($out)?);
            $crate::activation_layer!(@types $from);
        }

        impl<const N: usize $(, const $P: usize)?, T: $crate::simd::Element> $crate::layers::Layer
            for $name<N $(, $P)?, T>
        {
            $crate::activation_layer!(@passes $from);

            fn print(&self, printer: &mut $crate::layers::Printer<'_, '_>) -> ::core::fmt::Result {
                printer.layer($crate::layers::LayerText {
                    pytorch: ::core::format_args!($pytorch $(, $argument)?),
                    path: $crate::private::source_path(module_path!()),
                    rust_type: $crate::activation_layer!(@type $name $(, $P)?),
                    rust_value: ::core::format_args!("{}::new()", ::core::stringify!($name)),
                    parameters: 0,
                })
            }
        }

        impl<const N: usize $(, const $P: usize)?, T> $crate::layers::ParamCount for $name<N $(, $P)?, T> {
            type Count = $crate::private::typenum::U0;
        }

        impl<const N: usize $(, const $P: usize)?, T> $crate::layers::CacheSize for $name<N $(, $P)?, T>
        where
            $crate::private::typenum::Const<N>:
                $crate::private::typenum::ToUInt<Output: $crate::private::typenum::Unsigned>,
        {
            type Cached = $crate::activation_layer!(@cached $from);
            type Output = $crate::private::typenum::U<N>;
        }

        impl<const N: usize $(, const $P: usize)?, T> $crate::layers::Cost for $name<N $(, $P)?, T>
        where
            Self: $crate::layers::Layer,
        {
            const FORWARD: usize = 0;
        }

        $crate::layer_impls!(
            $name<N $(, $P)?, T>, T, const N: usize, $(const $P: usize,)? T: $crate::simd::Element
        );
        $crate::private::serde_unit!($name, N $(, $P)?);
        $crate::cast_to!($name<N $(, $P)?;>);
    };

    (@saved output, $z:expr) => { <Self as $crate::activation::Activation>::forward($z) };
    (@saved input, $z:expr) => { $z };

    (@out) => { $crate::layers::Features<N, T> };
    (@out $out:ident) => { $crate::layers::$out<N, T> };

    (@types output) => {
        type Cache<const B: usize> = ();
        type Scratch = ();
        type Ends = $crate::layers::Fused<Self>;
    };

    (@types input) => {
        type Cache<const B: usize> = [[T; N]; B];
        type Scratch = ();
        type Ends = $crate::layers::Unfused<Self>;
    };

    (@cached output) => { $crate::private::typenum::U0 };
    (@cached input) => { $crate::private::typenum::U<N> };

    (@type $name:ident) => {
        ::core::format_args!(
            "{}<{}{}>", ::core::stringify!($name), N, $crate::private::element_suffix::<T>()
        )
    };
    (@type $name:ident, $P:ident) => {
        ::core::format_args!(
            "{}<{}, {}{}>", ::core::stringify!($name), N, $P, $crate::private::element_suffix::<T>()
        )
    };

    // The neighbouring layers apply the activation and its derivative. Only the epilogue, which belongs to the
    // layer after this one, is left to apply.
    (@passes output) => {
        #[inline(always)]
        fn input_buffer<'a, const B: usize>(
            (): &'a mut (),
            y: &'a mut [[T; N]; B],
        ) -> &'a mut [[T; N]; B] {
            y
        }

        #[inline(always)]
        fn forward<S: $crate::simd::Simd<T>, const B: usize>(
            &self,
            ctx: $crate::layers::Context<S>,
            (): &mut (),
            a: &mut [[T; N]; B],
            epilogue: impl $crate::layers::Epilogue<T>,
        ) {
            $crate::private::apply(ctx.token, epilogue, a.as_flattened_mut());
        }

        #[inline(always)]
        fn backward<S: $crate::simd::Simd<T>, const B: usize>(
            &self,
            _: $crate::layers::Context<S>,
            (): &mut (),
            (): &mut (),
            _: &mut [[T; N]; B],
            _: impl $crate::layers::InputGrad<T>,
            _: &mut Self,
        ) {
        }

        #[inline(always)]
        fn forward_tangents<S: $crate::simd::Simd<T>, const B: usize>(
            &self,
            _: $crate::layers::Context<S>,
            (): &mut (),
            _: &mut [[T; N]; B],
            (): &mut (),
            _: &mut [[T; N]; B],
        ) {
        }
    };

    // The layer keeps its input, and applies the activation and its derivative itself.
    (@passes input) => {
        const SYMMETRIC_JACOBIAN: bool = true;

        #[inline(always)]
        fn input_buffer<'a, const B: usize>(
            z: &'a mut [[T; N]; B],
            _: &'a mut [[T; N]; B],
        ) -> &'a mut [[T; N]; B] {
            z
        }

        #[inline(always)]
        fn forward<S: $crate::simd::Simd<T>, const B: usize>(
            &self,
            ctx: $crate::layers::Context<S>,
            z: &mut [[T; N]; B],
            a: &mut [[T; N]; B],
            epilogue: impl $crate::layers::Epilogue<T>,
        ) {
            $crate::simd::transform(
                ctx.token,
                a.as_flattened_mut(),
                z.as_flattened(),
                #[inline(always)]
                |_, z| epilogue.apply(<Self as $crate::activation::Activation>::forward(z)),
            );
        }

        #[inline(always)]
        fn backward<S: $crate::simd::Simd<T>, const B: usize>(
            &self,
            ctx: $crate::layers::Context<S>,
            z: &mut [[T; N]; B],
            (): &mut (),
            da: &mut [[T; N]; B],
            input_grad: impl $crate::layers::InputGrad<T>,
            _: &mut Self,
        ) {
            $crate::simd::transform(
                ctx.token,
                z.as_flattened_mut(),
                da.as_flattened(),
                #[inline(always)]
                |z, da| input_grad.apply(z, <Self as $crate::activation::Activation>::backward(z, da)),
            );
        }
    };
}

/// Implements serde's traits for an activation. It has no data: in JSON it is `null`, in postcard it takes no
/// bytes.
#[cfg(feature = "serde")]
#[doc(hidden)]
#[macro_export]
macro_rules! serde_unit {
    ($name:ident, N $(, $P:ident)?) => {
        impl<const N: usize $(, const $P: usize)?, T> $crate::private::serde::Serialize for $name<N $(, $P)?, T> {
            fn serialize<S: $crate::private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                $crate::private::serde::Serialize::serialize(&self.0, serializer)
            }
        }

        impl<'de, const N: usize $(, const $P: usize)?, T> $crate::private::serde::Deserialize<'de>
            for $name<N $(, $P)?, T>
        {
            fn deserialize<D: $crate::private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::private::serde::Deserialize::deserialize(deserializer).map(Self)
            }
        }

        $crate::private::saved_layer!($name<N $(, $P)?, T>, const N: usize, $(const $P: usize,)? T);
    };
}

/// Without the feature `serde`: nothing.
#[cfg(not(feature = "serde"))]
#[doc(hidden)]
#[macro_export]
macro_rules! serde_unit {
    ($($name:tt)*) => {};
}

/// The struct of an activation, which can be [boxed](crate::Zeroed::boxed) as part of a network.
#[cfg(feature = "alloc")]
#[doc(hidden)]
#[macro_export]
macro_rules! zeroable {
    ($($activation:tt)*) => {
        #[derive($crate::private::bytemuck::Zeroable)]
        #[bytemuck(crate = "constnet::private::bytemuck")]
        #[zeroable(bound = "")]
        $($activation)*
    };
}

/// Without the feature `alloc`: the struct only.
#[cfg(not(feature = "alloc"))]
#[doc(hidden)]
#[macro_export]
macro_rules! zeroable {
    ($($activation:tt)*) => { $($activation)* };
}
