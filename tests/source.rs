//! Networks as Rust source, which the compiler turns into the same networks.

mod common;

use common::{flat, network, rng};
use constnet::{
    Custom, Dropout, Elu, Frozen, LayerNorm, LeakyRelu, Linear, Residual, Sequential, Softmax, StaticNetwork,
    Tanh, Zeroed, layers::Layer, mlp, sequential,
};
use doubling::Doubling;

/// The network of `pytorch.safetensors`, as [`Sequential::to_rust_source`] writes it.
#[allow(unreachable_pub, reason = "the source is for a module of any visibility")]
mod generated {
    include!("data/pytorch_net.rs");
}

const WRITTEN: &str = include_str!("data/pytorch_net.rs");

/// The compiled source is the network from which it was made.
#[test]
fn source_compiles_to_the_same_bits() {
    assert_eq!(generated::NET.to_rust_source("NET").to_string(), WRITTEN);
}

#[test]
#[cfg(feature = "safetensors")]
fn a_file_of_pytorch_gives_that_source() {
    let mut net = <mlp![5, 16, 12, 3]>::ZERO;
    net.load_safetensors(include_bytes!("data/pytorch.safetensors")).expect("PyTorch's file");
    if std::env::var_os("CONSTNET_WRITE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pytorch_net.rs");
        std::fs::write(path, net.to_rust_source("NET").to_string()).expect("a file");
    }
    assert_eq!(net.to_rust_source("NET").to_string(), WRITTEN, "CONSTNET_WRITE=1 overwrites it");
    assert_eq!(common::bits(&net), common::bits(&generated::NET));
}

/// Every literal in the source is parsed to the same number.
#[test]
fn every_number_is_exact() {
    let mut net: mlp![f64; 3, 4] = network(&mut rng(1));
    let odd = [0.1, -0.0, 1e-300, f64::MIN_POSITIVE / 3.0, 1e22, 0.1 + 0.2, f64::MAX, 3.0];
    net.get_parameter_mut("0.weight").expect("a weight").copy_from_slice(&[&odd[..], &odd[..4]].concat());
    let source = net.to_rust_source("NET").to_string();
    let (_, value) = source.split_once(" = ").expect("a value");
    let numbers: Vec<f64> =
        value.split(['[', ']', ',', '(', ')', ';', ' ', '\n']).filter_map(|word| word.parse().ok()).collect();
    let of = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(of(&numbers), of(&flat(&net)));
}

#[test]
fn every_layer_writes_its_type() {
    type Net = Sequential![
        Linear<2, 3, f64>,
        Tanh<3, f64>,
        Sequential![Linear<3, 2, f64>, LeakyRelu<2, 20, f64>, Elu<2, f64>],
        Linear<2, 2, f64>,
        Softmax<2, f64>,
    ];
    let source = Net::ZERO.to_rust_source("NET").to_string();
    let (ty, value) = source.split_once(" = ").expect("a value");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(ty).ends_with(
        "pub static NET: constnet::Sequential![ constnet::Linear<2, 3, f64>, constnet::Tanh<3, f64>, \
         constnet::Sequential![ constnet::Linear<3, 2, f64>, constnet::LeakyRelu<2, 20, f64>, constnet::Elu<2, f64>, ], \
         constnet::Linear<2, 2, f64>, constnet::Softmax<2, f64>, ]"
    ));
    type Others = Sequential![LayerNorm<2>, Residual<Sequential![Dropout<2, 20>]>, Dropout<2>];
    let net: Others = sequential![
        LayerNorm { weight: [1.5, -0.0], bias: [0.25, 2.0] },
        Residual(sequential![Dropout::new()]),
        Dropout::new()
    ];
    assert_eq!(
        words(&net.to_rust_source("NET").to_string()).split_once("NET: ").expect("a name").1,
        "constnet::Sequential![ constnet::LayerNorm<2>, \
         constnet::Residual<constnet::Sequential![ constnet::Dropout<2, 20>, ]>, constnet::Dropout<2, 50>, ] = \
         constnet::sequential![ constnet::LayerNorm { weight: [ 1.5, -0.0, ], bias: [ 0.25, 2.0, ] }, \
         constnet::Residual(constnet::sequential![ constnet::Dropout::new(), ]), constnet::Dropout::new(), ];"
    );
    for part in ["Tanh::new()", "LeakyRelu::new()", "Elu::new()", "Softmax::new()"] {
        let part = format!("constnet::{part}");
        assert!(value.contains(&part), "{value}");
    }
}

