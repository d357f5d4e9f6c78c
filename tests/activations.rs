//! Every activation against PyTorch in f64, against finite differences, alone, between layers and one after another,
//! by the fused kernels and by the textbook passes.

mod common;
#[rustfmt::skip]
#[expect(clippy::approx_constant, reason = "recorded values, some of which are well known")]
#[path = "data/activations.rs"]
mod recorded;

use common::{Chain, ROUNDING, check_network, flat, network, rng, rows};
use constnet::{
    Cache, Elu, Gelu, GeluTanh, Hardsigmoid, Hardswish, Hardtanh, LayerNorm, LeakyRelu, Linear, Mse, Relu,
    Residual, Selu, Sequential, Sgd, Sigmoid, Silu, Softmax, Softplus, Tanh, Trainer, Zeroed,
    layers::{Elem, Features, HasGradient, Layer, Row, Shape},
    simd::Element,
};

type Leaky<const N: usize, T = f32> = LeakyRelu<N, 1, T>;
type Leakier<const N: usize, T = f32> = LeakyRelu<N, 20, T>;

/// The number of recorded values: not a multiple of any vector's width.
const N: usize = recorded::Z.len();

/// The largest difference between this crate and PyTorch in f64, relative to the number if it is above 1: both round
/// a few times, and near 0 the error of PyTorch's GELU is as large as the rounding error of 1.
const TOLERANCE: f64 = 4e-15;

/// The same in f32, for numbers up to 1e4 with a rounded `z`.
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

/// An activation of `N` features with its textbook passes, the inherent functions `forward` and `backward`.
trait Textbook<const N: usize, T: Element>:
    Layer<In = Features<N, T>, Out: Shape<Elem = T, Row = [T; N]>> + Copy
{
    fn textbook_forward<const B: usize>(self, z: &[[T; N]; B]) -> [[T; N]; B];
    fn textbook_backward<const B: usize>(self, z: &[[T; N]; B], da: &[[T; N]; B]) -> [[T; N]; B];
}

macro_rules! textbook {
    ($($layer:ident)+) => { $(
        impl<const N: usize, T: Element> Textbook<N, T> for $layer<N, T> {
            fn textbook_forward<const B: usize>(self, z: &[[T; N]; B]) -> [[T; N]; B] {
                self.forward(z)
            }

            fn textbook_backward<const B: usize>(self, z: &[[T; N]; B], da: &[[T; N]; B]) -> [[T; N]; B] {
                self.backward(z, da)
            }
        }
    )+ };
}

textbook! {
    Relu Leaky Leakier Tanh Sigmoid Softplus Elu Gelu GeluTanh Silu Selu Hardtanh Hardsigmoid Hardswish
}

/// The output of a layer alone and the gradient with respect to its input, computed by the kernels of a network.
fn by_kernels<L, const B: usize>(layer: L, z: &[Row<L::In>; B], da: &[Row<L::Out>; B]) -> [Vec<f64>; 2]
where
    L: Layer,
    L::In: HasGradient,
{
    let mut cache = Cache::ZERO;
    let net = Sequential(layer);
    let pass = net.forward(z, &mut cache);
    let a = to_f64(L::Out::flatten(pass.output()));
    let dz = pass.backward_to_input(da, &mut { Sequential::ZERO });
    [a, to_f64(L::In::flatten(dz))]
}

