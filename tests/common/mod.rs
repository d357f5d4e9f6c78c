//! Shared by several tests: seeded random numbers, parameters as flat lists, finite differences, and a loss that
//! records its samples.
#![allow(dead_code, reason = "no test uses everything")]

use std::{cell::RefCell, env, fs, path::PathBuf, process};

use approx::assert_relative_eq;
use constnet::{
    Cache, Loss, Mse, Sequential, Zeroed, gradient_check,
    layers::{Elem, Features, HasGradient, Layer, Row, Shape},
    simd::Simd,
};
use rand::{Rng, SeedableRng, distr::Distribution, rngs::Xoshiro128PlusPlus};
use rand_distr::StandardNormal;

/// The seeded generator of all tests.
pub(crate) fn rng(seed: u64) -> Xoshiro128PlusPlus {
    Xoshiro128PlusPlus::seed_from_u64(seed)
}

/// A batch of standard normal numbers.
pub(crate) fn rows<S: Shape, const B: usize>(rng: &mut impl Rng) -> [Row<S>; B]
where
    StandardNormal: Distribution<S::Elem>,
{
    let mut rows = [Row::<S>::ZERO; B];
    S::flatten_mut(&mut rows).fill_with(|| StandardNormal.sample(rng));
    rows
}

/// A batch of these numbers, one row after the other.
pub(crate) fn rows_of<S: Shape, const B: usize>(flat: &[S::Elem]) -> [Row<S>; B] {
    let mut rows = [Row::<S>::ZERO; B];
    S::flatten_mut(&mut rows).copy_from_slice(flat);
    rows
}

/// A network with standard normal parameters, including the biases, so that no gradient is 0 by accident.
pub(crate) fn network<N: Layer>(rng: &mut impl Rng) -> N
where
    StandardNormal: Distribution<Elem<N>>,
{
    let mut net = N::ZERO;
    let values: Vec<_> = StandardNormal.sample_iter(rng).take(N::PARAMS).collect();
    set_flat(&mut net, &values);
    net
}

/// All parameters in PyTorch's order: tensor after tensor, each row by row.
pub(crate) fn flat<N: Layer>(net: &N) -> Vec<Elem<N>> {
    (0..net.tensors()).flat_map(|index| net.parameter(index).expect("a tensor").iter().copied()).collect()
}

/// Sets all parameters, given in PyTorch's order.
pub(crate) fn set_flat<N: Layer>(net: &mut N, values: &[Elem<N>]) {
    let mut values = values.iter();
    for index in 0..net.tensors() {
        let parameter = net.parameter_mut(index).expect("a tensor");
        let ([rows, columns], [down, across]) = (parameter.shape, parameter.strides);
        for row in 0..rows {
            for column in 0..columns {
                parameter.values[row * down + column * across] = *values.next().expect("a value");
            }
        }
    }
    assert!(values.next().is_none(), "more values than parameters");
}

/// The bits of all parameters, for exact comparison.
pub(crate) fn bits<N: Layer<In: Shape<Elem = f32>>>(net: &N) -> Vec<u32> {
    flat(net).into_iter().map(f32::to_bits).collect()
}

/// The step of a difference. If the loss is quadratic in the number (see [`assert_derivatives`]), a central
/// difference is exact for every step; this one is large compared with the rounding errors and small compared with
/// the distance of most kinks.
const STEP: f64 = 1e-5;

/// The largest accepted error of a derivative, relative to the largest derivative: the rounding error of the loss,
/// about 1e-16 for each of some dozen operations, divided by the step.
const TOLERANCE: f64 = 1e-9;

