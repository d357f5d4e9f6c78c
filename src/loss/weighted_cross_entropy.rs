//! The cross-entropy with weights of classes, a class of ignored samples, and label smoothing.

use super::{Loss, cross_entropy::soft_loss_and_gradient};
use crate::{
    error::{DataError, Error, check_not_negative},
    layers::Features,
    simd::{Element, Simd},
};

/// The cross-entropy of logits and classes, in which classes have weights: PyTorch's
/// `nn.CrossEntropyLoss(weight, ignore_index=…, label_smoothing=…)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ` | `(B, K)` | logits, any numbers: the probabilities are `p = softmax(ŷ)` |
/// | `y` | `(B,)` | classes, from 0 to `K − 1`, or `ignore_index` |
/// | `q` | `(B, K)` | `q[c] = w[c] ε / K`, and `w[y] (1 − ε)` more at the class `y`; 0 if the sample is ignored |
/// | loss | scalar | the mean of `−Σ q ln p` over the `B` samples |
/// | gradient | `(B, K)` | `p Σ q − q`, per sample |
///
/// PyTorch divides the sum over a batch by the sum of its weights `w[y]`, here it is divided by `B`, so that the loss of a
/// data set is the same whatever the batches are. [`normalized`](Self::normalized) weights give PyTorch's loss of all samples
/// together. If all samples of a batch are ignored, or `ε` is 0 and their classes have the weight 0, the loss and the gradient
/// are 0, where PyTorch returns NaN: a step of plain [`Sgd`](crate::Sgd) then changes nothing, but weight decay and momentum
/// still change the parameters. A training run on such a data set is refused with [`DataError::NoWeight`].
///
/// # Examples
///
/// ```
/// use constnet::WeightedCrossEntropy;
///
/// // Class 1 counts three times as much; samples of class 255 are ignored.
/// let loss = WeightedCrossEntropy { weight: [1.0, 3.0], ignore_index: 255, ..Default::default() };
/// let (y_hat, y) = ([[0.0, 0.0]; 4], [0, 255, 1, 0]);
/// assert_eq!(loss.forward(&y_hat, &y), (1.0 + 0.0 + 3.0 + 1.0) * 2_f64.ln() / 4.0);
/// assert_eq!(loss.normalized(&y).forward(&y_hat, &y), 2_f64.ln());
/// assert_eq!(loss.backward(&y_hat, &y), [[-0.5, 0.5], [0.0, 0.0], [1.5, -1.5], [-0.5, 0.5]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(bound(
        serialize = "T: Element + serde::Serialize",
        deserialize = "T: Element + serde::Deserialize<'de>"
    ))
)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct WeightedCrossEntropy<const K: usize, T = f32> {
    /// `w`, the weight of each class: finite and at least 0.
    #[cfg_attr(feature = "serde", serde(with = "crate::formats::array"))]
    pub weight: [T; K],
    /// The class of the samples that are ignored. By default it is `usize::MAX`, of which there are none.
    pub ignore_index: usize,
    /// `ε`, from 0 to 1: the part of each target that is spread over all classes.
    pub label_smoothing: T,
}

/// The weight 1 for each class, no ignored samples, no smoothing: the same as [`CrossEntropy`](crate::CrossEntropy).
impl<const K: usize, T: Element> Default for WeightedCrossEntropy<K, T> {
    fn default() -> Self {
        Self { weight: [T::ONE; K], ignore_index: usize::MAX, label_smoothing: T::ZERO }
    }
}

impl<const K: usize, T: Element> WeightedCrossEntropy<K, T> {
    /// Weights with which each class in `y` counts as much as the others, `n / (k n[c])` for `n[c]` of `n` samples in one of
    /// `k` classes: scikit-learn's `class_weight="balanced"`. A class without samples has the weight 0. The mean weight of the
    /// samples is 1, so that PyTorch's loss is the same. For data with ignored samples, set `ignore_index` and call
    /// [`normalized`](Self::normalized) afterwards.
    ///
    /// ```
    /// use constnet::WeightedCrossEntropy;
    ///
    /// let loss = WeightedCrossEntropy::<2>::balanced(&[0, 0, 0, 1]);
    /// assert_eq!(loss.weight, [4.0 / (2.0 * 3.0), 4.0 / (2.0 * 1.0)]);
    /// ```
    #[must_use]
    pub fn balanced(y: &[usize]) -> Self {
        let counts = class_counts::<K>(y);
        let classes = counts.iter().filter(|count| **count > 0).count();
        let samples: usize = counts.iter().sum();
        let weight = |count| T::from_count(samples) / T::from_count(classes * count);
        let weight = counts.map(|count| if count == 0 { T::ZERO } else { weight(count) });
        Self { weight, ..Self::default() }
    }

