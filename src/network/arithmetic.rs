//! Arithmetic on networks and gradients as vectors of all their parameters.

use num_traits::{Float, ToPrimitive};

use super::Sequential;
use crate::{
    error::{Error, check_length},
    layers::{CastTo, Elem, Layer, LayerTypes, Parameter, Shape, all_finite, dispatch, parameters},
    optim::{Sgd, norm},
    simd::{Element, Kernel, Real, Simd, Vector, Zeroed, reduce2, transform},
};

/// Arithmetic. A network, or a gradient, is a vector of its [`PARAMS`](Self::PARAMS) parameters, also those that no
/// optimiser changes. The functions from [`lerp`](Self::lerp) to [`norm`](Self::norm) use SIMD. Only
/// [`read_flat`](Self::read_flat) checks for infinite numbers and NaN; all others treat them as ordinary arithmetic
/// does.
impl<L: Layer> Sequential<L> {
    /// `self ← self + t (other − self)`: PyTorch's `self.lerp_(other, t)`. It is `self` for `t = 0` and `other` for
    /// `t = 1`, without a rounding error.
    ///
    /// With a small `t` after each step it is Polyak averaging, as for the target network of DQN:
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let net = sequential![Linear::new([[8.0, 4.0]], [2.0])];
    /// let mut average = sequential![Linear::new([[0.0, 4.0]], [4.0])];
    /// average.lerp(&net, 0.25);
    /// assert_eq!(average, sequential![Linear::new([[2.0, 4.0]], [3.5])]);
    /// ```
    pub fn lerp(&mut self, other: &Self, t: Elem<L>) {
        dispatch::<L, _>(Lerp { net: &mut self.0, other: &other.0, t });
    }

    /// `self ← self + factor · other`: BLAS' `axpy`.
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let mut net = sequential![Linear::new([[1.0, 2.0]], [3.0])];
    /// let gradient = sequential![Linear::new([[10.0, 0.0]], [-10.0])];
    /// net.add_scaled(-0.1, &gradient);
    /// assert_eq!(net, sequential![Linear::new([[0.0, 2.0]], [4.0])]);
    /// ```
    pub fn add_scaled(&mut self, factor: Elem<L>, other: &Self) {
        add_scaled(&mut self.0, factor, &other.0);
    }

    /// `self ← factor · self`
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let mut net = sequential![Linear::new([[1.0, 2.0]], [3.0])];
    /// net.scale(2.0);
    /// assert_eq!(net, sequential![Linear::new([[2.0, 4.0]], [6.0])]);
    /// ```
    pub fn scale(&mut self, factor: Elem<L>) {
        scale(&mut self.0, factor);
    }

    /// The sum of the products of all parameters with those of `other`.
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let a = sequential![Linear::new([[1.0, 2.0]], [3.0])];
    /// let b = sequential![Linear::new([[1.0, 0.5]], [2.0])];
    /// assert_eq!(a.dot(&b), 8.0);
    /// ```
    #[must_use]
    pub fn dot(&self, other: &Self) -> Elem<L> {
        dot(&self.0, &other.0)
    }

    /// The square root of the sum of the squares of all parameters, also if that sum is too large for the element type.
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let net = sequential![Linear::new([[2.0, 3.0]], [6.0])];
    /// assert_eq!(net.norm(), 7.0);
    /// ```
    #[must_use]
    pub fn norm(&self) -> Elem<L> {
        dispatch::<L, _>(Norm { net: &self.0 })
    }

    /// Copies all parameters to a vector, in PyTorch's order: its `parameters_to_vector`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`], if the vector has not [`PARAMS`](Self::PARAMS) numbers.
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let net = sequential![Linear::new([[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0])];
    /// let mut vector = [0.0; 6];
    /// net.write_flat(&mut vector)?;
    /// assert_eq!(vector, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    pub fn write_flat(&self, vector: &mut [Elem<L>]) -> Result<(), Error<Elem<L>>> {
        check_length("vector", vector.len(), L::PARAMS)?;
        let mut rest = vector;
        for parameter in self.parameters() {
            let [rows, columns] = parameter.shape;
            let (tensor, after) = rest.split_at_mut(rows * columns);
            rest = after;
            if is_contiguous(&parameter) {
                tensor.copy_from_slice(parameter.values);
            } else {
                tensor.iter_mut().zip(parameter.iter()).for_each(|(to, value)| *to = *value);
            }
        }
        Ok(())
    }