/// Checks derivatives against central differences. `loss(index, by)` computes the loss with the number at `index`
/// changed by `by`.
///
/// A ReLU network is piecewise linear in each single parameter and input, and its mean squared error piecewise
/// quadratic, so a central difference of any step is exact. If the differences of the whole and of half the step
/// disagree, there is a kink in between; such a number is skipped, but at most one in 50.
///
/// For a smooth layer the error of a central difference is `STEP² / 6`, about 2e-11, of the third derivative, which
/// is small compared with the tolerance.
pub(crate) fn assert_derivatives(what: &str, derivatives: &[f64], mut loss: impl FnMut(usize, f64) -> f64) {
    let scale = derivatives.iter().fold(loss(0, 0.0).abs(), |largest, d| largest.max(d.abs()));
    assert!(scale > 0.0, "{what}: nothing to compare");
    let mut kinks = 0;
    for (index, derivative) in derivatives.iter().enumerate() {
        let mut difference = |step: f64| (loss(index, step) - loss(index, -step)) / (2.0 * step);
        let (whole, half) = (difference(STEP), difference(STEP / 2.0));
        if (whole - half).abs() > 4.0 * TOLERANCE * scale {
            kinks += 1;
        } else {
            let off = (derivative - whole).abs() / scale;
            assert!(off < TOLERANCE, "{what}: number {index} is {derivative}, by differences {whole}");
        }
    }
    assert!(kinks <= 1 + derivatives.len() / 50, "{what}: {kinks} kinks of {}", derivatives.len());
}

/// The largest difference between two orders of the same sum in `f64`, relative to the largest number.
pub(crate) const ROUNDING: f64 = 1e-12;

/// The values, with the one at `index` changed by `by`.
pub(crate) fn moved(values: &[f64], index: usize, by: f64) -> Vec<f64> {
    let mut values = values.to_vec();
    values[index] += by;
    values
}

/// Checks the derivatives of a network under the mean squared error, with respect to all parameters and all inputs.
pub(crate) fn check_network<L, const D: usize, const B: usize>(seed: u64)
where
    L: Layer<In: Shape<Elem = f64>, Out: Shape<Elem = f64, Row = [f64; D]>> + PartialEq,
    L::In: HasGradient,
{
    let rng = &mut rng(seed);
    let mut net: Sequential<L> = network(rng);
    let x = rows::<L::In, B>(rng);
    let y = rows::<L::Out, B>(rng);
    let before = flat(&net);
    if let Err(error) = gradient_check(&mut net, &Mse, &x, &y) {
        panic!("{} layers, {D} outputs, batch {B}: {error}", L::LAYERS);
    }
    assert_eq!(flat(&net), before, "the network changed");

    // Without the gradient with respect to the input, all others are the same.
    let mut cache = Cache::ZERO;
    let [mut gradient, mut other] = [Sequential::ZERO, Sequential::ZERO];
    let pass = net.forward(&x, &mut cache);
    let dy = Mse.backward(pass.output(), &y);
    pass.backward_to_input(&dy, &mut gradient);
    net.forward(&x, &mut cache).backward(&dy, &mut other);
    assert_relative_eq!(other, gradient, epsilon = ROUNDING, max_relative = ROUNDING);
}

/// The chain of layers in a `Sequential`.
pub(crate) type Chain<N> = <N as Inside>::Chain;

pub(crate) trait Inside {
    type Chain;
}

impl<L> Inside for Sequential<L> {
    type Chain = L;
}

/// The mean squared error. Records the indices of the samples of every batch.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) batches: RefCell<Vec<Vec<usize>>>,
}

/// A target with the index of its sample.
pub(crate) type Numbered = (usize, [f64; 3]);

impl Loss<Features<3, f64>> for Recorder {
    type Target = Numbered;

    fn value<I: Simd<f64>>(&self, token: I, y_hat: &[[f64; 3]], y: &[Numbered]) -> f64 {
        let y: Vec<[f64; 3]> = y.iter().map(|(_, y)| *y).collect();
        Loss::<Features<3, f64>>::value(&Mse, token, y_hat, &y)
    }

    fn value_and_gradient<I: Simd<f64>>(&self, token: I, y_hat: &mut [[f64; 3]], y: &[Numbered]) -> f64 {
        self.batches.borrow_mut().push(y.iter().map(|(index, _)| *index).collect());
        let y: Vec<[f64; 3]> = y.iter().map(|(_, y)| *y).collect();
        Loss::<Features<3, f64>>::value_and_gradient(&Mse, token, y_hat, &y)
    }
}

/// A new folder, which is removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("constnet-{name}-{}", process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn files(&self) -> usize {
        fs::read_dir(&self.0).expect("the folder").count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
