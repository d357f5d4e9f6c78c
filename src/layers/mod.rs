//! Layers: the trait [`Layer`], what it is made of, and one file for each layer that is not an elementwise activation.
//!
//! | file | what it holds |
//! |---|---|
//! | `layer.rs` | [`Layer`], and how rows flow |
//! | `context.rs` | the [`Context`] that a pass hands from layer to layer |
//! | `chain.rs` | the pair, by which layers are chained |
//! | `linear.rs`, `layer_norm.rs`, `softmax.rs`, `dropout.rs`, `residual.rs`, `frozen.rs`, `standardize.rs`, `custom.rs` | the layers |
//! | `shape.rs` | the rows between layers, and the check that two layers fit |
//! | `fusion.rs` | activations that the neighbouring layers apply |
//! | `parameter.rs`, `update.rs`, `init.rs` | parameters as tensors; how an optimiser updates them; how they start |
//! | `samples.rs` | the gradient of each sample, for Jacobian matrices |
//! | `saved.rs` | the layers of a network as one tuple, for serde |
//! | `print.rs`, `index.rs`, `size.rs`, `depth.rs`, `cast.rs`, `impls.rs` | a layer as text; access by index; sizes, depth and other element types as types; what all layers implement in the same way |

pub(crate) mod cast;
pub(crate) mod chain;
mod context;
mod custom;
pub mod depth;
mod dropout;
mod frozen;
pub(crate) mod fusion;
pub(crate) mod impls;
mod index;
mod init;
mod layer;
mod layer_norm;
mod linear;
pub(crate) mod parameter;
pub(crate) mod print;
mod residual;
mod samples;
#[cfg(feature = "serde")]
pub(crate) mod saved;
mod shape;
mod size;
mod softmax;
mod standardize;
pub(crate) mod update;

#[cfg(feature = "serde")]
pub use self::saved::{LoadLayers, SaveLayers, SavedLayers};
pub use self::{
    cast::CastTo,
    context::{Context, Mode},
    custom::{Custom, CustomCache, CustomLayer},
    dropout::Dropout,
    frozen::{Frozen, FrozenEnds, InputOnly, StaticNetwork},
    fusion::{CanFollow, Ends, Fused, Joined, Unfused},
    index::LayerAt,
    init::Initializer,
    layer::{Elem, Layer, LayerTypes, apply, apply_grad},
    layer_norm::LayerNorm,
    linear::{Aligned, Linear},
    parameter::{Parameter, ParameterMut},
    print::{LayerText, Layers, Printer},
    residual::{AddsTo, Residual, ResidualCache},
    samples::{NoSampleGradients, SampleGradients},
    shape::{Accepts, Always, Features, HasGradient, If, Probabilities, Row, SameElem, Shape},
    size::{CacheSize, Cost, ParamCount},
    softmax::Softmax,
    standardize::{FixedEnds, Standardize},
    update::{FiniteCheck, Keeps, Slots, SlotsOf, TensorId, UpdateRule},
};
pub(crate) use self::{
    dropout::seed_of,
    layer::{
        FirstLayer, InputActivation, LastLayer, OutputActivation, all_finite, apply_tangent, dispatch,
        not_finite, parameters, update, zero,
    },
    samples::JacobianRows,
};
pub use crate::matmul::epilogue::{Epilogue, InputGrad, NoActivation, NoInputGrad};