    /// Overwrites all parameters with the numbers of a vector, in PyTorch's order: its `vector_to_parameters`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`], if the vector has not [`PARAMS`](Self::PARAMS) numbers; [`Error::Parameter`] if one is infinite
    /// or NaN. The network is then unchanged.
    ///
    /// ```
    /// use constnet::{Zeroed, mlp};
    ///
    /// let mut net = <mlp![2, 1]>::ZERO;
    /// net.read_flat(&[1.0, 2.0, 0.5])?;
    /// assert_eq!(net.predict(&[10.0, 100.0]), [210.5]);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    pub fn read_flat(&mut self, vector: &[Elem<L>]) -> Result<(), Error<Elem<L>>> {
        check_length("vector", vector.len(), L::PARAMS)?;
        if !all_finite(vector) {
            return Err(not_finite(self, vector));
        }
        let mut rest = vector;
        self.for_each_parameter_mut(|mut parameter| {
            let (tensor, after) = rest.split_at(parameter.values.len());
            rest = after;
            if is_contiguous(&parameter.as_ref()) {
                parameter.values.copy_from_slice(tensor);
            } else {
                parameter.copy_from_slice(tensor);
            }
        });
        Ok(())
    }

    /// The same network with numbers of the type `T`, each rounded to the nearest: PyTorch's `model.double()` and
    /// `model.float()`. A number that is too large for `f32` becomes infinite.
    ///
    /// A [`Frozen`](crate::Frozen) network has its numbers elsewhere: a network that contains one cannot be cast, nor can a
    /// [`Custom`](crate::Custom) layer.
    ///
    /// ```
    /// use constnet::{Linear, mlp, sequential};
    ///
    /// let net = sequential![Linear::new([[0.5, 2.0]], [3.0])];
    /// let precise: mlp![f64; 2, 1] = net.cast::<f64>();
    /// assert_eq!(precise.predict(&[1.0, 1.0]), [5.5_f64]);
    /// assert_eq!(precise.cast::<f32>(), net);
    /// ```
    #[must_use]
    pub fn cast<T: Element>(&self) -> Sequential<L::As>
    where
        L: CastTo<T, As: Layer<In: Shape<Elem = T>>>,
    {
        let mut cast = Sequential::<L::As>::ZERO;
        let mut from = self.parameters();
        cast.for_each_parameter_mut(|to| {
            if let Some(from) = from.next() {
                for (to, from) in to.values.iter_mut().zip(from.values) {
                    *to = from.to_f64().map_or(T::nan(), T::from_f64);
                }
            }
        });
        cast
    }
}

/// `net ← net + factor · other`
pub(crate) fn add_scaled<N: Layer>(net: &mut N, factor: Elem<N>, other: &N) {
    dispatch::<N, _>(AddScaled { net, factor, other });
}

/// `net ← factor · net`
pub(crate) fn scale<N: Layer>(net: &mut N, factor: Elem<N>) {
    dispatch::<N, _>(Scale { net, factor });
}

/// The sum of the products of all parameters.
pub(crate) fn dot<N: Layer>(a: &N, b: &N) -> Elem<N> {
    dispatch::<N, _>(Dot { a, b })
}

/// `to ← from`, in place.
pub(crate) fn copy<N: Layer>(to: &mut N, from: &N) {
    for_each_pair(to, from, <[Elem<N>]>::copy_from_slice);
}

impl<T: Element, L: CastTo<T>> CastTo<T> for Sequential<L> {
    type As = Sequential<L::As>;
}

/// Whether the values are stored in PyTorch's order.
const fn is_contiguous<T>(parameter: &Parameter<'_, T>) -> bool {
    let [_, columns] = parameter.shape;
    parameter.strides[0] == columns && (parameter.strides[1] == 1 || columns == 1)
}