/// The frozen network of [`layers_differ_where_networks_do`].
struct Body;

impl StaticNetwork for Body {
    type Net = Sequential![Linear<2, 3>, Tanh<3>];

    fn network() -> &'static Self::Net {
        static NET: Sequential![Linear<2, 3>, Tanh<3>] = Zeroed::ZERO;
        &NET
    }
}

/// A layer without parameters that another module declares.
mod doubling {
    use constnet::{CustomLayer, Zeroed, layers::Features};

    pub(crate) struct Doubling<const N: usize, const TIMES: usize>;

    impl<const N: usize, const TIMES: usize> Zeroed for Doubling<N, TIMES> {
        const ZERO: Self = Self;
    }

    impl<const N: usize, const TIMES: usize> CustomLayer for Doubling<N, TIMES> {
        type In = Features<N>;
        type Out = Features<N>;
        type Cache<const B: usize> = ();
        const NAME: &'static str = "Doubling";
        const PARAMS: usize = 0;

        fn forward<const B: usize>(&self, _: &[[f32; N]; B], _: &mut [[f32; N]; B], (): &mut ()) {}

        fn backward<const B: usize>(
            &self,
            _: &[[f32; N]; B],
            (): &(),
            _: &[[f32; N]; B],
            _: &mut [[f32; N]; B],
            _: &mut Self,
        ) {
        }
    }
}

#[test]
fn layers_differ_where_networks_do() {
    fn layers<N: Layer>(net: &Sequential<N>) -> String {
        let text = net.layers().to_string();
        assert!(net.layers().is(&text));
        assert!(!net.layers().is(&text[..text.len() - 1]), "cut off");
        assert!(!net.layers().is(&format!("{text} ")), "with something after it");
        text
    }
    macro_rules! text_of {
        ($($ty:ty = $text:literal),+ $(,)?) => {{
            $(assert_eq!(layers(&<$ty>::ZERO), $text);)+
            [$($text),+]
        }};
    }
    let texts = text_of![
        mlp![2, 4, 2] = "Sequential![Linear<2, 4>, Relu<4>, Linear<4, 2>]",
        mlp![f64; 2, 4, 2] = "Sequential![Linear<2, 4, f64>, Relu<4, f64>, Linear<4, 2, f64>]",
        Sequential![Linear<2, 4>, Tanh<4>, Linear<4, 2>] = "Sequential![Linear<2, 4>, Tanh<4>, Linear<4, 2>]",
        Sequential![Linear<2, 2>, LeakyRelu<2>] = "Sequential![Linear<2, 2>, LeakyRelu<2, 1>]",
        Sequential![Linear<2, 2>, LeakyRelu<2, 20>] = "Sequential![Linear<2, 2>, LeakyRelu<2, 20>]",
        Sequential![Linear<2, 2>, Dropout<2>] = "Sequential![Linear<2, 2>, Dropout<2, 50>]",
        Sequential![Linear<2, 2>, Dropout<2, 20>] = "Sequential![Linear<2, 2>, Dropout<2, 20>]",
        Sequential![LayerNorm<2>, Softmax<2>] = "Sequential![LayerNorm<2>, Softmax<2>]",
        Sequential![Sequential![LayerNorm<2>], Softmax<2>] =
            "Sequential![Sequential![LayerNorm<2>], Softmax<2>]",
        Sequential![Residual<Sequential![LayerNorm<2>]>, Softmax<2>] =
            "Sequential![Residual<Sequential![LayerNorm<2>]>, Softmax<2>]",
        Sequential![Frozen<Body>, Linear<3, 1>] =
            "Sequential![Frozen<Sequential![Linear<2, 3>, Tanh<3>]>, Linear<3, 1>]",
        Sequential![Custom<Doubling<2, 2>>, Linear<2, 1>] =
            "Sequential![Custom<Doubling<2, 2>>, Linear<2, 1>]",
        Sequential![Custom<Doubling<2, 3>>, Linear<2, 1>] =
            "Sequential![Custom<Doubling<2, 3>>, Linear<2, 1>]",
    ];
    for (index, text) in texts.iter().enumerate() {
        assert!(!texts[..index].contains(text), "{text} twice");
    }
}
