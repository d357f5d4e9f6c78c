//! The rectified linear unit.

use core::{fmt, marker::PhantomData};

use crate::{
    Activation, Element, Features, Layer, Row, Rule, Zeroed, activation::forward_all, kernel::Isa,
    layer::line,
};

/// The rectified linear unit on `N` features: `a = max(0, z)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `a` | `(B, N)` | `a = max(0, z)` |
/// | `da`, `dz` | `(B, N)` | `dz = 0` where `z ≤ 0`, else `da` |
///
/// The gradient at `z = 0` is 0, and NaN goes through as NaN, both as in PyTorch. (`f32::max`
/// would turn NaN into 0 and hide it.)
///
/// # Examples
///
/// The check cell of the notebook:
///
/// ```
/// use constnet::Relu;
///
/// let relu = Relu::new();
/// let z = [[1.0, -2.0, 0.0, 3.0], [-1.5, 2.5, -0.3, 0.0]];
/// assert_eq!(relu.forward(&z), [[1.0, 0.0, 0.0, 3.0], [0.0, 2.5, 0.0, 0.0]]);
/// assert_eq!(relu.backward(&z, &[[1.0; 4]; 2]), [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relu<const N: usize, T = f32>(PhantomData<T>);

impl<const N: usize, T: Element> Relu<N, T> {
    /// The unit. It has no parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// `a = max(0, z)`
    #[must_use]
    pub fn forward<const B: usize>(self, z: &[[T; N]; B]) -> [[T; N]; B] {
        z.map(|row| row.map(|z| if z < T::ZERO { T::ZERO } else { z }))
    }

    /// `dz = 0` where `z ≤ 0`, else `da`.
    #[must_use]
    pub fn backward<const B: usize>(self, z: &[[T; N]; B], da: &[[T; N]; B]) -> [[T; N]; B] {
        let mut dz = *da;
        for (dz, z) in dz.as_flattened_mut().iter_mut().zip(z.as_flattened()) {
            if *z <= T::ZERO {
                *dz = T::ZERO;
            }
        }
        dz
    }
}

impl<const N: usize, T: Element> Activation<T> for Relu<N, T> {
    #[inline(always)]
    fn forward<I: Isa<T>>(self, isa: I, z: I::V) -> I::V {
        isa.max(isa.splat(T::ZERO), z)
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(self, isa: I, a: I::V, da: I::V) -> I::V {
        let zero = isa.splat(T::ZERO);
        isa.select(isa.le(a, zero), zero, da)
    }
}

impl<const N: usize, T: Element> Zeroed for Relu<N, T> {
    const ZERO: Self = Self::new();
}

impl<const N: usize, T: Element> Layer for Relu<N, T> {
    type In = Features<N, T>;
    type Out = Features<N, T>;
    type First = Self;
    type Last = Self;
    type Tape<const B: usize> = ();
    type Scratch = ();

    const PARAMS: usize = 0;
    const WEIGHTS: usize = 0;
    const LAYERS: usize = 1;

    #[inline(always)]
    fn lead(&self) -> impl Activation<T> {
        *self
    }

    #[inline(always)]
    fn trail(&self) -> impl Activation<T> {
        *self
    }

    #[inline(always)]
    fn input<'a, const B: usize>((): &'a mut (), y: &'a mut [[T; N]; B]) -> &'a mut [[T; N]; B] {
        y
    }

    #[inline(always)]
    fn forward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        (): &mut (),
        y: &mut [[T; N]; B],
        then: impl Activation<T>,
    ) {
        forward_all(isa, then, y.as_flattened_mut());
    }

    #[inline(always)]
    fn backward_tape<I: Isa<T>, const B: usize>(
        &self,
        _: I,
        (): &mut (),
        (): &mut (),
        _: &mut [Row<Self::Out>; B],
        _: impl Activation<T>,
        _: &mut Self,
    ) {
    }

    #[inline(always)]
    fn backward_step<I: Isa<T>, U: Rule<T, S>, const S: usize, const B: usize>(
        &mut self,
        _: I,
        (): &mut (),
        (): &mut (),
        _: &mut [Row<Self::Out>; B],
        _: impl Activation<T>,
        _: U,
        _: [&mut Self; S],
    ) {
    }

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, index, 0, format_args!("ReLU()"))
    }
}
