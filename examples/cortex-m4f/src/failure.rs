//! Why a program ends with status 1.

use core::fmt;

use constnet::{Error, synthetic::GOAL};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    /// Training ended with an error: the same typed one as on a host.
    Training(Error<f32>),
    /// The mean squared error is not below the goal.
    Goal(f32),
}

/// The mean squared error, if it is below the goal of the task.
///
/// # Errors
///
/// If it is not.
pub fn below_goal(mse: f32) -> Result<f32, Failure> {
    if mse < GOAL { Ok(mse) } else { Err(Failure::Goal(mse)) }
}

impl From<Error<f32>> for Failure {
    fn from(error: Error<f32>) -> Self {
        Self::Training(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Training(error) => error.fmt(f),
            Self::Goal(mse) => {
                write!(f, "the mean squared error is {mse:.4e}: expected less than {GOAL:.0e}")
            }
        }
    }
}
