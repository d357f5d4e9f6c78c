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
    /// The number of epochs is 0.
    NoEpochs,
    /// The data set has no samples.
    NoSamples,
    /// There are more inputs than targets, or fewer.
    Lengths {
        /// How many inputs.
        inputs: usize,
        /// How many targets.
        targets: usize,
    },
    /// The validation data has no samples.
    NoValidationSamples,
    /// There are more validation inputs than validation targets, or fewer.
    ValidationLengths {
        /// How many inputs.
        inputs: usize,
        /// How many targets.
        targets: usize,
    },
    /// A loss or a parameter stopped being finite; [`Fit::run`](crate::Fit::run) says what the
    /// network is then.
    Diverged {
        /// The epoch, counted from 0.
        epoch: usize,
        /// The loss of the last batch before that was finite.
        last_loss: Option<T>,
    },
}

impl<T> Error<T> {
    /// What is wrong with a data set, said of the validation data.
    pub(crate) fn of_validation(self) -> Self {
        match self {
            Self::NoSamples => Self::NoValidationSamples,
            Self::Lengths { inputs, targets } => Self::ValidationLengths { inputs, targets },
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
            Self::NoEpochs => write!(f, "the number of epochs is 0: expected at least 1"),
            Self::NoSamples => write!(f, "the data set is empty: expected at least 1 sample"),
            Self::Lengths { inputs, targets } => {
                write!(f, "{inputs} inputs have {targets} targets: expected as many of one as of the other")
            }
            Self::NoValidationSamples => {
                write!(f, "the validation set is empty: expected at least 1 sample, or no validation")
            }
            Self::ValidationLengths { inputs, targets } => {
                write!(
                    f,
                    "{inputs} validation inputs have {targets} targets: expected as many of one as of the other"
                )
            }
            Self::Diverged { epoch, last_loss: Some(loss) } => {
                write!(
                    f,
                    "the loss or the network stopped being finite in epoch {epoch}; it was {loss:.4e} before: try a smaller learning rate"
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

impl<T: Element> core::error::Error for Error<T> {}
