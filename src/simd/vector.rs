//! Vectors with operators, and the loops that run a formula over slices.

use core::{
    fmt,
    ops::{Add, Div, Mul, Neg, Sub},
};

use super::{Element, Real, Scalar, Simd, math};

/// The lanes of one register of the instruction set `S`: a [`Real`].
///
/// The token `S` has size 0, so a vector is as large as its register. With [`Scalar`] it is one number.
#[derive(Clone, Copy)]
pub struct Vector<S: Simd<T>, T> {
    simd: S,
    pub(crate) register: S::Register,
}

impl<T: Element> Vector<Scalar, T> {
    /// A vector of a single lane.
    #[must_use]
    #[inline(always)]
    pub const fn number(number: T) -> Self {
        Self { simd: Scalar, register: number }
    }

    /// The number in the single lane.
    #[must_use]
    #[inline(always)]
    pub const fn get(self) -> T {
        self.register
    }
}

impl<S: Simd<T>, T: Element> Vector<S, T> {
    /// The vector in a register.
    #[inline(always)]
    pub(crate) const fn new(simd: S, register: S::Register) -> Self {
        Self { simd, register }
    }

    /// The same number in every lane.
    #[must_use]
    #[inline(always)]
    pub fn from_number(simd: S, number: T) -> Self {
        Self { simd, register: simd.splat(number) }
    }

    /// The first elements of a slice. Lanes beyond its end are 0.
    #[must_use]
    #[inline(always)]
    pub fn load(simd: S, from: &[T]) -> Self {
        Self { simd, register: simd.load(from) }
    }

    /// Stores the first lanes, as many as the slice is long.
    #[inline(always)]
    pub fn store(self, to: &mut [T]) {
        self.simd.store(to, self.register);
    }

    /// Adds the vector to the first elements of a slice.
    #[inline(always)]
    pub(crate) fn add_to(self, to: &mut [T]) {
        (Self::load(self.simd, to) + self).store(to);
    }

    /// Adds `factor` times the vector to the first elements of a slice.
    #[inline(always)]
    pub(crate) fn add_scaled_to(self, factor: T, to: &mut [T]) {
        self.scale_add(factor, Self::load(self.simd, to)).store(to);
    }

    /// The token of the instruction set.
    #[inline(always)]
    pub(crate) const fn token(self) -> S {
        self.simd
    }

    /// The sum of all lanes.
    #[must_use]
    #[inline(always)]
    pub fn sum(self) -> T {
        self.simd.sum(self.register)
    }

    /// A function of a single number, compiled once and called from all places that use it: on a
    /// microcontroller there is no room for a copy in each place. For [`Scalar`] only.
    #[inline(always)]
    fn called<const K: usize>(self, f: impl Fn(Vector<Scalar, T>) -> [Vector<Scalar, T>; K]) -> [Self; K] {
        #[inline(never)]
        fn call<A, R>(f: impl Fn(A) -> R, x: A) -> R {
            f(x)
        }
        call(f, Vector::number(self.sum())).map(|y| self.splat(y.get()))
    }
}

impl<S: Simd<T>, T> fmt::Debug for Vector<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vector of {} lanes", S::LANES)
    }
}

