//! Training: the [`Trainer`] and its runs, shuffling, metrics, the check of gradients.
//!
//! | file | what it holds |
//! |---|---|
//! | `trainer.rs` | one training step: input, forward, loss, rule, backward with update |
//! | `fit.rs` | training runs over a data set |
//! | `parallel.rs` | the gradient of a large batch, computed on all cores |
//! | `data.rs`, `shuffle.rs` | checks of data sets; the random order of the samples |
//! | `gradient_check.rs` | backward passes compared with differences of the loss |
//! | `metrics.rs` | accuracy, the confusion matrix, R² |

mod data;
mod fit;
mod gradient_check;
pub mod metrics;
#[cfg(feature = "rayon")]
pub mod parallel;
mod shuffle;
mod targets;
mod trainer;

pub use self::{
    fit::{EpochReport, Fit},
    gradient_check::{Coordinate, GradientError, GradientPair, gradient_check},
    trainer::Trainer,
};
