//! Networks as Rust source, which the compiler turns into the same networks.

mod common;

use common::{flat, network, rng};
use constnet::{
    Dropout, Elu, LayerNorm, LeakyRelu, Linear, Residual, Sequential, Softmax, Tanh, Zeroed, mlp, sequential,
};

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
