//! The errors of a training run.

use core::fmt;

use crate::simd::Element;

/// Why a training run did not start, or stopped.
///
/// Shape errors are compile errors; these are the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
    /// A slice has another length than expected.
    Length {
        /// What the slice holds: the `"vector"` of all parameters, the `"workspace"` of an optimiser, the `"outputs"`.
        name: &'static str,
        /// The number of its elements.
        given: usize,
        /// The number that is expected.
        expected: usize,
    },
    /// The number of epochs is 0.
    NoEpochs,
    /// The data of a step, a gradient or an evaluation are invalid.
    Data(DataError<T>),
    /// The training data of a run are invalid.
    Training(DataError<T>),
    /// The validation data of a run are invalid.
    Validation(DataError<T>),
    /// A parameter of the network is infinite or NaN: before a run, or when a loss is evaluated.
    Parameter {
        /// The index of the layer in its network, counted from 0.
        layer: usize,
        /// The name of the parameter: `"weight"`, `"bias"`, or another.
        name: &'static str,
        /// The row; for a vector the index.
        row: usize,
        /// The column; for a vector 0.
        column: usize,
        /// The value.
        value: T,
    },
    /// The learning rate of a schedule is not positive in any step of a run, for example because an earlier run reached
    /// the end of the schedule.
    ScheduleEnded {
        /// The first step of the run, counted from 0.
        step: usize,
    },
    /// The loss of an evaluation is infinite or NaN, although the data and the parameters are finite.
    Loss(T),
    /// The validation loss of a run is infinite or NaN, although the data, the parameters and the training loss are
    /// finite.
    ValidationLoss {
        /// The epoch, counted from 0.
        epoch: usize,
        /// The validation loss.
        loss: T,
    },
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
    /// The matrix of a second-order step stays singular, whatever the damping. The network is as it was at this loss.
    Singular {
        /// The last good loss.
        loss: T,
    },
    /// A training loss, a gradient or a parameter became infinite, NaN or too large;
    /// [`Fit::run`](crate::training::Fit::run) documents the state of the network.
    Diverged {
        /// The epoch, counted from 0.
        epoch: usize,
        /// The loss of the last batch before that was finite.
        last_loss: Option<T>,
    },
}

/// What is wrong with a data set. Samples and features are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
    /// An input is infinite or NaN.
    Input {
        /// The index of the sample.
        sample: usize,
        /// The index of the feature.
        feature: usize,
        /// The input.
        value: T,
    },
    /// The loss or the metric cannot be computed for a target.
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
    /// A metric cannot be computed for a prediction.
    Prediction {
        /// The index of the sample.
        sample: usize,
        /// The index of the feature.
        feature: usize,
        /// The prediction.
        value: T,
        /// The predictions that are allowed.
        expected: &'static str,
    },
    /// The weight of a sample is negative, infinite or NaN.
    Weight {
        /// The index of the sample.
        sample: usize,
        /// The weight.
        value: T,
    },
    /// No sample has a weight: all weights are 0, or all samples are of the class that is ignored.
    NoWeight,
    /// The threshold of a binary metric is NaN.
    Threshold(T),
    /// The probabilities of a target, or of a prediction, do not sum to one.
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

impl<T> DataError<T> {
    /// The same error about the sample with this index, if it is about one.
    pub(crate) fn of_sample(mut self, index: usize) -> Self {
        if let Self::Input { sample, .. }
        | Self::Target { sample, .. }
        | Self::Class { sample, .. }
        | Self::Prediction { sample, .. }
        | Self::Weight { sample, .. }
        | Self::ProbabilitySum { sample, .. } = &mut self
        {
            *sample = index;
        }
        self
    }
}

impl<T> Error<T> {
    /// Turns [`Data`](Self::Data) into the error that `data` makes of it: [`Training`](Self::Training) or
    /// [`Validation`](Self::Validation). All other errors stay the same.
    pub(crate) fn about(self, data: fn(DataError<T>) -> Self) -> Self {
        match self {
            Self::Data(error) => data(error),
            other => other,
        }
    }
}

/// The advice if a loss is not finite, but the data and the parameters are.
const TOO_LARGE: &str =
    "scale large data or parameters, or look for the error in a loss or layer of your own";

