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
    /// The host, on the same seed, came to another mean squared error.
    Host {
        /// What the device came to.
        here: f32,
        /// What the host came to.
        there: f32,
    },
}

/// The mean squared error, if it is below the goal of the task.
///
/// # Errors
///
/// If it is not.
pub fn below_goal(mse: f32) -> Result<f32, Failure> {
    if mse < GOAL { Ok(mse) } else { Err(Failure::Goal(mse)) }
}

/// How far device and host may be apart, relatively. They run the same plain code, and on most
/// hosts agree bit for bit; but the normal distribution takes `exp` and `ln` of the host's own
/// library. (A host's vectors sum in another order, which is 10⁻⁵ for most seeds.)
const AGREEMENT: f32 = 1e-4;

/// The value, if the host came to the same one.
///
/// # Errors
///
/// If it did not.
pub fn as_on_host(here: f32, there: f32) -> Result<f32, Failure> {
    if (here - there).abs() <= AGREEMENT * there { Ok(here) } else { Err(Failure::Host { here, there }) }
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
            Self::Host { here, there } => {
                write!(f, "the mean squared error is {here:e} here and {there:e} on the host")
            }
        }
    }
}
