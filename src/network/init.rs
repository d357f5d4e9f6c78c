//! Initialisation: how the parameters of a network start.
//!
//! | initializer | weights of a layer of `IN` inputs and `OUT` outputs | biases |
//! |---|---|---|
//! | [`He`], the default | normal, standard deviation `√(2 / IN)` | 0 |
//! | [`Xavier`] | uniform in `±√(6 / (IN + OUT))` | 0 |
//! | [`PyTorchDefault`] | uniform in `±√(1 / IN)` | the same |
//! | [`Normal`] | normal, standard deviation `gain / √IN` | 0 |
//! | [`Uniform`] | uniform in `±gain · √(3 / IN)` | 0 |
//! | [`Orthogonal`] | orthogonal rows or columns, times `gain` | 0 |
//! | [`Zeros`] | 0 | 0 |
//!
//! Each is a distribution of `rand`, for a network and for a single layer: `rng.sample(He)` returns it by value, on the
//! stack. To initialise a network in place, in a box (`Zeroed::boxed`) or a `static`, call
//! [`init`](crate::Sequential::init) (He) or [`init_with`](crate::Sequential::init_with).
//!
//! Values are drawn in the order of PyTorch's `(OUT, IN)`, layer after layer. On one platform a seed always gives the same
//! bits; between platforms a few values in a hundred differ in the last bit, because their `exp` and `ln` differ.

use num_traits::Float;
use rand::{Rng, RngExt, distr::Distribution};

use crate::{
    layers::{Initializer, Layer, ParameterMut},
    simd::Element,
};

/// He initialisation: each weight of a layer of `IN` inputs is normal with mean 0 and standard deviation
/// `√(2 / IN)`, each bias 0.
///
/// The notebook's `initialize_linear_layer`, and PyTorch's `nn.init.kaiming_normal_`. It keeps the size of the
/// activations through a deep ReLU network.
///
/// K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015.
///
/// # Examples
///
/// ```
/// use constnet::{He, mlp};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let mut rng = StdRng::seed_from_u64(0);
/// let net: mlp![5, 64, 3] = rng.sample(He);
/// ```
///
/// A large network is better initialised in place, without a copy on the stack:
///
/// ```
/// use constnet::{Zeroed, mlp};
/// use rand::{SeedableRng, rngs::StdRng};
/// use std::sync::Mutex;
///
/// static NET: Mutex<mlp![784, 512, 512, 10]> = Mutex::new(Zeroed::ZERO);
///
/// NET.lock().unwrap().init(&mut StdRng::seed_from_u64(0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct He;

/// Xavier (Glorot) initialisation: each weight is uniform between `−a` and `a` with `a = √(6 / (IN + OUT))`, each bias
/// 0. It suits tanh and sigmoid.
///
/// PyTorch's `nn.init.xavier_uniform_`.
///
/// X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
/// 2010.
///
/// # Examples
///
/// A single layer:
///
/// ```
/// use constnet::{Linear, Xavier};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let layer: Linear<4, 2> = StdRng::seed_from_u64(0).sample(Xavier);
/// assert!(layer.weight().as_flattened().iter().all(|w| w.abs() <= 1.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Xavier;

/// The initial values of PyTorch's `nn.Linear`: each weight and each bias is uniform between `−a` and `a` with
/// `a = √(1 / IN)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PyTorchDefault;

/// Each weight is normal with mean 0 and standard deviation `gain / √IN`, each bias 0.
///
/// PyTorch's `nn.init.kaiming_normal_`, in which the gain depends on the activation: `√2` for ReLU ([`He`]), 1 for
/// a linear layer, 5/3 for tanh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// The standard deviation, times `√IN`.
    pub gain: f64,
}

/// Each weight is uniform between `−a` and `a` with `a = gain · √(3 / IN)`, each bias 0: the standard deviation is
/// `gain / √IN`.
///
/// PyTorch's `nn.init.kaiming_uniform_`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    /// The standard deviation, times `√IN`.
    pub gain: f64,
}

/// The rows of each weight matrix are orthogonal vectors of length `gain`, or its columns if there are more rows
/// than columns. Each bias is 0.
///
/// PyTorch's `nn.init.orthogonal_`. Random normal numbers are made orthogonal by the modified Gram-Schmidt
/// process, in place.
///
/// A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
/// linear neural networks", ICLR 2014.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orthogonal {
    /// The length of the rows or columns: 1 keeps the length of what passes through a linear layer.
    pub gain: f64,
}

/// Every weight and bias is 0: for a last layer. If all layers start like this, a network with ReLU or tanh learns only
/// the bias of its last layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zeros;

