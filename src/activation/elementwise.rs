//! What all elementwise activations have in common.

use core::{any::type_name, fmt, marker::PhantomData};

use super::{After, Fused, forward_all};
use crate::{
    Activation, Element, Features, Identity, Layer, Part, Unwanted, Zeroed, kernel::Isa, layer::line,
    source::element,
};

/// An elementwise function `a = f(z)` and its gradient `dz = da · f′(z)`, each written twice: in
/// plain arithmetic, which says what is meant, and in vectors, which is what runs.
///
/// [`Elementwise`] makes a layer of it.
///
/// # Examples
///
/// A function of one's own, `a = z²`:
///
/// ```
/// use constnet::{
///     Linear, Sequential, Zeroed,
///     activation::{Elementwise, FromInput, Function},
///     kernel::Isa,
/// };
/// use core::fmt;
///
/// #[derive(Clone, Copy, Debug, Default, PartialEq)]
/// struct SquareFn;
///
/// impl Function<f32> for SquareFn {
///     /// `f′(z) = 2z`, whose sign `a` does not tell.
///     type Kept = FromInput;
///
///     fn value(z: f32) -> f32 {
///         z * z
///     }
///
///     fn gradient(z: f32, da: f32) -> f32 {
///         2.0 * z * da
///     }
///
///     fn forward<I: Isa<f32>>(isa: I, z: I::V) -> I::V {
///         isa.mul(z, z)
///     }
///
///     fn backward<I: Isa<f32>>(isa: I, z: I::V, da: I::V) -> I::V {
///         isa.mul(isa.add(z, z), da)
///     }
///
///     fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         write!(f, "Square()")
///     }
/// }
///
/// type Square<const N: usize> = Elementwise<SquareFn, N>;
///
/// let net: Sequential![Linear<2, 3>, Square<3>, Linear<3, 1>] = Zeroed::ZERO;
/// assert_eq!(Square::new().forward(&[[2.0, -3.0]]), [[4.0, 9.0]]);
/// assert_eq!(Square::new().backward(&[[2.0, -3.0]], &[[1.0, 1.0]]), [[4.0, -6.0]]);
/// ```
///
/// Vectors are only used in a function that says `#[inline(always)]`.
pub trait Function<T: Element>: Copy {
    /// What the gradient is told from: [`FromOutput`] or [`FromInput`].
    type Kept: Kept;

    /// `a = f(z)`
    fn value(z: T) -> T;
    /// `dz = da · f′(z)`
    fn gradient(z: T, da: T) -> T;
    /// `a = f(z)`
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V;
    /// `dz = da · f′(z)`, told from what is [`Kept`](Self::Kept): `a`, or `z`.
    fn backward<I: Isa<T>>(isa: I, kept: I::V, da: I::V) -> I::V;

    /// Writes the layer as PyTorch prints it.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Which of its input and its output a [`Function`]'s gradient is told from.
pub trait Kept {
    /// What the layer keeps of its own.
    type Tape<X: Zeroed>: Zeroed;
    /// What the layers around it do for it.
    type Fused<T: Element, F: Function<T>>: Activation<T> + After<Identity> + After<Unwanted>;

    /// The input, where the layer keeps it.
    fn input<X: Zeroed>(tape: &mut Self::Tape<X>) -> Option<&mut X>;
}

/// The gradient is told from the output, which the next layer keeps anyway: the function is
/// applied and gone back through by the layers around it, and takes no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FromOutput;

impl Kept for FromOutput {
    type Tape<X: Zeroed> = ();
    type Fused<T: Element, F: Function<T>> = Fused<F>;

    #[inline(always)]
    fn input<X: Zeroed>((): &mut ()) -> Option<&mut X> {
        None
    }
}

/// The gradient is told from the input, which the layer keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FromInput;

impl Kept for FromInput {
    type Tape<X: Zeroed> = X;
    type Fused<T: Element, F: Function<T>> = Identity;

