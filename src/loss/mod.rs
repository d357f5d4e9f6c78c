//! Losses: the trait [`Loss`], and one file for each loss.
//!
//! | loss | target | PyTorch |
//! |---|---|---|
//! | [`Mse`] | a row | `nn.MSELoss()` |
//! | [`L1`] | a row | `nn.L1Loss()` |
//! | [`Huber`] | a row | `nn.HuberLoss()` |
//! | [`GaussianNll`] | a row of one number | `nn.GaussianNLLLoss()` |
//! | [`BceWithLogits`] | a row of probabilities | `nn.BCEWithLogitsLoss()` |
//! | [`CrossEntropy`] | a class | `nn.CrossEntropyLoss()` |
//! | [`SoftCrossEntropy`] | a row of probabilities that sum to 1 | `nn.CrossEntropyLoss()` |
//! | [`WeightedBceWithLogits`] | a row of probabilities | `nn.BCEWithLogitsLoss(pos_weight=…)` |
//! | [`WeightedCrossEntropy`] | a class | `nn.CrossEntropyLoss(weight, ignore_index=…, label_smoothing=…)` |
//! | [`Weighted`] around another | a pair of its target and the weight of the sample | `reduction="none"`, then a mean of products |

mod bce_with_logits;
mod cross_entropy;
mod difference;
mod gaussian_nll;
mod huber;
mod l1;
mod mse;
mod traits;
mod weighted;
mod weighted_bce_with_logits;
mod weighted_cross_entropy;

pub use self::{
    bce_with_logits::BceWithLogits,
    cross_entropy::{CrossEntropy, SoftCrossEntropy},
    gaussian_nll::GaussianNll,
    huber::Huber,
    l1::L1,
    mse::Mse,
    traits::{Loss, OnProbabilities},
    weighted::Weighted,
    weighted_bce_with_logits::WeightedBceWithLogits,
    weighted_cross_entropy::WeightedCrossEntropy,
};
pub(crate) use self::{
    bce_with_logits::logit_loss_and_slope, cross_entropy::check_sum, traits::first_invalid,
};
use self::{
    difference::{DifferenceLoss, difference_loss, difference_value, difference_value_and_gradient},
    traits::{check_finite, check_probabilities},
};

/// The names that the crate root re-exports.
pub(crate) mod root {
    pub use super::{
        BceWithLogits, CrossEntropy, GaussianNll, Huber, L1, Loss, Mse, SoftCrossEntropy, Weighted,
        WeightedBceWithLogits, WeightedCrossEntropy,
    };
}
