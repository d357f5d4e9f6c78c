//! Every activation and layer by its type alone and by value, in constants and in generic code.

use constnet::{
    Dropout, Features, Gelu, GeluTanh, Layer, LayerNorm, LeakyRelu, Linear, Relu, Residual, Sequential, Sigmoid, Silu,
    Softmax, Softplus, Tanh, Zeroed,
    activation::{Elementwise, Function},
    sequential,
};

type Net = Sequential![
    LayerNorm<4>,
    Residual<Sequential![Linear<4, 8>, Gelu<8>, Dropout<8, 20>, Linear<8, 4>, Tanh<4>]>,
    Linear<4, 5>,
    Softplus<5>,
    Linear<5, 5>,
    LeakyRelu<5>,
    Silu<5>,
    GeluTanh<5>,
    Softmax<5>,
];

static NET: Net = Zeroed::ZERO;

/// Any elementwise function between layers.
fn hidden<F: Function<f32>>() -> impl Layer<Out = Features<3>> {
    (Linear::<5, 8>::ZERO, (Elementwise::<F, 8>::new(), Linear::<8, 3>::ZERO))
}

fn main() {
    let _: [f32; 5] = NET.predict(&[0.0; 4]);
    // Two ReLUs are one, and a function that keeps its input may follow any.
    let net = sequential![Linear::<4, 4>::ZERO, Relu::new(), Relu::new(), Silu::new(), Sigmoid::new(), Gelu::new()];
    let _: [f32; 4] = net.predict(&[0.0; 4]);
    let _ = hidden::<constnet::activation::TanhFn>();
    let _ = hidden::<constnet::activation::LeakyReluFn<20>>();
}
