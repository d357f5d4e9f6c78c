//! Networks as vectors of parameters, against plain loops over the flat vector.

use constnet::{
    Dropout, Error, LayerNorm, LeakyRelu, Linear, Relu, Residual, Sequential, Softmax, Standardize, Tanh,
    Zeroed, mlp,
};
use rand::{SeedableRng, rngs::StdRng};

/// Layers of both orders of storage, with parameters of odd sizes.
type Net = Sequential![
    Standardize<5, f64>,
    Linear<5, 19, f64>,
    LayerNorm<19, f64>,
    Relu<19, f64>,
    Residual<Sequential![Linear<19, 19, f64>, Tanh<19, f64>]>,
    Dropout<19, 20, f64>,
    Linear<19, 3, f64>,
    LeakyRelu<3, 10, f64>,
    Linear<3, 3, f64>,
    Softmax<3, f64>
];

fn net(seed: u64) -> Net {
    let mut net = Net::ZERO;
    net.init(&mut StdRng::seed_from_u64(seed));
    net.layer_mut::<0>().deviation = [1.0, 2.0, 3.0, 4.0, 5.0];
    net
}

fn flat(net: &Net) -> Vec<f64> {
    let mut vector = vec![f64::NAN; Net::PARAMS];
    net.write_flat(&mut vector).unwrap();
    vector
}

/// The flat vectors of a result and of what a formula gives for each number, to rounding.
#[track_caller]
fn assert_each(result: &Net, formula: impl Fn(f64, f64) -> f64) {
    let (a, b) = (flat(&net(1)), flat(&net(2)));
    for ((result, a), b) in flat(result).iter().zip(a).zip(b) {
        assert!((result - formula(a, b)).abs() < 1e-15, "{a}, {b}: {result}");
    }
}

#[test]
fn every_number_is_changed_by_the_formula() {
    let (a, b) = (net(1), net(2));
    for t in [0.001, 0.25, 0.75] {
        let mut c = a;
        c.lerp(&b, t);
        assert_each(&c, |a, b| a + t * (b - a));
    }
    let mut c = a;
    c.add_scaled(-0.5, &b);
    assert_each(&c, |a, b| a - 0.5 * b);
    c = a;
    c.scale(3.0);
    assert_each(&c, |a, _| 3.0 * a);
    let products: f64 = flat(&a).iter().zip(flat(&b)).map(|(a, b)| a * b).sum();
    assert!((a.dot(&b) - products).abs() < 1e-12);
    assert!((a.norm() * a.norm() - a.dot(&a)).abs() < 1e-12);
}

#[test]
fn both_ends_of_a_lerp_are_exact() {
    let (a, b) = (net(1), net(2));
    let mut c = a;
    c.lerp(&b, 0.0);
    assert_eq!(c, a);
    c.lerp(&b, 1.0);
    assert_eq!(c, b);
    c.lerp(&b, 0.3);
    assert_eq!(c, b, "equal networks stay equal");
}

#[test]
fn a_norm_does_not_overflow() {
    let mut net = <mlp![2, 1]>::ZERO;
    net.read_flat(&[3e30, 0.0, 4e30]).unwrap();
    assert_eq!(net.norm(), 5e30);
}

#[test]
fn a_flat_vector_has_pytorchs_order_and_is_read_back() {
    let mut small = <mlp![2, 2]>::ZERO;
    small.read_flat(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(small.layer::<0>().weight(), [[1.0, 2.0], [3.0, 4.0]]);
    let mut wide = <mlp![2, 9]>::ZERO;
    wide.read_flat(&core::array::from_fn::<_, 27, _>(|i| i as f32)).unwrap();
    assert_eq!(wide.layer::<0>().weight()[3], [6.0, 7.0]);

    let a = net(1);
    let in_order: Vec<f64> = a.parameters().flat_map(|p| p.iter().copied().collect::<Vec<_>>()).collect();
    assert_eq!(flat(&a), in_order);
    let mut b = net(2);
    b.read_flat(&in_order).unwrap();
    assert_eq!(a, b);
}

#[test]
fn vectors_of_another_length_and_nan_are_refused() {
    let mut net = net(1);
    let (before, expected) = (net, Net::PARAMS);
    let mut vector = flat(&net);
    vector.push(0.0);
    let error = Err(Error::Length { name: "vector", given: expected + 1, expected });
    assert_eq!(net.read_flat(&vector), error);
    assert_eq!(net.write_flat(&mut vector), error);
    vector.pop();
    // The second row of the weights after the ten numbers of `Standardize`, and its third column.
    vector[10 + 5 + 2] = f64::INFINITY;
    let error = Error::Parameter { layer: 1, name: "weight", row: 1, column: 2, value: f64::INFINITY };
    assert_eq!(net.read_flat(&vector), Err(error));
    assert_eq!(net, before);
}

#[test]
fn a_network_in_f32_and_back_is_rounded_once() {
    let net = net(1);
    let single = net.cast::<f32>();
    let rounded = flat(&net).iter().map(|x| f64::from(*x as f32)).collect::<Vec<_>>();
    assert_eq!(flat(&single.cast::<f64>()), rounded);
    let large = Sequential(Linear::new([[1e300]], [-1e300])).cast::<f32>();
    assert_eq!(large, Sequential(Linear::new([[f32::INFINITY]], [f32::NEG_INFINITY])));
}