/// Sets all values to normal random numbers of mean 0 and this standard deviation.
fn normal<T: Element, R: Rng + ?Sized>(mut values: ParameterMut<'_, T>, deviation: T, rng: &mut R) {
    values.for_each_mut(|value| *value = T::standard_normal(rng) * deviation);
}

/// Sets all values to uniform random numbers between `−bound` and `bound`.
fn uniform<T: Element, R: Rng + ?Sized>(mut values: ParameterMut<'_, T>, bound: T, rng: &mut R) {
    let two = T::from_f64(2.0);
    values.for_each_mut(|value| *value = bound * (two * T::from_f64(rng.random::<f64>()) - T::ONE));
}

impl Initializer for He {
    fn weight<T: Element, R: Rng + ?Sized>(&self, weight: ParameterMut<'_, T>, rng: &mut R) {
        let [_, inputs] = weight.shape;
        normal(weight, Float::sqrt(T::from_f64(2.0) / T::from_count(inputs)), rng);
    }
}

impl Initializer for Xavier {
    fn weight<T: Element, R: Rng + ?Sized>(&self, weight: ParameterMut<'_, T>, rng: &mut R) {
        let [outputs, inputs] = weight.shape;
        uniform(weight, Float::sqrt(T::from_f64(6.0) / T::from_count(inputs + outputs)), rng);
    }
}

impl Initializer for PyTorchDefault {
    fn weight<T: Element, R: Rng + ?Sized>(&self, weight: ParameterMut<'_, T>, rng: &mut R) {
        let [_, inputs] = weight.shape;
        uniform(weight, Float::sqrt(T::from_count(inputs).recip()), rng);
    }

    fn bias<T: Element, R: Rng + ?Sized>(&self, bias: ParameterMut<'_, T>, inputs: usize, rng: &mut R) {
        uniform(bias, Float::sqrt(T::from_count(inputs).recip()), rng);
    }
}

impl Initializer for Normal {
    fn weight<T: Element, R: Rng + ?Sized>(&self, weight: ParameterMut<'_, T>, rng: &mut R) {
        let [_, inputs] = weight.shape;
        normal(weight, T::from_f64(self.gain) / Float::sqrt(T::from_count(inputs)), rng);
    }
}

impl Initializer for Uniform {
    fn weight<T: Element, R: Rng + ?Sized>(&self, weight: ParameterMut<'_, T>, rng: &mut R) {
        let [_, inputs] = weight.shape;
        let bound = T::from_f64(self.gain) * Float::sqrt(T::from_f64(3.0) / T::from_count(inputs));
        uniform(weight, bound, rng);
    }
}

impl Initializer for Orthogonal {
    fn weight<T: Element, R: Rng + ?Sized>(&self, mut weight: ParameterMut<'_, T>, rng: &mut R) {
        let [rows, columns] = weight.shape;
        let wide = rows <= columns;
        let (vectors, len) = if wide { (rows, columns) } else { (columns, rows) };
        let place = |vector, index| if wide { (vector, index) } else { (index, vector) };
        let at = |weight: &ParameterMut<'_, T>, vector, index| {
            let (row, column) = place(vector, index);
            weight.as_ref().get(row, column).copied().unwrap_or(T::ZERO)
        };
        weight.for_each_mut(|value| *value = T::standard_normal(rng));
        for vector in 0..vectors {
            // Twice, since the first time leaves the rounding errors of nearly parallel vectors.
            for before in (0..vector).chain(0..vector) {
                let dot =
                    (0..len).fold(T::ZERO, |sum, n| sum + at(&weight, vector, n) * at(&weight, before, n));
                for n in 0..len {
                    let less = dot * at(&weight, before, n);
                    let (row, column) = place(vector, n);
                    if let Some(value) = weight.get_mut(row, column) {
                        *value = *value - less;
                    }
                }
            }
            let square = (0..len).fold(T::ZERO, |sum, n| sum + at(&weight, vector, n).powi(2));
            let length = Float::sqrt(square);
            for n in 0..len {
                let (row, column) = place(vector, n);
                if let Some(value) = weight.get_mut(row, column) {
                    *value = *value / length;
                }
            }
        }
        let gain = T::from_f64(self.gain);
        weight.for_each_mut(|value| *value = *value * gain);
    }
}

impl Initializer for Zeros {
    fn weight<T: Element, R: Rng + ?Sized>(&self, weight: ParameterMut<'_, T>, _: &mut R) {
        weight.values.fill(T::ZERO);
    }
}

macro_rules! distribution {
    ($($initializer:ident)+) => { $(
        impl<N: Layer> Distribution<N> for $initializer {
            fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> N {
                let mut net = N::ZERO;
                net.init(self, rng);
                net
            }
        }
    )+ };
}

distribution!(He Xavier PyTorchDefault Normal Uniform Orthogonal Zeros);