macro_rules! operator {
    ($operator:ident, $f:ident) => {
        impl<S: Simd<T>, T> $operator for Vector<S, T> {
            type Output = Self;

            #[inline(always)]
            fn $f(self, other: Self) -> Self {
                Self { register: self.simd.$f(self.register, other.register), ..self }
            }
        }

        /// With the same number in every lane.
        impl<S: Simd<T>, T: Element> $operator<T> for Vector<S, T> {
            type Output = Self;

            #[inline(always)]
            fn $f(self, number: T) -> Self {
                Self { register: self.simd.$f(self.register, self.simd.splat(number)), ..self }
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<S: Simd<T>, T: Element> Neg for Vector<S, T> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self * -T::ONE
    }
}

/// Functions that a microcontroller calls rather than inlines: see [`Vector::called`].
macro_rules! functions {
    ($($name:ident)+) => { $(
        #[inline(always)]
        fn $name(self) -> Self {
            if const { S::LANES == 1 } {
                let [y] = self.called(|x| [math::$name(x)]);
                return y;
            }
            math::$name(self)
        }
    )+ };
}

impl<S: Simd<T>, T: Element> Real<T> for Vector<S, T> {
    const LANES: usize = S::LANES;

    #[inline(always)]
    fn splat(self, number: T) -> Self {
        Self { register: self.simd.splat(number), ..self }
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self { register: self.simd.mul_add(self.register, a.register, b.register), ..self }
    }

    #[inline(always)]
    fn max(self, bound: T) -> Self {
        Self { register: self.simd.max(self.simd.splat(bound), self.register), ..self }
    }

    #[inline(always)]
    fn min(self, bound: T) -> Self {
        Self { register: self.simd.min(self.simd.splat(bound), self.register), ..self }
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self { register: self.simd.abs(self.register), ..self }
    }

    #[inline(always)]
    fn select_lt(self, bound: T, yes: Self, no: Self) -> Self {
        let mask = self.simd.lt(self.register, self.simd.splat(bound));
        Self { register: self.simd.select(mask, yes.register, no.register), ..self }
    }

    #[inline(always)]
    fn select_le(self, bound: T, yes: Self, no: Self) -> Self {
        let mask = self.simd.le(self.register, self.simd.splat(bound));
        Self { register: self.simd.select(mask, yes.register, no.register), ..self }
    }

    #[inline(always)]
    fn select_gt(self, bound: T, yes: Self, no: Self) -> Self {
        let mask = self.simd.lt(self.simd.splat(bound), self.register);
        Self { register: self.simd.select(mask, yes.register, no.register), ..self }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self { register: self.simd.sqrt(self.register), ..self }
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self { register: self.simd.power_of_two(self.register), ..self }
    }

    functions! { exp expm1 tanh softplus }

    #[inline(always)]
    fn sigmoid(self) -> Self {
        self.splat(T::ONE) / ((-self).exp() + T::ONE)
    }

    #[inline(always)]
    fn normal(self) -> [Self; 2] {
        if const { S::LANES == 1 } { self.called(math::normal) } else { math::normal(self) }
    }
}

/// `y[i] = f(y[i])`
#[inline(always)]
pub fn map<S: Simd<T>, T: Element>(simd: S, y: &mut [T], mut f: impl FnMut(Vector<S, T>) -> Vector<S, T>) {
    for y in y.chunks_mut(S::LANES) {
        f(Vector::load(simd, y)).store(y);
    }
}

/// `y[i] = f(y[i], x[i])`
#[inline(always)]
pub fn transform<S: Simd<T>, T: Element>(
    simd: S,
    y: &mut [T],
    x: &[T],
    mut f: impl FnMut(Vector<S, T>, Vector<S, T>) -> Vector<S, T>,
) {
    for (y, x) in y.chunks_mut(S::LANES).zip(x.chunks(S::LANES)) {
        f(Vector::load(simd, y), Vector::load(simd, x)).store(y);
    }
}

/// `y[i] = f(y[i], a[i], b[i])`
#[inline(always)]
pub fn transform2<S: Simd<T>, T: Element>(
    simd: S,
    y: &mut [T],
    a: &[T],
    b: &[T],
    mut f: impl FnMut(Vector<S, T>, Vector<S, T>, Vector<S, T>) -> Vector<S, T>,
) {
    for (y, (a, b)) in y.chunks_mut(S::LANES).zip(a.chunks(S::LANES).zip(b.chunks(S::LANES))) {
        f(Vector::load(simd, y), Vector::load(simd, a), Vector::load(simd, b)).store(y);
    }
}

/// A sum over a slice: starts with 0, replaces the sum by `f(sum, x[i])` for each element, and adds up the
/// lanes. Lanes beyond the end of `x` are 0: for those `f` must leave the sum as it is.
#[inline(always)]
pub fn reduce<S: Simd<T>, T: Element>(
    simd: S,
    x: &[T],
    mut f: impl FnMut(Vector<S, T>, Vector<S, T>) -> Vector<S, T>,
) -> T {
    let mut sum = Vector::from_number(simd, T::ZERO);
    for x in x.chunks(S::LANES) {
        sum = f(sum, Vector::load(simd, x));
    }
    sum.sum()
}

/// A sum over two slices, as [`reduce`]: replaces the sum by `f(sum, a[i], b[i])` for each pair.
#[inline(always)]
pub fn reduce2<S: Simd<T>, T: Element>(
    simd: S,
    a: &[T],
    b: &[T],
    mut f: impl FnMut(Vector<S, T>, Vector<S, T>, Vector<S, T>) -> Vector<S, T>,
) -> T {
    let mut sum = Vector::from_number(simd, T::ZERO);
    for (a, b) in a.chunks(S::LANES).zip(b.chunks(S::LANES)) {
        sum = f(sum, Vector::load(simd, a), Vector::load(simd, b));
    }
    sum.sum()
}