    #[inline(always)]
    fn input<X: Zeroed>(tape: &mut X) -> Option<&mut X> {
        Some(tape)
    }
}

/// A [`Function`] of each of `N` features, as a layer without parameters.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `a` | `(B, N)` | `a = f(z)` |
/// | `da`, `dz` | `(B, N)` | `dz = da · f′(z)` |
///
/// Each has a name of its own: [`Relu`](crate::Relu), [`LeakyRelu`](crate::LeakyRelu),
/// [`Tanh`](crate::Tanh), [`Sigmoid`](crate::Sigmoid), [`Softplus`](crate::Softplus),
/// [`Gelu`](crate::Gelu), [`GeluTanh`](crate::GeluTanh), [`Silu`](crate::Silu).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Elementwise<F, const N: usize, T = f32>(PhantomData<(F, T)>);

impl<F, const N: usize, T> Elementwise<F, N, T> {
    /// The layer. It has no parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<F: Function<T>, const N: usize, T: Element> Elementwise<F, N, T> {
    /// `a = f(z)`
    #[must_use]
    pub fn forward<const B: usize>(self, z: &[[T; N]; B]) -> [[T; N]; B] {
        z.map(|row| row.map(F::value))
    }

    /// `dz = da · f′(z)`
    #[must_use]
    pub fn backward<const B: usize>(self, z: &[[T; N]; B], da: &[[T; N]; B]) -> [[T; N]; B] {
        let mut dz = *da;
        for (dz, z) in dz.as_flattened_mut().iter_mut().zip(z.as_flattened()) {
            *dz = F::gradient(*z, *dz);
        }
        dz
    }
}

impl<F, const N: usize, T> Zeroed for Elementwise<F, N, T> {
    const ZERO: Self = Self::new();
}

impl<F: Function<T>, const N: usize, T: Element> Layer for Elementwise<F, N, T> {
    type In = Features<N, T>;
    type Out = Features<N, T>;
    type First = Self;
    type Last = Self;
    type Lead = <F::Kept as Kept>::Fused<T, F>;
    type Trail = <F::Kept as Kept>::Fused<T, F>;
    type Tape<const B: usize> = <F::Kept as Kept>::Tape<[[T; N]; B]>;
    type Scratch = ();

    #[inline(always)]
    fn input<'a, const B: usize>(tape: &'a mut Self::Tape<B>, y: &'a mut [[T; N]; B]) -> &'a mut [[T; N]; B] {
        F::Kept::input(tape).unwrap_or(y)
    }

    #[inline(always)]
    fn forward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        y: &mut [[T; N]; B],
        then: impl Activation<T>,
    ) {
        let y = y.as_flattened_mut();
        let Some(z) = F::Kept::input(tape) else { return forward_all(isa, then, y) };
        for (z, y) in z.as_flattened().chunks(I::LANES).zip(y.chunks_mut(I::LANES)) {
            isa.store(y, then.forward(isa, F::forward(isa, isa.load(z))));
        }
    }

    #[inline(always)]
    fn backward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        (): &mut (),
        dy: &mut [[T; N]; B],
        before: impl Activation<T>,
        _: &mut Self,
    ) {
        let Some(z) = F::Kept::input(tape) else { return };
        for (z, dy) in z.as_flattened_mut().chunks_mut(I::LANES).zip(dy.as_flattened().chunks(I::LANES)) {
            let kept = isa.load(z);
            let dz = F::backward(isa, kept, isa.load(dy));
            isa.store(z, before.backward(isa, kept, dz));
        }
    }

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, index, 0, format_args!("{}", fmt::from_fn(F::describe)))
    }

    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = type_name::<F>();
        // Of this crate's own functions the last name is public: `constnet::activation::tanh::TanhFn`.
        let own = function.strip_prefix("constnet::").and_then(|path| path.rsplit("::").next());
        let alias = own.and_then(|name| name.strip_suffix("Fn"));
        let element = element::<T>();
        match (part, alias, own) {
            (Part::Type, Some(name), _) => write!(f, "constnet::{name}<{N}{element}>"),
            (Part::Value, Some(name), _) => write!(f, "constnet::{name}::new()"),
            (Part::Value, None, _) => f.write_str("constnet::activation::Elementwise::new()"),
            (Part::Type, None, Some(name)) => {
                write!(f, "constnet::activation::Elementwise<constnet::activation::{name}, {N}{element}>")
            }
            (Part::Type, None, None) => {
                write!(f, "constnet::activation::Elementwise<{function}, {N}{element}>")
            }
        }
    }
}
