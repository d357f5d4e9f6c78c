//! Every activation against PyTorch in f64, against finite differences, alone and between layers,
//! in vectors and step by step.

mod common;
#[rustfmt::skip]
#[expect(clippy::approx_constant, reason = "recorded values, some of which are well known")]
#[path = "data/activations.rs"]
mod recorded;

use common::{Chain, ROUNDING, check_network, flat, network, rng, rows};
use constnet::{
    Elem, Element, Features, Feeds, Gelu, GeluTanh, Layer, LeakyRelu, Linear, Relu, Row, Sequential, Shape,
    Sigmoid, Silu, Softmax, Softplus, Tanh, Tape, Zeroed,
    activation::{Elementwise, Function, LeakyReluFn},
};

type Leakier<const N: usize, T = f32> = Elementwise<LeakyReluFn<20>, N, T>;

/// How many numbers were recorded: no multiple of any vector's width.
const N: usize = recorded::Z.len();

/// What we and PyTorch may be apart in f64, relative to the number if it is above 1: both round a
/// few times, and near 0 PyTorch's GELU has lost what it has to less than the rounding of 1.
const TOLERANCE: f64 = 4e-15;

/// The same in f32, for numbers up to 1e4 whose `z` is rounded too.
const TOLERANCE_F32: f64 = 3e-6;

#[track_caller]
fn assert_close(what: &str, ours: &[f64], recorded: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), recorded.len(), "{what}");
    for (index, (ours, recorded)) in ours.iter().zip(recorded).enumerate() {
        let off = (ours - recorded).abs() / recorded.abs().max(1.0);
        assert!(off <= tolerance, "{what}, number {index}: {ours:e} instead of {recorded:e}");
    }
}

fn to_f64<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|x| x.to_f64().expect("a number")).collect()
}

/// The output of a layer alone, and the gradient with respect to its input, as a network's are.
fn through_a_tape<L, const B: usize>(layer: L, z: &[Row<L::In>; B], da: &[Row<L::Out>; B]) -> [Vec<f64>; 2]
where
    L: Layer,
    L::In: Feeds<L::In, Sequential<L>, Sequential<L>>,
{
    let mut tape = Tape::ZERO;
    let net = Sequential(layer);
    let pass = net.forward(z, &mut tape);
    let a = to_f64(L::Out::flatten(pass.output()));
    let dz = pass.backward_to_input(da, &mut { Sequential::ZERO });
    [a, to_f64(L::In::flatten(dz))]
}

/// Value and gradient as recorded, in f64 and f32, step by step and through a tape.
fn is_recorded<F: Function<f64> + Function<f32>>(values: &[f64], gradients: &[f64]) {
    let layer = Elementwise::<F, N, f64>::new();
    let (z, da) = ([recorded::Z], [[1.0; N]]);
    assert_close("value, step by step", layer.forward(&z).as_flattened(), values, TOLERANCE);
    assert_close("gradient, step by step", layer.backward(&z, &da).as_flattened(), gradients, TOLERANCE);
    let [a, dz] = through_a_tape(layer, &z, &da);
    assert_close("value", &a, values, TOLERANCE);
    assert_close("gradient", &dz, gradients, TOLERANCE);

    let layer = Elementwise::<F, N, f32>::new();
    let (z, da) = ([recorded::Z.map(|z| z as f32)], [[1.0; N]]);
    assert_close("f32, step by step", &to_f64(&layer.forward(&z)[0]), values, TOLERANCE_F32);
    assert_close(
        "f32, gradient, step by step",
        &to_f64(&layer.backward(&z, &da)[0]),
        gradients,
        TOLERANCE_F32,
    );
    let [a, dz] = through_a_tape(layer, &z, &da);
    assert_close("f32", &a, values, TOLERANCE_F32);
    assert_close("f32, gradient", &dz, gradients, TOLERANCE_F32);
}

/// NaN goes through, alone.
fn passes_nan<F: Function<f32>>() {
    let layer = Elementwise::<F, 33>::new();
    for place in [0, 7, 16, 31, 32] {
        let mut z = [[0.5; 33]];
        z[0][place] = f32::NAN;
        let [a, _] = through_a_tape(layer, &z, &[[1.0; 33]]);
        for (index, (a, by_step)) in a.iter().zip(&layer.forward(&z)[0]).enumerate() {
            assert_eq!(a.is_nan(), index == place, "NaN at {place}, {index}");
            assert_eq!(by_step.is_nan(), index == place, "NaN at {place}, {index}, step by step");
        }
    }
}

