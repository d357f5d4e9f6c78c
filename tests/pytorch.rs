//! Whole networks against PyTorch in f64: output, `nn.MSELoss()`, every gradient, and all parameters after 1 and 10
//! steps of `optim.SGD`. `data/generate.py` recorded the numbers.

mod common;
#[rustfmt::skip]
#[path = "data/networks.rs"]
mod networks;

use common::{flat, rows_of, set_flat};
use constnet::{
    Cache, Elu, Gelu, LayerNorm, LeakyRelu, Linear, Loss, Mse, Relu, Residual, Sequential, Sgd, Sigmoid,
    Silu, Softplus, Tanh, Trainer, Zeroed,
    layers::{HasGradient, Layer, Row, Shape},
    mlp,
};

/// The recorded numbers: each tensor row by row, and the parameters in PyTorch's order.
struct Case {
    x: &'static [f64],
    y: &'static [f64],
    start: &'static [f64],
    /// Before each step.
    losses: &'static [f64],
    gradient: &'static [f64],
    dx: &'static [f64],
    after_1: &'static [f64],
    after_10: &'static [f64],
}

/// The learning rate in `generate.py`.
const LR: f64 = 0.05;

/// Both programs add up a hundred numbers of size 1 at most, in different orders: the sums differ by a few times 1e-16,
/// and several times that after ten steps.
const TOLERANCE: f64 = 1e-12;

#[track_caller]
fn assert_close(what: &str, ours: &[f64], recorded: &[f64]) {
    assert_eq!(ours.len(), recorded.len(), "{what}");
    let scale = recorded.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    for (index, (ours, recorded)) in ours.iter().zip(recorded).enumerate() {
        let off = (ours - recorded).abs() / scale;
        assert!(off < TOLERANCE, "{what}, number {index}: {ours} instead of {recorded}, off by {off:e}");
    }
}

fn check<L, const B: usize>(case: &Case)
where
    L: Layer<In: Shape<Elem = f64>, Out: Shape<Elem = f64>>,
    Mse: Loss<L::Out, Target = Row<L::Out>>,
    L::In: HasGradient,
{
    let x = rows_of::<L::In, B>(case.x);
    let y = rows_of::<L::Out, B>(case.y);
    let mut net = Sequential::<L>::ZERO;
    set_flat(&mut net, case.start);

    // The two passes. The gradient of a sample is that of the mean, times the batch size.
    let mut cache = Cache::ZERO;
    let mut gradient = Sequential::ZERO;
    let pass = net.forward(&x, &mut cache);
    let mut dy = *pass.output();
    for (dy, y) in L::Out::flatten_mut(&mut dy).iter_mut().zip(L::Out::flatten(&y)) {
        *dy = (*dy - y) * 2.0 / L::Out::LEN as f64;
    }
    let mut dx = *pass.backward_to_input(&dy, &mut gradient);
    for dx in L::In::flatten_mut(&mut dx) {
        *dx /= B as f64;
    }
    assert_close("the gradient", &flat(&gradient), case.gradient);
    assert_close("the gradient with respect to the input", L::In::flatten(&dx), case.dx);

    // Whole steps.
    let mut trainer = Trainer::<_, _, B>::new(net, Sgd { lr: LR });
    let mut losses = vec![trainer.step(&x, &y)];
    assert_close("the parameters after 1 step", &flat(&trainer.net), case.after_1);
    losses.extend((1..10).map(|_| trainer.step(&x, &y)));
    assert_close("the parameters after 10 steps", &flat(&trainer.net), case.after_10);
    assert_close("the losses", &losses, case.losses);
}

macro_rules! cases {
    ($($name:ident: $net:ty, batch $b:literal, $case:ident;)+) => {
        $(
            #[test]
            fn $name() {
                check::<$net, $b>(&networks::$case);
            }
        )+
    };
}

cases! {
    one_layer: mlp![f64; 5, 3], batch 4, DEPTH_1;
    two_layers: mlp![f64; 7, 9, 2], batch 3, DEPTH_2;
    three_layers: mlp![f64; 5, 17, 8, 3], batch 20, DEPTH_3;
    four_layers: mlp![f64; 3, 5, 9, 7, 1], batch 7, DEPTH_4;
    one_sample: mlp![f64; 9, 16, 5], batch 1, ONE_SAMPLE;
    starts_and_ends_with_relu: constnet::Sequential![Relu<5, f64>, Linear<5, 6, f64>, Relu<6, f64>], batch 2, RELU_ENDS;
    activations: constnet::Sequential![
        Linear<5, 9, f64>, Tanh<9, f64>, Linear<9, 7, f64>, Gelu<7, f64>, Linear<7, 6, f64>, Softplus<6, f64>,
        Linear<6, 3, f64>, Sigmoid<3, f64>,
    ], batch 7, ACTIVATIONS;
    layer_norm: constnet::Sequential![
        LayerNorm<5, f64>, Linear<5, 9, f64>, LayerNorm<9, f64>, LeakyRelu<9, 1, f64>, Linear<9, 3, f64>,
    ], batch 4, LAYER_NORM;
    residual: constnet::Sequential![
        Linear<5, 7, f64>, Silu<7, f64>, Residual<constnet::Sequential![
            Tanh<7, f64>, LayerNorm<7, f64>, Linear<7, 9, f64>, Silu<9, f64>, Linear<9, 7, f64>,
        ]>,
        Residual<constnet::Sequential![Linear<7, 7, f64>, Tanh<7, f64>]>, Linear<7, 3, f64>,
    ], batch 3, RESIDUAL;
    activations_in_a_row: constnet::Sequential![
        Linear<5, 7, f64>, Tanh<7, f64>, Sigmoid<7, f64>, Linear<7, 6, f64>, Elu<6, f64>, Gelu<6, f64>,
        Softplus<6, f64>, Linear<6, 3, f64>, LeakyRelu<3, 1, f64>, Sigmoid<3, f64>,
    ], batch 4, IN_A_ROW;
}
