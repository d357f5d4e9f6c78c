//! Initializers: the bounds and moments of their random numbers against closed forms, orthogonality to rounding, and
//! that initialisation in place equals the sample.
//!
//! `reproducible.rs` pins the first values of He initialisation.

mod common;

use common::{bits, flat, network, rng};
use constnet::{
    Custom, CustomLayer, He, LayerNorm, Linear, Relu, Residual, Sequential, Tanh, Xavier, Zeroed,
    init::{Normal, Orthogonal, PyTorchDefault, Uniform, Zeros},
    layers::{Features, Initializer, Layer},
    mlp,
};
use rand::{Rng, RngExt, distr::Distribution};

const IN: usize = 300;
const OUT: usize = 200;

/// A large layer, so that the moments of its weights are close to those of the distribution.
type Large = Linear<IN, OUT, f64>;

/// A large layer on the heap, initialised in place from seed 0.
fn large(initializer: &impl Initializer) -> Box<Large> {
    let mut layer = Box::new(Large::ZERO);
    layer.init(initializer, &mut rng(0));
    layer
}

fn weights(layer: &Large) -> Vec<f64> {
    (0..OUT).flat_map(|o| (0..IN).map(move |i| layer.weight_at(o, i))).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Checks the mean and the standard deviation of independent numbers, to five standard deviations of each. `kurtosis`
/// is that of the distribution: 3 if it is normal, 9/5 if it is uniform.
#[track_caller]
fn assert_moments(what: &str, values: &[f64], deviation: f64, kurtosis: f64) {
    let count = values.len() as f64;
    let found = mean(values.iter().copied());
    assert!(found.abs() < 5.0 * deviation / count.sqrt(), "{what}: the mean is {found}");
    let variance = mean(values.iter().map(|x| x * x));
    let off = (variance / (deviation * deviation) - 1.0).abs();
    assert!(off < 5.0 * ((kurtosis - 1.0) / count).sqrt(), "{what}: the variance is {variance}");
    let found = mean(values.iter().map(|x| (x / deviation).powi(4)));
    assert!((found - kurtosis).abs() < 0.02 * kurtosis * kurtosis, "{what}: the kurtosis is {found}");
}

/// Checks that the numbers are uniform between `−bound` and `bound`.
#[track_caller]
fn assert_uniform(what: &str, values: &[f64], bound: f64) {
    assert!(values.iter().all(|x| x.abs() <= bound), "{what}: a number is beyond {bound}");
    // The largest of n numbers is close to the bound: the probability of a smaller one than this is e⁻²⁰.
    let edge = bound * (1.0 - 20.0 / values.len() as f64);
    let largest = values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    assert!(largest > edge, "{what}: the largest number is {largest}, the bound {bound}");
    assert_moments(what, values, bound / 3.0_f64.sqrt(), 9.0 / 5.0);
    // Each tenth of the range has its share.
    for tenth in 0..10 {
        let (from, to) = (f64::from(tenth) / 5.0 - 1.0, f64::from(tenth + 1) / 5.0 - 1.0);
        let inside = values.iter().filter(|x| (bound * from..bound * to).contains(*x)).count() as f64;
        let expected = values.len() as f64 / 10.0;
        assert!(
            (inside - expected).abs() < 5.0 * (0.9 * expected).sqrt(),
            "{what}: {inside} in tenth {tenth}"
        );
    }
}

#[test]
fn xavier() {
    let layer = large(&Xavier);
    assert_uniform("weight", &weights(&layer), (6.0 / (IN + OUT) as f64).sqrt());
    assert_eq!(layer.bias(), &[0.0; OUT]);
}

#[test]
fn pytorch_default() {
    let layer = large(&PyTorchDefault);
    let bound = (1.0 / IN as f64).sqrt();
    assert_uniform("weight", &weights(&layer), bound);
    // There are fewer biases: those of several layers.
    let mut rng = rng(1);
    let biases: Vec<f64> = (0..100)
        .flat_map(|_| {
            let mut layer = Box::new(Linear::<3, OUT, f64>::ZERO);
            layer.init(&PyTorchDefault, &mut rng);
            *layer.bias()
        })
        .collect();
    assert_uniform("bias", &biases, (1.0 / 3.0_f64).sqrt());
    assert!(layer.bias().iter().all(|b| b.abs() <= bound) && *layer.bias() != [0.0; OUT]);
}

#[test]
fn uniform() {
    for gain in [1.0, 2.0_f64.sqrt(), 5.0 / 3.0] {
        let layer = large(&Uniform { gain });
        assert_uniform("weight", &weights(&layer), gain * (3.0 / IN as f64).sqrt());
        assert_eq!(layer.bias(), &[0.0; OUT]);
    }
}

#[test]
fn normal() {
    for gain in [1.0, 2.0_f64.sqrt(), 5.0 / 3.0] {
        let layer = large(&Normal { gain });
        let values = weights(&layer);
        let deviation = gain / (IN as f64).sqrt();
        assert_moments("weight", &values, deviation, 3.0);
        // The share within one standard deviation is 68.27 %.
        let inside = values.iter().filter(|x| x.abs() < deviation).count() as f64 / values.len() as f64;
        assert!((inside - 0.6827).abs() < 5.0 * (0.6827 * 0.3173 / values.len() as f64).sqrt(), "{inside}");
        assert_eq!(layer.bias(), &[0.0; OUT]);
    }
}

/// He initialisation is normal with the gain √2.
#[test]
fn he() {
    let layer = large(&He);
    assert_moments("weight", &weights(&layer), (2.0 / IN as f64).sqrt(), 3.0);
    assert_eq!(layer.bias(), &[0.0; OUT]);
    let normal = weights(&large(&Normal { gain: 2.0_f64.sqrt() }));
    for (he, normal) in weights(&layer).into_iter().zip(normal) {
        assert!((he - normal).abs() <= 4.0 * f64::EPSILON * normal.abs(), "{he} instead of {normal}");
    }
}

/// The largest difference between an inner product of two rows and its exact value, for rows of length 1.
const ORTHOGONAL: f64 = 1e-12;

/// Checks that the rows are orthogonal and of length `gain`, or the columns if there are more rows than columns.
fn assert_orthogonal<const IN: usize, const OUT: usize>(gain: f64) {
    let mut layer = Box::new(Linear::<IN, OUT, f64>::ZERO);
    layer.init(&Orthogonal { gain }, &mut rng((100 * IN + OUT) as u64));
    let wide = OUT <= IN;
    let (vectors, len) = if wide { (OUT, IN) } else { (IN, OUT) };
    let at = |vector, n| if wide { layer.weight_at(vector, n) } else { layer.weight_at(n, vector) };
    for a in 0..vectors {
        for b in 0..vectors {
            let product: f64 = (0..len).map(|n| at(a, n) * at(b, n)).sum();
            let expected = if a == b { gain * gain } else { 0.0 };
            let off = (product - expected).abs() / (gain * gain);
            assert!(off < ORTHOGONAL, "{OUT} × {IN}, vectors {a} and {b}: {product} instead of {expected}");
        }
    }
    assert_eq!(layer.bias(), &[0.0; OUT]);
}

#[test]
fn orthogonal_wide() {
    assert_orthogonal::<7, 3>(1.0);
    assert_orthogonal::<33, 17>(1.0);
    assert_orthogonal::<64, 63>(5.0 / 3.0);
    assert_orthogonal::<9, 1>(0.5);
}

#[test]
fn orthogonal_tall() {
    assert_orthogonal::<3, 7>(1.0);
    assert_orthogonal::<17, 33>(2.0_f64.sqrt());
    assert_orthogonal::<63, 64>(1.0);
    assert_orthogonal::<1, 9>(1.0);
}

#[test]
fn orthogonal_square() {
    assert_orthogonal::<1, 1>(1.0);
    assert_orthogonal::<2, 2>(1.0);
    assert_orthogonal::<31, 31>(1.0);
    assert_orthogonal::<65, 65>(0.1);
}

/// Orthogonal matrices are random: rotations and reflections occur, and seeds differ.
#[test]
fn orthogonal_is_random() {
    let determinants: Vec<f64> = (0..50)
        .map(|seed| {
            let layer: Linear<2, 2, f64> = rng(seed).sample(Orthogonal { gain: 1.0 });
            let [[a, b], [c, d]] = layer.weight();
            a * d - b * c
        })
        .collect();
    assert!(determinants.iter().all(|d| (d.abs() - 1.0).abs() < ORTHOGONAL));
    let reflections = determinants.iter().filter(|d| **d < 0.0).count();
    assert!((10..40).contains(&reflections), "{reflections} of 50 are reflections");
    // The angle of the first row is uniform: each quadrant occurs.
    let mut quadrants = [0; 4];
    for seed in 0..200 {
        let layer: Linear<2, 2, f64> = rng(seed).sample(Orthogonal { gain: 1.0 });
        let [[a, b], _] = layer.weight();
        quadrants[usize::from(a > 0.0) + 2 * usize::from(b > 0.0)] += 1;
    }
    assert!(quadrants.iter().all(|count| (25..80).contains(count)), "{quadrants:?}");
}

/// In f32 to the rounding error of f32.
#[test]
fn orthogonal_in_single_precision() {
    let layer: Linear<33, 17> = rng(0).sample(Orthogonal { gain: 1.0 });
    let rows = layer.weight();
    for (a, first) in rows.iter().enumerate() {
        for (b, second) in rows.iter().enumerate() {
            let product: f32 = first.iter().zip(second).map(|(x, y)| x * y).sum();
            let expected = if a == b { 1.0 } else { 0.0 };
            assert!((product - expected).abs() < 1e-6, "rows {a} and {b}: {product} instead of {expected}");
        }
    }
}

#[test]
fn zeros() {
    let mut net: mlp![5, 17, 3] = network(&mut rng(1));
    net.init_with(&Zeros, &mut rng(0));
    assert_eq!(net, Zeroed::ZERO);
}

type Net = mlp![5, 17, 3];

/// A sample of a network equals initialisation in place, bit for bit, whatever the parameters were before; and the
/// layers of a network are initialised one after the other from the same generator.
fn assert_in_place_equals_sample<I>(what: &str, initializer: &I, random: bool)
where
    I: Initializer + Distribution<Net> + Distribution<Linear<5, 17>> + Distribution<Linear<17, 3>>,
{
    let sampled: Net = rng(0).sample(initializer);
    let mut in_place = network::<Net>(&mut rng(1));
    in_place.init_with(initializer, &mut rng(0));
    assert_eq!(bits(&in_place), bits(&sampled), "{what}");

    let random_numbers = &mut rng(0);
    let first: Linear<5, 17> = random_numbers.sample(initializer);
    let second: Linear<17, 3> = random_numbers.sample(initializer);
    assert_eq!(bits(&sampled.0.0), bits(&first), "{what}");
    assert_eq!(bits(&sampled.0.1.1), bits(&second), "{what}");

    let other: Net = rng(2).sample(initializer);
    assert_eq!(bits(&other) != bits(&sampled), random, "{what}: another seed");
}

#[test]
fn in_place_equals_sample() {
    assert_in_place_equals_sample("He", &He, true);
    assert_in_place_equals_sample("Xavier", &Xavier, true);
    assert_in_place_equals_sample("PyTorchDefault", &PyTorchDefault, true);
    assert_in_place_equals_sample("Normal", &Normal { gain: 1.0 }, true);
    assert_in_place_equals_sample("Uniform", &Uniform { gain: 1.0 }, true);
    assert_in_place_equals_sample("Orthogonal", &Orthogonal { gain: 1.0 }, true);
    assert_in_place_equals_sample("Zeros", &Zeros, false);
}

/// `init` is He initialisation, which has the same values as before there were others.
#[test]
fn init_is_he() {
    let mut net = Net::ZERO;
    net.init(&mut rng(0));
    assert_eq!(bits(&net), bits(&rng(0).sample::<Net, _>(He)));
}

/// The values are drawn in PyTorch's order of (OUT, IN), whatever the order in which they are stored.
#[test]
fn values_are_drawn_in_pytorchs_order() {
    // 17 outputs are stored input by input, 3 output by output.
    let wide: Linear<6, 17, f64> = rng(0).sample(Uniform { gain: 1.0 });
    let narrow: Linear<6, 3, f64> = rng(0).sample(Uniform { gain: 1.0 });
    assert_eq!(flat(&wide)[..18], flat(&narrow)[..18]);
}

/// A gain other than 1 multiplies the weights.
#[test]
fn gain_scales_the_weights() {
    fn check<I: Initializer>(what: &str, one: &I, two: &I) {
        let (mut single, mut double) = (Linear::<9, 5, f64>::ZERO, Linear::<9, 5, f64>::ZERO);
        single.init(one, &mut rng(0));
        double.init(two, &mut rng(0));
        for (single, double) in flat(&single).into_iter().zip(flat(&double)) {
            assert!((2.0 * single - double).abs() < 1e-15, "{what}: {double} instead of twice {single}");
        }
    }
    check("Normal", &Normal { gain: 1.0 }, &Normal { gain: 2.0 });
    check("Uniform", &Uniform { gain: 1.0 }, &Uniform { gain: 2.0 });
    check("Orthogonal", &Orthogonal { gain: 1.0 }, &Orthogonal { gain: 2.0 });
}

/// A custom layer with its own initial values.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale([f32; 4]);

impl Zeroed for Scale {
    const ZERO: Self = Self([0.0; 4]);
}

impl CustomLayer for Scale {
    type In = Features<4>;
    type Out = Features<4>;
    type Cache<const B: usize> = ();
    const NAME: &'static str = "Scale";
    const PARAMS: usize = 4;

    fn forward<const B: usize>(&self, x: &[[f32; 4]; B], y: &mut [[f32; 4]; B], (): &mut ()) {
        *y = x.map(|x| std::array::from_fn(|i| self.0[i] * x[i]));
    }

    fn backward<const B: usize>(
        &self,
        _: &[[f32; 4]; B],
        (): &(),
        _: &[[f32; 4]; B],
        _: &mut [[f32; 4]; B],
        _: &mut Self,
    ) {
    }

    fn init<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        self.0 = std::array::from_fn(|_| rng.random());
    }

    fn parameter(&self, index: usize) -> Option<(&'static str, &[f32])> {
        (index == 0).then_some(("scale", &self.0))
    }

    fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [f32])> {
        (index == 0).then_some(("scale", &mut self.0))
    }
}

/// Only linear layers follow the initializer: layer norm starts with 1 and 0, a custom layer with its own values. Linear
/// layers in a residual block or in a network in the network follow it too.
#[test]
fn layers_of_each_kind() {
    type Body = Sequential![LayerNorm<4>, Linear<4, 4>, Tanh<4>];
    type Net = Sequential![
        Linear<3, 4>, Relu<4>, Custom<Scale>, Residual<Body>, Sequential![Linear<4, 2>, LayerNorm<2>]
    ];
    let net: Net = rng(0).sample(Xavier);
    let (first, (_, (Custom(scale), (Residual(body), last)))) = net.0;
    let random = &mut rng(0);
    assert_eq!(first, random.sample(Xavier));
    assert_eq!(scale, Scale(std::array::from_fn(|_| random.random())));
    assert_eq!(body.0.0, LayerNorm::new());
    assert_eq!(body.0.1.0, random.sample(Xavier));
    assert_eq!(last.0.0, random.sample(Xavier));
    assert_eq!(last.0.1, LayerNorm::new());
}
