//! Networks as Rust source, and back through the compiler.

mod common;

use common::{flat, network, rng};
use constnet::{
    Dropout, LayerNorm, Linear, Residual, Sequential, Softmax, Tanh, Zeroed,
    activation::{Elementwise, LeakyReluFn},
    mlp, sequential,
};

/// The network of `pytorch.safetensors`, as [`Sequential::source`] writes it.
#[allow(unreachable_pub, reason = "it is written for any place")]
mod generated {
    include!("data/pytorch_net.rs");
}

const WRITTEN: &str = include_str!("data/pytorch_net.rs");

/// What the compiler makes of the source is what it was made from.
#[test]
fn source_compiles_to_the_same_bits() {
    assert_eq!(generated::NET.source("NET").to_string(), WRITTEN);
}

#[test]
#[cfg(feature = "safetensors")]
fn pytorchs_file_is_that_source() {
    let mut net = <mlp![5, 16, 12, 3]>::ZERO;
    net.load_safetensors(include_bytes!("data/pytorch.safetensors")).expect("PyTorch's file");
    if std::env::var_os("CONSTNET_WRITE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pytorch_net.rs");
        std::fs::write(path, net.source("NET").to_string()).expect("a file");
    }
    assert_eq!(net.source("NET").to_string(), WRITTEN, "CONSTNET_WRITE=1 writes it anew");
    assert_eq!(common::bits(&net), common::bits(&generated::NET));
}

/// Every literal in the source reads as the number that it stands for.
#[test]
fn every_number_is_exact() {
    let mut net: mlp![f64; 3, 4] = network(&mut rng(1));
    let odd = [0.1, -0.0, 1e-300, f64::MIN_POSITIVE / 3.0, 1e22, 0.1 + 0.2, f64::MAX, 3.0];
    net.get_parameter_mut("0.weight").expect("a weight").copy_from_slice(&[&odd[..], &odd[..4]].concat());
    let source = net.source("NET").to_string();
    let (_, value) = source.split_once(" = ").expect("a value");
    let numbers: Vec<f64> =
        value.split(['[', ']', ',', '(', ')', ';', ' ', '\n']).filter_map(|word| word.parse().ok()).collect();
    let of = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(of(&numbers), of(&flat(&net)));
}

#[test]
fn every_layer_says_its_type() {
    type Net = Sequential![
        Linear<2, 3, f64>,
        Tanh<3, f64>,
        Sequential![Linear<3, 2, f64>, Elementwise<LeakyReluFn<20>, 2, f64>],
        Linear<2, 2, f64>,
        Softmax<2, f64>,
    ];
    let source = Net::ZERO.source("NET").to_string();
    let (ty, value) = source.split_once(" = ").expect("a value");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(ty).ends_with(
        "pub static NET: constnet::Sequential![ constnet::Linear<2, 3, f64>, constnet::Tanh<3, f64>, \
         constnet::Sequential![ constnet::Linear<3, 2, f64>, \
         constnet::activation::Elementwise<constnet::activation::LeakyReluFn<20>, 2, f64>, ], \
         constnet::Linear<2, 2, f64>, constnet::Softmax<2, f64>, ]"
    ));
    type Others = Sequential![LayerNorm<2>, Residual<Sequential![Dropout<2, 20>]>, Dropout<2>];
    let net: Others = sequential![
        LayerNorm { weight: [1.5, -0.0], bias: [0.25, 2.0] },
        Residual(sequential![Dropout::new()]),
        Dropout::new()
    ];
    assert_eq!(
        words(&net.source("NET").to_string()).split_once("NET: ").expect("a name").1,
        "constnet::Sequential![ constnet::LayerNorm<2>, \
         constnet::Residual<constnet::Sequential![ constnet::Dropout<2, 20>, ]>, constnet::Dropout<2, 50>, ] = \
         constnet::sequential![ constnet::LayerNorm { weight: [ 1.5, -0.0, ], bias: [ 0.25, 2.0, ] }, \
         constnet::Residual(constnet::sequential![ constnet::Dropout::new(), ]), constnet::Dropout::new(), ];"
    );
    for part in
        ["constnet::Tanh::new()", "constnet::activation::Elementwise::new()", "constnet::Softmax::new()"]
    {
        assert!(value.contains(part), "{value}");
    }
}