/// An activation between linear layers, whichever keeps what for it, is what the layers and it are
/// step by step.
fn is_step_by_step<F: Function<f64>, const B: usize>() {
    type Net<F> =
        Sequential![Linear<3, 9, f64>, Elementwise<F, 9, f64>, Linear<9, 17, f64>, Elementwise<F, 17, f64>];
    let rng = &mut rng(1);
    let net: Net<F> = network(rng);
    let x = rows::<Features<3, f64>, B>(rng);
    let da2 = rows::<Features<17, f64>, B>(rng);
    let (first, (f, (second, g))) = net.0;

    let z1 = first.forward(&x);
    let a1 = f.forward(&z1);
    let z2 = second.forward(&a1);
    let a2 = g.forward(&z2);
    let (mut first_gradient, mut second_gradient) = (Linear::ZERO, Linear::ZERO);
    let dz2 = g.backward(&z2, &da2);
    let da1 = second.backward(&a1, &dz2, &mut second_gradient);
    let dx = first.backward(&x, &f.backward(&z1, &da1), &mut first_gradient);

    let mut tape = Tape::ZERO;
    let mut gradient = Net::<F>::ZERO;
    let pass = net.forward(&x, &mut tape);
    assert_close("output", pass.output().as_flattened(), a2.as_flattened(), ROUNDING);
    let by_tape = pass.backward_to_input(&da2, &mut gradient);
    assert_close("dx", by_tape.as_flattened(), dx.as_flattened(), 10.0 * ROUNDING);
    let expected = [flat(&first_gradient), flat(&second_gradient)].concat();
    assert_close("gradient", &flat(&gradient), &expected, 10.0 * ROUNDING);
}

macro_rules! activations {
    ($($name:ident: $layer:ident, $values:ident, $gradients:ident, $printed:literal;)+) => {
        $(
            mod $name {
                use super::*;

                type Function = <$layer<1, f64> as Of>::Function;

                #[test]
                fn is_pytorchs() {
                    is_recorded::<Function>(&recorded::$values, &recorded::$gradients);
                }

                #[test]
                fn gradients() {
                    check_network::<$layer<9, f64>, 9, 1>(0);
                    check_network::<$layer<17, f64>, 17, 3>(1);
                    type Between = Sequential![
                        Linear<5, 9, f64>, $layer<9, f64>, Linear<9, 17, f64>, $layer<17, f64>, Linear<17, 2, f64>
                    ];
                    check_network::<Chain<Between>, 2, 1>(2);
                    check_network::<Chain<Between>, 2, 7>(3);
                    type Ends = Sequential![$layer<5, f64>, Linear<5, 31, f64>, $layer<31, f64>];
                    check_network::<Chain<Ends>, 31, 3>(4);
                }

                #[test]
                fn between_layers_is_step_by_step() {
                    is_step_by_step::<Function, 1>();
                    is_step_by_step::<Function, 5>();
                }

                #[test]
                fn nan_goes_through() {
                    passes_nan::<Function>();
                }

                #[test]
                fn printed_and_weightless() {
                    let net = Sequential($layer::<5>::new());
                    assert_eq!(net.to_string(), concat!("Sequential(\n  (0): ", $printed, "\n)  # 0 parameters"));
                    assert_eq!(size_of_val(&net), 0);
                    assert_eq!(net, Zeroed::ZERO);
                }
            }
        )+
    };
}

/// The function of an elementwise layer.
trait Of {
    type Function;
}

impl<F, const N: usize> Of for Elementwise<F, N, f64> {
    type Function = F;
}

activations! {
    relu: Relu, RELU, RELU_GRADIENT, "ReLU()";
    leaky_relu: LeakyRelu, LEAKY_RELU, LEAKY_RELU_GRADIENT, "LeakyReLU(negative_slope=0.01)";
    leakier_relu: Leakier, LEAKY_RELU_20, LEAKY_RELU_20_GRADIENT, "LeakyReLU(negative_slope=0.2)";
    tanh: Tanh, TANH, TANH_GRADIENT, "Tanh()";
    sigmoid: Sigmoid, SIGMOID, SIGMOID_GRADIENT, "Sigmoid()";
    softplus: Softplus, SOFTPLUS, SOFTPLUS_GRADIENT, "Softplus(beta=1.0, threshold=20.0)";
    gelu: Gelu, GELU, GELU_GRADIENT, "GELU(approximate='none')";
    gelu_tanh: GeluTanh, GELU_TANH, GELU_TANH_GRADIENT, "GELU(approximate='tanh')";
    silu: Silu, SILU, SILU_GRADIENT, "SiLU()";
}