impl<T: Element> fmt::Display for Error<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LearningRate(lr) => {
                write!(f, "the learning rate is {lr}: expected a positive, finite number")
            }
            Self::Hyperparameter { name, value, expected } => {
                write!(f, "the {name} is {value}: expected {expected}")
            }
            Self::Length { name, given, expected } => {
                write!(f, "the length of the {name} is {given}: expected {expected}")
            }
            Self::NoEpochs => write!(f, "the number of epochs is 0: expected at least 1"),
            Self::Data(error) => write!(f, "{error}"),
            Self::Training(error) => write!(f, "training data: {error}"),
            Self::Validation(error) => write!(f, "validation data: {error}"),
            Self::Gradient { layer, name, row, column, value } => {
                write!(
                    f,
                    "the gradient of {layer}.{name}[{row}, {column}] is {value}: expected a finite number; nothing was updated"
                )
            }
            Self::Overflow => {
                write!(
                    f,
                    "the norm of the gradient, or the new value of a parameter, is too large for the number type: such parameters keep their values; try a smaller learning rate or smaller inputs"
                )
            }
            Self::Parameter { layer, name, row, column, value } => {
                write!(
                    f,
                    "the parameter {layer}.{name}[{row}, {column}] is {value}: expected a finite number"
                )
            }
            Self::ScheduleEnded { step } => {
                write!(
                    f,
                    "the schedule has no positive learning rate for any step of the run, from step {step} on: "
                )?;
                match step {
                    0 => write!(f, "expected at least one"),
                    _ => {
                        write!(f, "set another schedule, or call `Trainer::reset` to start again with step 0")
                    }
                }
            }
            Self::Loss(loss) => {
                write!(f, "the loss is {loss}, although the data and the parameters are finite: {TOO_LARGE}")
            }
            Self::ValidationLoss { epoch, loss } => {
                write!(
                    f,
                    "the validation loss after epoch {epoch} is {loss}, although the training loss and the parameters are finite: scale large validation data, or try a smaller learning rate"
                )
            }
            Self::Singular { loss } => {
                write!(
                    f,
                    "the matrix of the step is singular or not finite for every damping; the network was left at the loss {loss:.4e}: scale large data"
                )
            }
            Self::Diverged { epoch, last_loss: Some(loss) } => {
                write!(
                    f,
                    "in epoch {epoch}, the loss, a gradient or a parameter became infinite, NaN or too large; the last finite loss was {loss:.4e}: try a smaller learning rate, or scale large data"
                )
            }
            Self::Diverged { epoch, last_loss: None } => {
                write!(
                    f,
                    "in epoch {epoch}, the first loss or gradient is infinite, NaN or too large: {TOO_LARGE}"
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
                write!(f, "there are {inputs} rows and {targets} targets: expected as many rows as targets")
            }
            Self::Input { sample, feature, value } => {
                write!(f, "input {feature} of sample {sample} is {value}: expected a finite number")
            }
            Self::Prediction { sample, feature, value, expected } => {
                write!(f, "output {feature} of sample {sample} is {value}: expected {expected}")
            }
            Self::Target { sample, feature, value, expected } => {
                write!(f, "target {feature} of sample {sample} is {value}: expected {expected}")
            }
            Self::Class { sample, class, classes } => {
                write!(f, "sample {sample} is of class {class}: expected a class below {classes}")
            }
            Self::Weight { sample, value } => {
                write!(f, "the weight of sample {sample} is {value}: expected a finite number of at least 0")
            }
            Self::NoWeight => {
                write!(
                    f,
                    "each sample has the weight 0 or is ignored: expected at least 1 sample with a weight"
                )
            }
            Self::Threshold(threshold) => {
                write!(f, "the threshold is {threshold}: expected a number, not NaN")
            }
            Self::ProbabilitySum { sample, sum } => {
                write!(f, "the probabilities of sample {sample} sum to {sum}: expected 1, to within 1/1024")
            }
        }
    }
}

impl<T: Element> core::error::Error for Error<T> {}
impl<T: Element> core::error::Error for DataError<T> {}

/// Checks the length of a slice.
pub(crate) fn check_length<T>(name: &'static str, given: usize, expected: usize) -> Result<(), Error<T>> {
    if given == expected { Ok(()) } else { Err(Error::Length { name, given, expected }) }
}

/// Checks that a number is finite and not negative.
pub(crate) fn check_not_negative<T: Element>(name: &'static str, value: T) -> Result<(), Error<T>> {
    let expected = "a finite number of at least 0";
    if value.is_finite() && value >= T::ZERO {
        Ok(())
    } else {
        Err(Error::Hyperparameter { name, value, expected })
    }
}
