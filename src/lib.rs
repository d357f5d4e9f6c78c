// The README's pictures: of two definitions of a link the first counts, so these replace its paths.
#![cfg_attr(doc, doc = include_str!("../examples/pictures/embedded.md"))]
#![doc = include_str!("../README.md")]
//! # The folders, lowest first
//!
//! A folder uses only folders above it in this table (but serde's attributes of two losses name a function of `formats`).
//!
//! | folder | what it holds |
//! |---|---|
//! | [`simd`] | formulas on vectors of every instruction set, and the choice of one |
//! | [`error`] | the errors of a training run |
//! | `linalg` | symmetric systems of equations |
//! | `matmul` | the three matrix products of a linear layer |
//! | [`layers`] | the trait [`Layer`](layers::Layer), and the layers |
//! | [`activation`] | elementwise activations |
//! | [`loss`] | losses |
//! | [`optim`] | optimisers |
//! | `network` | [`Sequential`](struct@Sequential), the macros, [`init`] |
//! | [`training`] | [`Trainer`], training runs, [`metrics`] |
//! | [`second_order`] | [`LevenbergMarquardt`], [`Lbfgs`] |
//! | [`quantized`] | inference in 8-bit integers |
//! | [`formats`] | safetensors, ONNX, checkpoints of runs, serde, Rust source |
//! | [`sizes`] | budgets and reports of memory and work |
//! | [`synthetic`] | the notebook's task |
//! | [`recipes`] | code for training loops of your own |
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
// `activation_layer!` names this crate in a string, inside the crate too.
#[cfg(feature = "alloc")]
extern crate self as constnet;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod activation;
pub mod error;
pub mod formats;
pub mod layers;
mod linalg;
pub mod loss;
mod matmul;
mod network;
pub mod optim;
pub mod quantized;
pub mod recipes;
pub mod second_order;
pub mod simd;
pub mod sizes;
pub mod synthetic;
pub mod training;

pub use activation::root::*;
pub use error::{DataError, Error};
#[cfg(feature = "safetensors")]
pub use formats::Safetensors;
pub use layers::{
    Custom, CustomLayer, Dropout, Frozen, LayerNorm, Linear, Residual, Softmax, Standardize, StaticNetwork,
};
pub use loss::root::*;
pub use network::{
    Cache, Pass, Sequential,
    init::{self, He, Xavier},
};
pub use optim::root::*;
pub use quantized::Quantized;
pub use second_order::{Lbfgs, LevenbergMarquardt};
pub use simd::Zeroed;
#[cfg(feature = "rayon")]
pub use training::parallel;
pub use training::{Trainer, gradient_check, metrics};

// A program needs the versions of these crates whose traits the library implements.
#[doc(no_inline)]
pub use {approx, rand, typenum};

#[doc(hidden)]
pub use network::types;

/// Compiles the examples of CONTRIBUTING.md.
#[cfg(doctest)]
#[doc = include_str!("../CONTRIBUTING.md")]
mod contributing {}

/// For the macros of this crate only.
#[doc(hidden)]
pub mod private {
    pub use crate::{
        layers::{
            apply,
            chain::{last, pair},
            impls::all_parameters,
            print::{element_suffix, source_path},
        },
        serde_unit, zeroable,
    };
    pub use approx;
    #[cfg(feature = "alloc")]
    pub use bytemuck;
    pub use typenum;
    #[cfg(feature = "serde")]
    pub use {crate::saved_layer, serde};
}
