//! The errors of a training run.

use core::fmt;

use crate::simd::Element;

/// Why a training run did not start, or stopped.
///
/// Shape errors are compile errors; these are the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error<T> {
    /// The learning rate is not a positive finite number.
    LearningRate(T),
    /// Another parameter of an optimiser, a schedule or a loss is out of its range.
    Hyperparameter {
        /// The name of the parameter.
        name: &'static str,
        /// Its value.
        value: T,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// The number of epochs is 0.
    NoEpochs,
    /// The training data are invalid.
    Data(DataError<T>),
    /// The validation data are invalid.
    Validation(DataError<T>),
    /// A number in the gradient is infinite or NaN, although the loss is finite. Nothing was updated.
    Gradient {
        /// The index of the layer, counted from 0.
        layer: usize,
        /// The name of the parameter: `"weight"`, `"bias"`.
        name: &'static str,
        /// The row of the number in the parameter.
        row: usize,
        /// The column of the number; 0 in a vector.
        column: usize,
        /// The number.
        value: T,
    },
    /// The norm of the gradient, or the new value of a parameter or of its optimiser state, would be infinite or NaN.
    /// [`Optimizer::step`](crate::Optimizer::step) says what was updated.
    Overflow,
    /// A loss or a parameter stopped being finite; [`Fit::run`](crate::training::Fit::run) documents the state of the
    /// network.
    Diverged {
        /// The epoch, counted from 0.
        epoch: usize,
        /// The loss of the last batch before that was finite.
        last_loss: Option<T>,
    },
}

/// What is wrong with a data set. Samples and features are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DataError<T> {
    /// There are no samples.
    NoSamples,
    /// The numbers of inputs and targets differ.
    Lengths {
        /// The number of inputs.
        inputs: usize,
        /// The number of targets.
        targets: usize,
    },
    /// The loss cannot be computed for a target.
    Target {
        /// The index of the sample.
        sample: usize,
        /// The index of the feature.
        feature: usize,
        /// The target.
        value: T,
        /// The targets that are allowed.
        expected: &'static str,
    },
    /// A target is a class that the network has no output for.
    Class {
        /// The index of the sample.
        sample: usize,
        /// The target.
        class: usize,
        /// The number of classes.
        classes: usize,
    },
    /// The probabilities of a target do not sum to one.
    ProbabilitySum {
        /// The index of the sample.
        sample: usize,
        /// The sum.
        sum: T,
    },
}

impl<T> From<DataError<T>> for Error<T> {
    fn from(error: DataError<T>) -> Self {
        Self::Data(error)
    }
}

impl<T> Error<T> {
    /// The same error, about the validation data.
    pub(crate) fn into_validation(self) -> Self {
        match self {
            Self::Data(error) => Self::Validation(error),
            other => other,
        }
    }
}

impl<T: Element> fmt::Display for Error<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LearningRate(lr) => {
                write!(f, "the learning rate is {lr}: expected a positive, finite number")
            }
            Self::Hyperparameter { name, value, expected } => {
                write!(f, "the {name} is {value}: expected {expected}")
            }
            Self::NoEpochs => write!(f, "the number of epochs is 0: expected at least 1"),
            Self::Data(error) => write!(f, "{error}"),
            Self::Validation(error) => write!(f, "validation data: {error}"),
            Self::Gradient { layer, name, row, column, value } => {
                write!(
                    f,
                    "the gradient of `{layer}.{name}` at row {row}, column {column} is {value}: expected finite numbers; nothing was updated"
                )
            }
            Self::Overflow => {
                write!(
                    f,
                    "the step is too large for the number type: parameters that would become infinite or NaN keep their values; try a smaller learning rate or smaller inputs"
                )
            }
            Self::Diverged { epoch, last_loss: Some(loss) } => {
                write!(
                    f,
                    "the loss or the network stopped being finite in epoch {epoch}; the loss was {loss:.4e} before: try a smaller learning rate"
                )
            }
            Self::Diverged { epoch, last_loss: None } => {
                write!(
                    f,
                    "the first loss, in epoch {epoch}, is not finite: look for NaN or infinity in the data and the weights"
                )
            }
        }
    }
}

impl<T: Element> fmt::Display for DataError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoSamples => write!(f, "the data set is empty: expected at least 1 sample"),
            Self::Lengths { inputs, targets } => {
                write!(
                    f,
                    "there are {inputs} inputs and {targets} targets: expected as many inputs as targets"
                )
            }
            Self::Target { sample, feature, value, expected } => {
                write!(f, "target {feature} of sample {sample} is {value}: expected {expected}")
            }
            Self::Class { sample, class, classes } => {
                write!(f, "sample {sample} is of class {class}: expected a class below {classes}")
            }
            Self::ProbabilitySum { sample, sum } => {
                write!(f, "the probabilities of sample {sample} sum to {sum}: expected 1")
            }
        }
    }
}

impl<T: Element> core::error::Error for Error<T> {}
impl<T: Element> core::error::Error for DataError<T> {}