/// Value and gradient against the recorded ones, in f64 and f32, by the textbook passes and by the kernels.
fn assert_recorded<A: Textbook<N, f64>, A32: Textbook<N, f32>>(values: &[f64], gradients: &[f64]) {
    let layer = A::ZERO;
    let (z, da) = ([recorded::Z], [[1.0; N]]);
    assert_close("textbook value", layer.textbook_forward(&z).as_flattened(), values, TOLERANCE);
    let dz = layer.textbook_backward(&z, &da);
    assert_close("textbook gradient", dz.as_flattened(), gradients, TOLERANCE);
    let [a, dz] = by_kernels(layer, &z, &da);
    assert_close("value", &a, values, TOLERANCE);
    assert_close("gradient", &dz, gradients, TOLERANCE);

    let layer = A32::ZERO;
    let (z, da) = ([recorded::Z.map(|z| z as f32)], [[1.0; N]]);
    assert_close("f32, textbook value", &to_f64(&layer.textbook_forward(&z)[0]), values, TOLERANCE_F32);
    let dz = layer.textbook_backward(&z, &da);
    assert_close("f32, textbook gradient", &to_f64(&dz[0]), gradients, TOLERANCE_F32);
    let [a, dz] = by_kernels(layer, &z, &da);
    assert_close("f32, value", &a, values, TOLERANCE_F32);
    assert_close("f32, gradient", &dz, gradients, TOLERANCE_F32);
}

/// NaN stays NaN, and does not affect the other numbers.
fn assert_passes_nan<A: Textbook<33, f32>>() {
    let layer = A::ZERO;
    for place in [0, 7, 16, 31, 32] {
        let mut z = [[0.5; 33]];
        z[0][place] = f32::NAN;
        let [a, _] = by_kernels(layer, &z, &[[1.0; 33]]);
        for (index, (a, textbook)) in a.iter().zip(&layer.textbook_forward(&z)[0]).enumerate() {
            assert_eq!(a.is_nan(), index == place, "NaN at {place}, {index}");
            assert_eq!(textbook.is_nan(), index == place, "NaN at {place}, {index}, textbook");
        }
    }
}

/// Two linear layers with an activation after each.
type Between<A, Z> = (Linear<3, 9, f64>, (A, (Linear<9, 17, f64>, Z)));

/// An activation between linear layers, whichever layer stores its rows, against the textbook passes.
fn assert_composition_between_layers<A: Textbook<9, f64>, Z: Textbook<17, f64>, const B: usize>()
where
    Between<A, Z>: Layer<In = Features<3, f64>, Out: Shape<Elem = f64, Row = [f64; 17]>> + Copy,
{
    let rng = &mut rng(1);
    let net: Sequential<Between<A, Z>> = network(rng);
    let x = rows::<Features<3, f64>, B>(rng);
    let da2 = rows::<Features<17, f64>, B>(rng);
    let (first, (f, (second, g))) = net.0;

    let z1 = first.forward(&x);
    let a1 = f.textbook_forward(&z1);
    let z2 = second.forward(&a1);
    let a2 = g.textbook_forward(&z2);
    let (mut first_gradient, mut second_gradient) = (Linear::ZERO, Linear::ZERO);
    let dz2 = g.textbook_backward(&z2, &da2);
    let da1 = second.backward(&a1, &dz2, &mut second_gradient);
    let dx = first.backward(&x, &f.textbook_backward(&z1, &da1), &mut first_gradient);

    let mut cache = Cache::ZERO;
    let mut gradient = Sequential::ZERO;
    let pass = net.forward(&x, &mut cache);
    assert_close("output", pass.output().as_flattened(), a2.as_flattened(), ROUNDING);
    let by_kernels = pass.backward_to_input(&da2, &mut gradient);
    assert_close("dx", by_kernels.as_flattened(), dx.as_flattened(), 10.0 * ROUNDING);
    let expected = [flat(&first_gradient), flat(&second_gradient)].concat();
    assert_close("gradient", &flat(&gradient), &expected, 10.0 * ROUNDING);
}