/// The error for the first number of a vector that is infinite or NaN.
#[cold]
fn not_finite<L: Layer>(net: &Sequential<L>, vector: &[Elem<L>]) -> Error<Elem<L>> {
    let mut rest = vector;
    for Parameter { layer, name, shape: [rows, columns], .. } in net.parameters() {
        let (tensor, after) = rest.split_at(rows * columns);
        rest = after;
        if let Some(at) = tensor.iter().position(|p| !p.is_finite()) {
            return Error::Parameter {
                layer,
                name,
                row: at / columns,
                column: at % columns,
                value: tensor[at],
            };
        }
    }
    Error::Overflow
}

/// Calls `each` with the values of each parameter tensor of `a`, to be changed, and those of `b`.
#[inline(always)]
fn for_each_pair<L: Layer>(a: &mut L, b: &L, mut each: impl FnMut(&mut [Elem<L>], &[Elem<L>])) {
    let mut index = 0;
    while let (Some(a), Some(b)) = (a.parameter_mut(index), b.parameter(index)) {
        each(a.values, b.values);
        index += 1;
    }
}

struct Lerp<'a, L: LayerTypes> {
    net: &'a mut L,
    other: &'a L,
    t: Elem<L>,
}

impl<L: Layer> Kernel<Elem<L>> for Lerp<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<L>>>(self, token: S) {
        let Self { net, other, t } = self;
        let one = Elem::<L>::from_count(1);
        // Starts at the nearer end, so that both ends are exact.
        let near = t + t < one;
        for_each_pair(net, other, |p, q| {
            transform(
                token,
                p,
                q,
                #[inline(always)]
                |p: Vector<S, _>, q| {
                    if near { (q - p).scale_add(t, p) } else { (p - q).scale_add(one - t, q) }
                },
            );
        });
    }
}

struct AddScaled<'a, L: LayerTypes> {
    net: &'a mut L,
    factor: Elem<L>,
    other: &'a L,
}

impl<L: Layer> Kernel<Elem<L>> for AddScaled<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<L>>>(self, token: S) {
        let Self { net, factor, other } = self;
        for_each_pair(net, other, |p, q| {
            transform(
                token,
                p,
                q,
                #[inline(always)]
                |p: Vector<S, _>, q| q.scale_add(factor, p),
            );
        });
    }
}

struct Scale<'a, L: LayerTypes> {
    net: &'a mut L,
    factor: Elem<L>,
}

impl<L: Layer> Kernel<Elem<L>> for Scale<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<L>>>(self, token: S) {
        let Self { net, factor } = self;
        let mut index = 0;
        while let Some(parameter) = net.parameter_mut(index) {
            crate::simd::map(
                token,
                parameter.values,
                #[inline(always)]
                |p: Vector<S, _>| p * factor,
            );
            index += 1;
        }
    }
}

struct Dot<'a, L> {
    a: &'a L,
    b: &'a L,
}

impl<L: Layer> Kernel<Elem<L>> for Dot<'_, L> {
    type Output = Elem<L>;

    #[inline(always)]
    fn run<S: Simd<Elem<L>>>(self, token: S) -> Elem<L> {
        let tensors = parameters(self.a).zip(parameters(self.b));
        tensors.fold(Elem::<L>::ZERO, |sum, (a, b)| {
            let products = reduce2(
                token,
                a.values,
                b.values,
                #[inline(always)]
                |sum, a, b| a.mul_add(b, sum),
            );
            sum + products
        })
    }
}

struct Norm<'a, L> {
    net: &'a L,
}

impl<L: Layer> Kernel<Elem<L>> for Norm<'_, L> {
    type Output = Elem<L>;

    #[inline(always)]
    fn run<S: Simd<Elem<L>>>(self, token: S) -> Elem<L> {
        // This optimiser limits no number before the norm is computed.
        norm(token, &Sgd { lr: Elem::<L>::ZERO }, self.net).0
    }
}
