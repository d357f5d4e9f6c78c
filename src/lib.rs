#![doc = include_str!("../README.md")]
//! # The modules, in reading order
//!
//! The layers, [`Linear`] and [`Relu`]; the loss, [`Mse`]; the step, [`Sgd`]; how a network starts,
//! [`He`]; the network, [`Sequential`](struct@Sequential); what trains it, [`Trainer`] and [`Fit`]; the
//! notebook's task, [`synthetic`]. Then what there is beside these: [`activation`], more [`Loss`]es,
//! [`optim`], [`LayerNorm`], [`Residual`] and [`Dropout`], metrics such as [`ConfusionMatrix`]. Layers
//! of your own, [`CustomLayer`], with [`gradient_check`]; bodies that are not trained, [`Frozen`]; sizes
//! as constants and as bounds, [`Report`] and [`budget`]. Below them all: the trait of layers, [`Layer`],
//! with how rows flow, and the seam to the processor, [`kernel`].
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod activation;
pub mod budget;
mod chain;
mod compare;
mod custom;
mod dropout;
mod element;
mod error;
mod fit;
mod frozen;
mod gradient_check;
mod init;
pub mod kernel;
mod layer;
mod layer_norm;
mod linear;
mod loss;
mod macros;
mod metrics;
pub mod optim;
#[cfg(feature = "rayon")]
pub mod parallel;
mod parameter;
mod report;
mod residual;
#[cfg(feature = "safetensors")]
mod safetensors;
mod sequential;
#[cfg(feature = "serde")]
mod serde;
mod shape;
mod shuffle;
mod source;
pub mod synthetic;
mod trainer;

pub use activation::{
    Activation, Gelu, GeluTanh, Identity, LeakyRelu, Relu, Sigmoid, Silu, Softmax, Softplus, Tanh, Unwanted,
};
pub use custom::{Custom, CustomLayer};
pub use dropout::Dropout;
pub use element::{Element, Zeroed};
pub use error::{DataError, Error};
pub use fit::{Epoch, Fit, Verdict};
pub use frozen::{Data, Fixed, Frozen};
pub use gradient_check::{Derivative, GradientError, Place, gradient_check};
pub use init::He;
pub use layer::{Elem, Layer};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use loss::{BceWithLogits, CrossEntropy, Huber, L1, Loss, Mse, SoftCrossEntropy};
pub use metrics::{ConfusionMatrix, accuracy, argmax, r2_score};
pub use optim::{
    Adam, AdamW, ClipNorm, ClipValue, Momentum, Optimizer, RmsProp, Rule, Scheduled, Sgd, schedule,
};
#[cfg(feature = "rayon")]
pub use parallel::ParallelTrainer;
pub use parameter::{Parameter, ParameterMut};
pub use report::{Bytes, Report, Work};
pub use residual::Residual;
#[cfg(feature = "safetensors")]
pub use safetensors::{Safetensors, WeightsError};
pub use sequential::{Pass, Sequential, Tape};
pub use shape::{Features, Feeds, Row, Shape};
pub use source::{Part, Source};
pub use trainer::Trainer;