#[test]
fn softmax_is_pytorchs() {
    let z: [[f64; 5]; 3] = common::rows_of::<Features<5, f64>, 3>(&recorded::SCORES);
    let dp = common::rows_of::<Features<5, f64>, 3>(&recorded::SCORES_DP);
    let layer = Softmax::new();
    assert_close("step by step", layer.forward(&z).as_flattened(), &recorded::SOFTMAX, TOLERANCE);
    let dz = layer.backward(&z, &dp);
    assert_close("gradient, step by step", dz.as_flattened(), &recorded::SOFTMAX_GRADIENT, TOLERANCE);
    let [p, dz] = through_a_tape(layer, &z, &dp);
    assert_close("value", &p, &recorded::SOFTMAX, TOLERANCE);
    assert_close("gradient", &dz, &recorded::SOFTMAX_GRADIENT, TOLERANCE);

    let [p, dz] = through_a_tape(
        Softmax::new(),
        &z.map(|row| row.map(|z| z as f32)),
        &dp.map(|row| row.map(|dp| dp as f32)),
    );
    assert_close("f32", &p, &recorded::SOFTMAX, TOLERANCE_F32);
    assert_close("f32, gradient", &dz, &recorded::SOFTMAX_GRADIENT, TOLERANCE_F32);
}

#[test]
fn softmax_in_networks() {
    check_network::<Softmax<9, f64>, 9, 3>(0);
    check_network::<Chain<Sequential![Linear<5, 17, f64>, Softmax<17, f64>, Linear<17, 3, f64>]>, 3, 7>(1);
    // It keeps its input, so an activation before it is gone back through, and one after it too.
    type Between =
        Sequential![Linear<5, 9, f64>, Tanh<9, f64>, Softmax<9, f64>, Sigmoid<9, f64>, Linear<9, 2, f64>];
    check_network::<Chain<Between>, 2, 3>(2);
    let printed = Sequential(Softmax::<5>::new()).to_string();
    assert_eq!(printed, "Sequential(\n  (0): Softmax(dim=-1)\n)  # 0 parameters");
}

#[test]
fn softmax_of_nan_is_nan() {
    for place in 0..9 {
        let mut z = [[1.0_f32; 9]];
        z[0][place] = f32::NAN;
        let [p, _] = through_a_tape(Softmax::new(), &z, &[[1.0; 9]]);
        assert!(p.iter().all(|p| p.is_nan()), "{place}");
    }
}

/// Of two activations in a row one may keep its input: both ways round.
#[test]
fn fused_beside_kept() {
    check_network::<Chain<Sequential![Linear<5, 9, f64>, Tanh<9, f64>, Gelu<9, f64>, Linear<9, 2, f64>]>, 2, 3>(
        0,
    );
    check_network::<
        Chain<Sequential![Linear<5, 9, f64>, Silu<9, f64>, Sigmoid<9, f64>, Linear<9, 2, f64>]>,
        2,
        3,
    >(1);
    check_network::<Chain<Sequential![Gelu<9, f64>, Silu<9, f64>, GeluTanh<9, f64>]>, 9, 3>(2);
}

/// Networks that start and end with activations, as layers of others.
#[test]
fn networks_in_a_network() {
    type Inner = Sequential![Tanh<9, f64>, Linear<9, 7, f64>, Sigmoid<7, f64>];
    type Outer =
        Sequential![Linear<5, 9, f64>, Inner, Linear<7, 9, f64>, Inner, Silu<7, f64>, Linear<7, 2, f64>];
    check_network::<Chain<Outer>, 2, 1>(0);
    check_network::<Chain<Outer>, 2, 7>(1);
    check_network::<Chain<Sequential![Inner, Linear<7, 9, f64>, Inner]>, 7, 3>(2);
}

/// What is inferred: the widths from the neighbours, the element from the input.
#[test]
fn by_value() {
    let net = constnet::sequential![
        Linear::new([[1.0], [-1.0]], [0.0, 0.0]),
        LeakyRelu::new(),
        Linear::new([[1.0, 1.0]], [0.0]),
        Sigmoid::new(),
    ];
    let [p] = net.predict(&[0.0_f64]);
    assert_eq!(p, 0.5);
    fn elem<L: Layer<In: Shape<Elem = f64>>>(_: &L) -> Elem<L> {
        0.0
    }
    assert_eq!(elem(&net), 0.0);
}
