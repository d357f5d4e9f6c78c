//! Derivatives with respect to the input, against central differences in `f64`.

use constnet::{
    Custom, CustomLayer, Dropout, Error, Gelu, LayerNorm, Linear, Relu, Residual, Sequential, Sigmoid, Silu,
    Softmax, Tanh, Zeroed,
    layers::{Features, HasGradient, Layer, Shape},
    mlp,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The error of a central difference with the step `STEP`, about `STEP²`.
const TOLERANCE: f64 = 1e-8;
const STEP: f64 = 1e-5;

/// Checks the three derivatives of one row and of nine rows, one more than is computed at a time.
fn check<L, const IN: usize, const OUT: usize>()
where
    L: Layer<In: HasGradient + Shape<Row = [f64; IN], Elem = f64>, Out: Shape<Row = [f64; OUT]>>,
{
    let rng = &mut StdRng::seed_from_u64(1);
    let mut net = Sequential::<L>::ZERO;
    net.init(rng);
    // So that biases are not 0, nor the weights of a `LayerNorm` 1.
    net.for_each_parameter_mut(|p| p.values.iter_mut().for_each(|p| *p += rng.random_range(-0.2..0.2)));
    let mut random = || rng.random_range(-1.0..1.0);
    let x: [[f64; IN]; 9] = [(); 9].map(|()| [(); IN].map(|()| random()));
    let dx: [[f64; IN]; 9] = [(); 9].map(|()| [(); IN].map(|()| random()));
    let dy: [[f64; OUT]; 9] = [(); 9].map(|()| [(); OUT].map(|()| random()));

    let (mut jacobians, mut gradients, mut changes) =
        ([[[0.0; IN]; OUT]; 9], [[0.0; IN]; 9], [[0.0; OUT]; 9]);
    net.jacobian_into(&x, &mut jacobians).unwrap();
    net.input_gradient_into(&x, &dy, &mut gradients).unwrap();
    net.jvp_into(&x, &dx, &mut changes).unwrap();
    for n in 0..9 {
        let differences: [[f64; OUT]; IN] = core::array::from_fn(|i| {
            let at = |by: f64| {
                let mut x = x[n];
                x[i] += by;
                net.predict::<[f64; OUT]>(&x)
            };
            let (above, below) = (at(STEP), at(-STEP));
            core::array::from_fn(|o| (above[o] - below[o]) / (2.0 * STEP))
        });
        let jacobian: [[f64; IN]; OUT] = net.jacobian(&x[n]);
        let gradient: [f64; IN] = net.input_gradient(&x[n], &dy[n]);
        let change: [f64; OUT] = net.jvp(&x[n], &dx[n]);
        let close = |a: f64, b: f64| assert!((a - b).abs() < TOLERANCE, "row {n}: {a} and {b}");
        for i in 0..IN {
            for o in 0..OUT {
                close(jacobian[o][i], differences[i][o]);
                close(jacobians[n][o][i], differences[i][o]);
            }
            let expected = (0..OUT).map(|o| differences[i][o] * dy[n][o]).sum();
            close(gradient[i], expected);
            close(gradients[n][i], expected);
        }
        for o in 0..OUT {
            let expected = (0..IN).map(|i| differences[i][o] * dx[n][i]).sum();
            close(change[o], expected);
            close(changes[n][o], expected);
            let product: f64 = (0..IN).map(|i| jacobian[o][i] * dx[n][i]).sum();
            assert!((change[o] - product).abs() < 1e-12, "row {n}: {} and {product}", change[o]);
        }
    }
}

struct Square;

impl Zeroed for Square {
    const ZERO: Self = Self;
}

impl CustomLayer for Square {
    type In = Features<3, f64>;
    type Out = Features<3, f64>;
    type Cache<const B: usize> = ();
    const NAME: &'static str = "Square";
    const PARAMS: usize = 0;

    fn forward<const B: usize>(&self, x: &[[f64; 3]; B], y: &mut [[f64; 3]; B], (): &mut ()) {
        *y = x.map(|x| x.map(|x| x * x));
    }

    fn backward<const B: usize>(
        &self,
        x: &[[f64; 3]; B],
        (): &(),
        dy: &[[f64; 3]; B],
        dx: &mut [[f64; 3]; B],
        _: &mut Self,
    ) {
        *dx = core::array::from_fn(|b| core::array::from_fn(|i| 2.0 * x[b][i] * dy[b][i]));
    }
}

/// The sums of neighbouring inputs and their product: a Jacobian matrix that is not square.
struct Sums;

impl Zeroed for Sums {
    const ZERO: Self = Self;
}

impl CustomLayer for Sums {
    type In = Features<3, f64>;
    type Out = Features<2, f64>;
    type Cache<const B: usize> = [f64; B];
    const NAME: &'static str = "Sums";
    const PARAMS: usize = 0;

    fn forward<const B: usize>(&self, x: &[[f64; 3]; B], y: &mut [[f64; 2]; B], product: &mut [f64; B]) {
        *product = x.map(|[a, b, c]| (a + b) * c);
        *y = core::array::from_fn(|n| [x[n][0] + x[n][1], product[n]]);
    }

    fn backward<const B: usize>(
        &self,
        x: &[[f64; 3]; B],
        product: &[f64; B],
        dy: &[[f64; 2]; B],
        dx: &mut [[f64; 3]; B],
        _: &mut Self,
    ) {
        *dx = core::array::from_fn(|n| {
            let ([_, _, c], [sum, dproduct]) = (x[n], dy[n]);
            [sum + c * dproduct, sum + c * dproduct, product[n] / c * dproduct]
        });
    }
}

#[test]
fn of_networks_of_every_kind() {
    type Body = (Tanh<4, f64>, (Linear<4, 4, f64>, Sigmoid<4, f64>));
    check::<(Linear<3, 4, f64>, (Residual<Body>, (Tanh<4, f64>, Linear<4, 2, f64>))), 3, 2>();
    check::<(Sequential<(Linear<3, 4, f64>, Tanh<4, f64>)>, (Sigmoid<4, f64>, LayerNorm<4, f64>)), 3, 4>();
    check::<(Linear<2, 3, f64>, (Silu<3, f64>, (Custom<Sums>, (Tanh<2, f64>, Linear<2, 2, f64>)))), 2, 2>();
    check::<Linear<5, 3, f64>, 5, 3>();
    check::<Linear<1, 17, f64>, 1, 17>();
    check::<(Linear<70, 9, f64>, (Tanh<9, f64>, Linear<9, 1, f64>)), 70, 1>();
    check::<(Tanh<5, f64>, (Linear<5, 3, f64>, Sigmoid<3, f64>)), 5, 3>();
    check::<(Linear<4, 9, f64>, (Sigmoid<9, f64>, (Tanh<9, f64>, Linear<9, 2, f64>))), 4, 2>();
    check::<(Linear<3, 9, f64>, (LayerNorm<9, f64>, (Gelu<9, f64>, Linear<9, 2, f64>))), 3, 2>();
    check::<(Linear<3, 4, f64>, (Residual<(Linear<4, 4, f64>, Tanh<4, f64>)>, Linear<4, 2, f64>)), 3, 2>();
    check::<(Linear<3, 4, f64>, (Silu<4, f64>, (Dropout<4, 50, f64>, Softmax<4, f64>))), 3, 4>();
    check::<(Linear<2, 3, f64>, (Custom<Square>, Linear<3, 2, f64>)), 2, 2>();
}

/// The derivative of a ReLU is right wherever no input is within the step of its kink.
#[test]
fn of_a_relu_network() {
    check::<(Linear<5, 64, f64>, (Relu<64, f64>, Linear<64, 3, f64>)), 5, 3>();
}

#[test]
fn too_few_results_are_refused() {
    let net = <mlp![2, 3]>::ZERO;
    let error = |name, given| Err(Error::Length { name, given, expected: 2 });
    let x = [[1.0, 2.0]; 2];
    assert_eq!(net.jacobian_into(&x, &mut [[[0.0; 2]; 3]; 1]), error("Jacobians", 1));
    assert_eq!(net.input_gradient_into(&x, &[[0.0; 3]; 3], &mut [[0.0; 2]; 2]), error("output gradients", 3));
    assert_eq!(net.input_gradient_into(&x, &[[0.0; 3]; 2], &mut []), error("input gradients", 0));
    assert_eq!(net.jvp_into(&x, &[], &mut [[0.0; 3]; 2]), error("input changes", 0));
    assert_eq!(net.jvp_into(&x, &x, &mut [[0.0; 3]; 1]), error("output changes", 1));
}