macro_rules! activations {
    ($($name:ident: $layer:ident, $values:ident, $gradients:ident, $printed:literal;)+) => {
        $(
            mod $name {
                use super::*;

                #[test]
                fn matches_pytorch() {
                    assert_recorded::<$layer<N, f64>, $layer<N>>(&recorded::$values, &recorded::$gradients);
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
                fn between_layers_equals_textbook_passes() {
                    assert_composition_between_layers::<$layer<9, f64>, $layer<17, f64>, 1>();
                    assert_composition_between_layers::<$layer<9, f64>, $layer<17, f64>, 5>();
                }

                #[test]
                fn nan_stays_nan() {
                    assert_passes_nan::<$layer<33>>();
                }

                #[test]
                fn prints_and_has_no_size() {
                    let net = Sequential($layer::<5>::new());
                    assert_eq!(net.to_string(), concat!("Sequential(\n  (0): ", $printed, "\n)  # 0 parameters"));
                    assert_eq!(size_of_val(&net), 0);
                    assert_eq!(net, Zeroed::ZERO);
                }
            }
        )+
    };
}

activations! {
    relu: Relu, RELU, RELU_GRADIENT, "ReLU()  # Relu<5>";
    leaky_relu: Leaky, LEAKY_RELU, LEAKY_RELU_GRADIENT, "LeakyReLU(negative_slope=0.01)  # LeakyRelu<5, 1>";
    leakier_relu: Leakier, LEAKY_RELU_20, LEAKY_RELU_20_GRADIENT,
        "LeakyReLU(negative_slope=0.2)  # LeakyRelu<5, 20>";
    tanh: Tanh, TANH, TANH_GRADIENT, "Tanh()  # Tanh<5>";
    sigmoid: Sigmoid, SIGMOID, SIGMOID_GRADIENT, "Sigmoid()  # Sigmoid<5>";
    softplus: Softplus, SOFTPLUS, SOFTPLUS_GRADIENT, "Softplus(beta=1.0, threshold=20.0)  # Softplus<5>";
    elu: Elu, ELU, ELU_GRADIENT, "ELU(alpha=1.0)  # Elu<5>";
    gelu: Gelu, GELU, GELU_GRADIENT, "GELU(approximate='none')  # Gelu<5>";
    gelu_tanh: GeluTanh, GELU_TANH, GELU_TANH_GRADIENT, "GELU(approximate='tanh')  # GeluTanh<5>";
    silu: Silu, SILU, SILU_GRADIENT, "SiLU()  # Silu<5>";
    selu: Selu, SELU, SELU_GRADIENT, "SELU()  # Selu<5>";
    hardtanh: Hardtanh, HARDTANH, HARDTANH_GRADIENT, "Hardtanh(min_val=-1.0, max_val=1.0)  # Hardtanh<5>";
    hardsigmoid: Hardsigmoid, HARDSIGMOID, HARDSIGMOID_GRADIENT, "Hardsigmoid()  # Hardsigmoid<5>";
    hardswish: Hardswish, HARDSWISH, HARDSWISH_GRADIENT, "Hardswish()  # Hardswish<5>";
}

#[test]
fn softmax_matches_pytorch() {
    let z: [[f64; 5]; 3] = common::rows_of::<Features<5, f64>, 3>(&recorded::SCORES);
    let dp = common::rows_of::<Features<5, f64>, 3>(&recorded::SCORES_DP);
    let layer = Softmax::new();
    assert_close("textbook value", layer.forward(&z).as_flattened(), &recorded::SOFTMAX, TOLERANCE);
    let dz = layer.backward(&z, &dp);
    assert_close("textbook gradient", dz.as_flattened(), &recorded::SOFTMAX_GRADIENT, TOLERANCE);
    let [p, dz] = by_kernels(layer, &z, &dp);
    assert_close("value", &p, &recorded::SOFTMAX, TOLERANCE);
    assert_close("gradient", &dz, &recorded::SOFTMAX_GRADIENT, TOLERANCE);

    let [p, dz] = by_kernels(
        Softmax::new(),
        &z.map(|row| row.map(|z| z as f32)),
        &dp.map(|row| row.map(|dp| dp as f32)),
    );
    assert_close("f32", &p, &recorded::SOFTMAX, TOLERANCE_F32);
    assert_close("f32, gradient", &dz, &recorded::SOFTMAX_GRADIENT, TOLERANCE_F32);
}

#[test]
fn layer_norm_with_another_eps_matches_pytorch() {
    let of = |values: &[f64]| -> [[f64; 5]; 1] { [core::array::from_fn(|index| values[index])] };
    let (z, da) = (of(&recorded::SCORES), of(&recorded::SCORES_DP));
    let layer = LayerNorm::new().eps::<3>();
    assert_close("textbook value", &layer.forward(&z)[0], &recorded::LAYER_NORM, TOLERANCE);
    let dz = layer.backward(&z, &da, &mut { LayerNorm::ZERO });
    assert_close("textbook gradient", &dz[0], &recorded::LAYER_NORM_GRADIENT, TOLERANCE);
    let [a, dz] = by_kernels(layer, &z, &da);
    assert_close("value", &a, &recorded::LAYER_NORM, TOLERANCE);
    assert_close("gradient", &dz, &recorded::LAYER_NORM_GRADIENT, TOLERANCE);
}

#[test]
fn layer_norm_prints_its_eps_as_python_does() {
    fn printed<const EPS: usize>() -> String {
        Sequential(LayerNorm::<5, f64>::new().eps::<EPS>()).to_string()
    }
    assert!(
        printed::<3>().contains(
            "LayerNorm((5,), eps=0.001, elementwise_affine=True, bias=True)  # LayerNorm<5, f64, 3>"
        )
    );
    assert!(printed::<5>().contains("eps=1e-05, elementwise_affine=True, bias=True)  # LayerNorm<5, f64>,"));
    assert!(printed::<12>().contains("eps=1e-12,"));
}

#[test]
fn softmax_in_networks() {
    check_network::<Softmax<9, f64>, 9, 3>(0);
    check_network::<Chain<Sequential![Linear<5, 17, f64>, Softmax<17, f64>, Linear<17, 3, f64>]>, 3, 7>(1);
    // Softmax stores its input, so it applies the derivative of an activation before it, and the layer after it that
    // of an activation after it.
    type Between =
        Sequential![Linear<5, 9, f64>, Tanh<9, f64>, Softmax<9, f64>, Sigmoid<9, f64>, Linear<9, 2, f64>];
    check_network::<Chain<Between>, 2, 3>(2);
    let printed = Sequential(Softmax::<5>::new()).to_string();
    assert_eq!(printed, "Sequential(\n  (0): Softmax(dim=-1)  # Softmax<5>\n)  # 0 parameters");
}

#[test]
fn softmax_of_nan_is_nan() {
    for place in 0..9 {
        let mut z = [[1.0_f32; 9]];
        z[0][place] = f32::NAN;
        let [p, _] = by_kernels(Softmax::new(), &z, &[[1.0; 9]]);
        assert!(p.iter().all(|p| p.is_nan()), "{place}");
    }
}

/// Two activations in a row, one or both of which store their own input.
#[test]
fn two_in_a_row_of_which_one_stores_its_input() {
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

/// Two activations in a row, the derivatives of which are computed from their outputs: the rows between them are stored.
#[test]
fn two_in_a_row() {
    type Net = Chain<Sequential![Linear<5, 9, f64>, Tanh<9, f64>, Sigmoid<9, f64>, Linear<9, 2, f64>]>;
    check_network::<Net, 2, 1>(0);
    check_network::<Net, 2, 7>(1);
    // The widths around a vector's: a remainder, and none.
    check_network::<
        Chain<Sequential![Linear<5, 16, f64>, Sigmoid<16, f64>, Tanh<16, f64>, Linear<16, 17, f64>]>,
        17,
        3,
    >(2);
    // The same activation twice.
    check_network::<Chain<Sequential![Linear<5, 9, f64>, Elu<9, f64>, Elu<9, f64>, Linear<9, 2, f64>]>, 2, 3>(
        3,
    );
}

#[test]
fn three_in_a_row() {
    type Net = Chain<
        Sequential![Linear<5, 9, f64>, Softplus<9, f64>, Tanh<9, f64>, Sigmoid<9, f64>, Linear<9, 2, f64>],
    >;
    check_network::<Net, 2, 1>(0);
    check_network::<Net, 2, 7>(1);
    // The one in the middle stores its input.
    check_network::<
        Chain<Sequential![Linear<5, 9, f64>, Tanh<9, f64>, Gelu<9, f64>, Sigmoid<9, f64>, Linear<9, 2, f64>]>,
        2,
        3,
    >(2);
    // Two pairs, one after the other.
    type Pairs = Sequential![
        Linear<5, 9, f64>, Tanh<9, f64>, Leakier<9, f64>, Linear<9, 7, f64>, Elu<7, f64>, Sigmoid<7, f64>,
        Linear<7, 2, f64>
    ];
    check_network::<Chain<Pairs>, 2, 3>(3);
}

#[test]
fn in_a_row_at_the_start_and_at_the_end() {
    check_network::<Chain<Sequential![Tanh<5, f64>, Sigmoid<5, f64>, Linear<5, 3, f64>]>, 3, 3>(0);
    check_network::<Chain<Sequential![Linear<5, 3, f64>, Tanh<3, f64>, Sigmoid<3, f64>]>, 3, 3>(1);
    type BothEnds = Sequential![
        Tanh<5, f64>, Softplus<5, f64>, Sigmoid<5, f64>, Linear<5, 9, f64>, Elu<9, f64>, Tanh<9, f64>,
        Softplus<9, f64>
    ];
    check_network::<Chain<BothEnds>, 9, 1>(2);
    check_network::<Chain<BothEnds>, 9, 7>(3);
    // Nothing else.
    check_network::<Chain<Sequential![Tanh<9, f64>, Sigmoid<9, f64>]>, 9, 3>(4);
    check_network::<Chain<Sequential![Tanh<9, f64>, Sigmoid<9, f64>, Elu<9, f64>]>, 9, 3>(5);
}

#[test]
fn in_a_row_in_a_residual_block() {
    check_network::<Residual<Chain<Sequential![Tanh<9, f64>, Elu<9, f64>]>>, 9, 3>(0);
    type Body = Sequential![
        Tanh<9, f64>, Softplus<9, f64>, Linear<9, 5, f64>, Sigmoid<5, f64>, Tanh<5, f64>, Linear<5, 9, f64>,
        Tanh<9, f64>, Elu<9, f64>
    ];
    type Net = Sequential![
        Linear<3, 9, f64>, Tanh<9, f64>, Residual<Body>, Sigmoid<9, f64>, Softplus<9, f64>, Linear<9, 2, f64>
    ];
    check_network::<Chain<Net>, 2, 1>(1);
    check_network::<Chain<Net>, 2, 7>(2);
}

/// Networks that start and end with activations, one after the other: the activations meet at the seam.
#[test]
fn in_a_row_across_networks_in_a_network() {
    type Inner = Sequential![Tanh<7, f64>, Linear<7, 7, f64>, Sigmoid<7, f64>];
    check_network::<Chain<Sequential![Linear<5, 7, f64>, Inner, Inner, Linear<7, 2, f64>]>, 2, 3>(0);
    check_network::<Chain<Sequential![Inner, Sequential![Inner, Elu<7, f64>], Tanh<7, f64>]>, 7, 3>(1);
}

/// A linear layer, two activations in a row, a linear layer.
type Pair<A, Z> = (Linear<3, 9, f64>, (A, (Z, Linear<9, 4, f64>)));

/// Two activations in a row against the textbook passes, and a training step against its two halves.
fn assert_composition_of_pair<A: Textbook<9, f64>, Z: Textbook<9, f64>>(what: &str)
where
    Pair<A, Z>: Layer<In = Features<3, f64>, Out: Shape<Elem = f64, Row = [f64; 4]>> + Copy + PartialEq,
{
    const B: usize = 5;
    let rng = &mut rng(2);
    let mut net: Sequential<Pair<A, Z>> = network(rng);
    let x = rows::<Features<3, f64>, B>(rng);
    let y = rows::<Features<4, f64>, B>(rng);
    let (first, (f, (g, last))) = net.0;

    let z1 = first.forward(&x);
    let a1 = f.textbook_forward(&z1);
    let a2 = g.textbook_forward(&a1);
    let y_hat = last.forward(&a2);
    let dy = Mse.backward(&y_hat, &y);
    let (mut first_gradient, mut last_gradient) = (Linear::ZERO, Linear::ZERO);
    let da2 = last.backward(&a2, &dy, &mut last_gradient);
    let da1 = g.textbook_backward(&a1, &da2);
    let dx = first.backward(&x, &f.textbook_backward(&z1, &da1), &mut first_gradient);

    let mut cache = Cache::ZERO;
    let mut gradient = Sequential::ZERO;
    let pass = net.forward(&x, &mut cache);
    assert_close(what, pass.output().as_flattened(), y_hat.as_flattened(), ROUNDING);
    let by_kernels = pass.backward_to_input(&dy, &mut gradient);
    assert_close(what, by_kernels.as_flattened(), dx.as_flattened(), 10.0 * ROUNDING);
    let expected = [flat(&first_gradient), flat(&last_gradient)].concat();
    assert_close(what, &flat(&gradient), &expected, 10.0 * ROUNDING);

    // The fused step, which updates each layer during the backward pass.
    let sgd = Sgd { lr: 0.05 };
    let mut trainer = Trainer::<_, _, B>::new(net, sgd);
    trainer.step(&x, &y);
    sgd.step(&mut net, &gradient).expect("finite numbers");
    assert_close(what, &flat(&trainer.net), &flat(&net), ROUNDING);
}

macro_rules! pairs {
    ($($first:ident)+) => { pairs!(@each [$($first)+] $($first)+); };
    (@each $second:tt $($first:ident)+) => { $( pairs!(@one $first $second); )+ };
    (@one $first:ident [$($second:ident)+]) => { $(
        assert_composition_of_pair::<$first<9, f64>, $second<9, f64>>(
            concat!(stringify!($first), ", ", stringify!($second))
        );
    )+ };
}

/// All pairs of some activations with derivatives computed from the output and of `Silu`, which stores its input; and
/// each other activation before and after `Tanh`.
#[test]
fn pairs_equal_textbook_passes() {
    pairs! { Tanh Sigmoid Elu Silu }
    pairs! { @each [Tanh] Relu Leakier Softplus Gelu Selu Hardtanh Hardsigmoid Hardswish }
    pairs! { @each [Relu Leakier Softplus Gelu Selu Hardtanh Hardsigmoid Hardswish] Tanh }
}

/// ReLU after ReLU changes nothing.
#[test]
fn relu_after_relu_equals_one() {
    type Once = Sequential![Linear<5, 9, f64>, Relu<9, f64>, Linear<9, 3, f64>];
    type Twice = Sequential![Linear<5, 9, f64>, Relu<9, f64>, Relu<9, f64>, Linear<9, 3, f64>];
    let rng = &mut rng(3);
    let (x, y) = (rows::<Features<5, f64>, 8>(rng), rows::<Features<3, f64>, 8>(rng));
    let once: Once = network(&mut common::rng(4));
    let twice: Twice = network(&mut common::rng(4));
    let mut once = Trainer::<_, _, 8>::new(once, Sgd { lr: 0.05 });
    let mut twice = Trainer::<_, _, 8>::new(twice, Sgd { lr: 0.05 });
    for _ in 0..5 {
        assert_eq!(once.step(&x, &y), twice.step(&x, &y));
        assert_eq!(flat(&once.net), flat(&twice.net));
    }
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

/// By value, the widths are inferred from the neighbours, the element type from the input.
#[test]
fn types_are_inferred_by_value() {
    let net = constnet::sequential![
        Linear::new([[1.0], [-1.0]], [0.0, 0.0]),
        LeakyRelu::<_, 1, _>::new(),
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
