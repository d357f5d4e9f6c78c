//! What can be wrong with a training run.

use core::fmt;

use crate::Element;

/// Why a training run did not start, or stopped.
///
/// What a type can say, the compiler says: sizes that do not fit never get here.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error<T> {
    /// The learning rate is not a positive finite number.
    LearningRate(T),
    /// The `delta` of [`Huber`](crate::Huber) is not a positive finite number.
    HuberDelta(T),
    /// Another number of an optimiser, or of its schedule, is out of its range.
    Hyperparameter {
        /// What it is called.
        name: &'static str,
        /// What it is.
        value: T,
        /// What it may be.
        expected: &'static str,
    },
    /// The number of epochs is 0.
    NoEpochs,
    /// The data are not what they should be.
    Data(DataError<T>),
    /// The validation data are not what they should be.
    Validation(DataError<T>),
    /// A loss or a parameter stopped being finite; [`Fit::run`](crate::Fit::run) says what the
    /// network is then.
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
    /// There are more inputs than targets, or fewer.
    Lengths {
        /// How many inputs.
        inputs: usize,
        /// How many targets.
        targets: usize,
    },
    /// A target is not a number that the loss can compare with.
    Target {
        /// Which sample.
        sample: usize,
        /// Which of its features.
        feature: usize,
        /// The target.
        value: T,
        /// What it should have been.
        expected: &'static str,
    },
    /// A target is a class that the network has no output for.
    Class {
        /// Which sample.
        sample: usize,
        /// The target.
        class: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// The probabilities of a target do not sum to one.
    ProbabilitySum {
        /// Which sample.
        sample: usize,
        /// What they sum to.
        sum: T,
    },
}

impl<T> From<DataError<T>> for Error<T> {
    fn from(error: DataError<T>) -> Self {
        Self::Data(error)
    }
}

impl<T> Error<T> {
    /// What is wrong with a data set, said of the validation data.
    pub(crate) fn of_validation(self) -> Self {
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
            Self::HuberDelta(delta) => {
                write!(f, "delta of the Huber loss is {delta}: expected a positive, finite number")
            }
            Self::Hyperparameter { name, value, expected } => {
                write!(f, "the {name} is {value}: expected {expected}")
            }
            Self::NoEpochs => write!(f, "the number of epochs is 0: expected at least 1"),
            Self::Data(error) => write!(f, "{error}"),
            Self::Validation(error) => write!(f, "validation data: {error}"),
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
                write!(f, "{inputs} inputs have {targets} targets: expected as many of one as of the other")
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
