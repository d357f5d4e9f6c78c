//! The errors with which a program ends with status 1.

use core::fmt;

use constnet::{Error, synthetic::GOAL};

/// The reason why a program failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    /// Training returned an error, of the same type as on a host.
    Training(Error<f32>),
    /// The mean squared error is above the goal.
    Goal {
        /// The error.
        mse: f32,
        /// The goal.
        goal: f32,
    },
    /// A network does not give the outputs of the file that it was converted from.
    SelfTest,
    /// The mean squared error differs from that of the host, which trained from the same seed.
    Host {
        /// The error on the device.
        here: f32,
        /// The error on the host.
        there: f32,
    },
    /// The bytes of a quantised network differ from those on the host.
    Bytes,
}

/// Returns the mean squared error.
///
/// # Errors
///
/// If it is above the goal of the task.
pub fn below_goal(mse: f32) -> Result<f32, Failure> {
    below(GOAL, mse)
}

/// Returns the mean squared error.
///
/// # Errors
///
/// If it is above the goal.
pub fn below(goal: f32, mse: f32) -> Result<f32, Failure> {
    if mse <= goal { Ok(mse) } else { Err(Failure::Goal { mse, goal }) }
}

/// The largest relative difference between device and host. Both run the same scalar code, so most hosts agree bit for
/// bit, but the normal distribution calls `exp` and `ln` of the host's own mathematics library. (SIMD code on a host
/// adds in another order: for most seeds the result differs by 10⁻⁵.)
const AGREEMENT: f32 = 1e-4;

/// Returns the error of the device, `here`.
///
/// # Errors
///
/// If it differs from the error of the host.
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
            Self::Goal { mse, goal } => {
                write!(f, "the mean squared error is {mse:.4e}: expected at most {goal:.0e}")
            }
            Self::SelfTest => {
                f.write_str("the self-test failed: the network gives other outputs than its file")
            }
            Self::Bytes => f.write_str("the quantised network gives other bytes than on the host"),
            Self::Host { here, there } => {
                write!(f, "the mean squared error is {here:e} on the device and {there:e} on the host")
            }
        }
    }
}
