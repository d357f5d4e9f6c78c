//! Every activation and layer by its type and by value, in constants and in generic code.

use constnet::{
    Dropout, Elu, Gelu, GeluTanh, Hardsigmoid, Hardswish, Hardtanh, LayerNorm, LeakyRelu, Linear, Relu, Residual,
    Selu, Sequential, Sigmoid, Silu, Softmax, Softplus, Tanh, Zeroed,
    activation::Activation,
    activation_layer,
    layers::{Features, Layer},
    sequential,
    simd::{Element, Real},
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
    Elu<5>,
    Selu<5>,
    Hardtanh<5>,
    Hardsigmoid<5>,
    Hardswish<5>,
    LayerNorm<5, f32, 12>,
    Softmax<5>,
];

static NET: Net = Zeroed::ZERO;

activation_layer! {
    /// The square root of positive features, 0 for others.
    pub struct Root<N>: "Root()", from output
}

impl<const N: usize, T: Element> Activation for Root<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        z.max(T::ZERO).sqrt()
    }

    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        a.select_le(T::ZERO, da.splat(T::ZERO), da / (a + a))
    }
}

/// Any activation between layers.
fn hidden<A: Activation<Elem = f32>>(activation: A) -> impl Layer<In = Features<5>, Out = Features<3>>
where
    (Linear<5, 8>, (A, Linear<8, 3>)): Layer<In = Features<5>, Out = Features<3>>,
{
    (Linear::<5, 8>::ZERO, (activation, Linear::<8, 3>::ZERO))
}

fn main() {
    let _: [f32; 5] = NET.predict(&[0.0; 4]);
    // Activations may follow each other in any order.
    let net = sequential![
        Linear::<4, 4>::ZERO,
        Relu::new(),
        Relu::new(),
        Tanh::new(),
        Silu::new(),
        Sigmoid::new(),
        Root::new(),
        LeakyRelu::<_, 20, _>::new(),
        Gelu::new(),
        Elu::new(),
        Selu::new(),
        Hardtanh::new(),
        Hardsigmoid::new(),
        Hardswish::new(),
        LayerNorm::new().eps::<3>(),
    ];
    let _: [f32; 4] = net.predict(&[0.0; 4]);
    let _ = hidden(Tanh::new());
    let _ = hidden(Root::new());
    let _ = hidden(LeakyRelu::<8, 20>::new());
}
