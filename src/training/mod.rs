//! Training: the [`Trainer`] and its runs, shuffling, metrics, the check of gradients.
//!
//! | file | what it holds |
//! |---|---|
//! | `trainer.rs`, `step.rs` | the trainer; its step: forward, loss, rule, backward with update |
//! | `fit.rs`, `epoch.rs` | training runs over a data set; what they keep between two epochs |
//! | `parallel.rs` | training on all cores: steps on large batches, and many networks at once |
//! | `workers.rs` | the gradient of a large batch, computed on all cores |
//! | `rows.rs` | predictions and gradients for any number of rows |
//! | `data.rs`, `shuffle.rs` | checks of data sets; the random order of the samples |
//! | `targets.rs` | the targets of a batch: copied, or read in place if they are large |
//! | `sum.rs` | sums of many losses |
//! | `gradient_check.rs` | backward passes compared with differences of the loss |
//! | `metrics.rs`, `scores.rs` | accuracy and the confusion matrix; metrics of scores, probabilities and numbers |

mod data;
mod epoch;
mod fit;
mod gradient_check;
pub mod metrics;
#[cfg(feature = "rayon")]
pub mod parallel;
mod rows;
mod scores;
mod shuffle;
mod step;
mod sum;
mod targets;
mod trainer;
#[cfg(feature = "rayon")]
mod workers;

#[cfg(feature = "rayon")]
pub(crate) use self::step::{batch_losses, mean_of};
#[cfg(all(feature = "safetensors", feature = "std"))]
pub(crate) use self::{data::is_finite, epoch::Progress, shuffle::Permutation};
pub(crate) use self::{
    data::{check_network, check_run, finite_loss},
    rows::add_gradient,
    step::mean_loss,
};
pub use self::{
    epoch::{Best, EpochReport},
    fit::Fit,
    gradient_check::{Coordinate, GradientError, GradientPair, gradient_check},
    trainer::Trainer,
};