    /// The same loss with all weights multiplied by one factor, so that the mean weight of the samples is 1, in which ignored
    /// samples count as 0. The loss of all these samples is then that of PyTorch. If no sample has a weight, nothing changes.
    #[must_use]
    pub fn normalized(mut self, y: &[usize]) -> Self {
        // Counted, because a sum of a million weights is far off in `f32`.
        let counted = y.iter().filter(|class| **class != self.ignore_index);
        let weights = class_counts::<K>(counted).into_iter().zip(self.weight);
        let sum = weights.fold(T::ZERO, |sum, (count, weight)| sum + T::from_count(count) * weight);
        if sum > T::ZERO {
            self.weight = self.weight.map(|weight| weight * T::from_count(y.len()) / sum);
        }
        self
    }

    /// The forward pass: the mean over the samples; NaN if a class is out of range.
    #[must_use]
    pub fn forward<const B: usize>(&self, y_hat: &[[T; K]; B], y: &[usize; B]) -> T {
        self.mean_loss(y_hat, y)
    }

    /// The backward pass: the gradient of each sample with respect to its logits; NaN if its class is out of range.
    #[must_use]
    pub fn backward<const B: usize>(&self, y_hat: &[[T; K]; B], y: &[usize; B]) -> [[T; K]; B] {
        let mut gradient = *y_hat;
        for (row, class) in gradient.iter_mut().zip(y) {
            self.loss_and_gradient(row, *class);
        }
        gradient
    }

    #[inline(always)]
    fn mean_loss(&self, y_hat: &[[T; K]], y: &[usize]) -> T {
        let losses =
            y_hat.iter().copied().zip(y).map(|(mut row, class)| self.loss_and_gradient(&mut row, *class));
        losses.fold(T::ZERO, |sum, loss| sum + loss) / T::from_count(y.len())
    }

    /// Overwrites a row of logits with its gradient, and returns its loss.
    #[inline(always)]
    fn loss_and_gradient(&self, row: &mut [T; K], class: usize) -> T {
        const { assert!(K > 1, "the cross-entropy of one logit is always 0: use `WeightedBceWithLogits`") };
        if class == self.ignore_index {
            *row = [T::ZERO; K];
            return T::ZERO;
        }
        let Some(weight) = self.weight.get(class) else {
            *row = [T::nan(); K];
            return T::nan();
        };
        let smoothing = self.label_smoothing;
        let mut q = self.weight.map(|weight| weight * smoothing / T::from_count(K));
        q[class] = q[class] + *weight * (T::ONE - smoothing);
        soft_loss_and_gradient(row, &q)
    }
}

/// The number of samples of each class. Classes from `K` on are left out.
fn class_counts<'a, const K: usize>(y: impl IntoIterator<Item = &'a usize>) -> [usize; K] {
    let mut counts = [0; K];
    for class in y {
        if let Some(count) = counts.get_mut(*class) {
            *count += 1;
        }
    }
    counts
}

impl<const K: usize, T: Element> Loss<Features<K, T>> for WeightedCrossEntropy<K, T> {
    type Target = usize;

    fn check(&self, y: &[usize]) -> Result<(), Error<T>> {
        self.weight.iter().try_for_each(|weight| check_not_negative("weight of a class", *weight))?;
        if !(T::ZERO..=T::ONE).contains(&self.label_smoothing) {
            let (name, value) = ("label smoothing", self.label_smoothing);
            return Err(Error::Hyperparameter { name, value, expected: "a number from 0 to 1" });
        }
        let out_of_range = |class: &usize| *class >= K && *class != self.ignore_index;
        match y.iter().copied().enumerate().find(|(_, class)| out_of_range(class)) {
            None => Ok(()),
            Some((sample, class)) => Err(DataError::Class { sample, class, classes: K }.into()),
        }
    }

    fn counts(&self, class: &usize) -> bool {
        let is_positive = |weight: &T| *weight > T::ZERO;
        let is_smoothed = || self.label_smoothing > T::ZERO && self.weight.iter().any(is_positive);
        *class != self.ignore_index && (self.weight.get(*class).is_some_and(is_positive) || is_smoothed())
    }

    #[inline(always)]
    fn value<I: Simd<T>>(&self, _: I, y_hat: &[[T; K]], y: &[usize]) -> T {
        self.mean_loss(y_hat, y)
    }

    #[inline(always)]
    fn value_and_gradient<I: Simd<T>>(&self, _: I, y_hat: &mut [[T; K]], y: &[usize]) -> T {
        let losses = y_hat.iter_mut().zip(y).map(|(row, class)| self.loss_and_gradient(row, *class));
        losses.fold(T::ZERO, |sum, loss| sum + loss) / T::from_count(y.len())
    }
}
