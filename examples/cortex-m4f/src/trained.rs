//! A network that the host trained when this package was built, for flash.

use constnet::{Linear, Relu, Sequential, mlp, sequential};

include!(concat!(env!("OUT_DIR"), "/trained.rs"));

/// The network of [`NET`].
pub type Net = mlp![5, 64, 64, 3];

/// The network of [`BODY`].
pub type Body = Sequential![Linear<5, 64>, Relu<64>, Linear<64, 64>, Relu<64>];

/// The whole network.
pub static NET: Net = sequential![
    Linear::new(WEIGHT_0, BIAS_0),
    Relu::new(),
    Linear::new(WEIGHT_2, BIAS_2),
    Relu::new(),
    Linear::new(WEIGHT_4, BIAS_4),
];

/// All of it but the last layer.
pub static BODY: Body =
    sequential![Linear::new(WEIGHT_0, BIAS_0), Relu::new(), Linear::new(WEIGHT_2, BIAS_2), Relu::new()];

/// The last layer.
pub static HEAD: Linear<64, 3> = Linear::new(WEIGHT_4, BIAS_4);
