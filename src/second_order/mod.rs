//! Second-order training of small networks on a whole data set, without a learning rate.
//!
//! | method | loss | memory |
//! |---|---|---|
//! | [`LevenbergMarquardt`] | (weighted) squared errors | a matrix of `PARAMS` rows and columns |
//! | [`Lbfgs`] | any | `2 M + 4` networks |
//!
//! A network of some hundred parameters reaches in some dozen steps a loss that Adam does not reach in thousands. With
//! `p` parameters and `r` residuals (samples times outputs), a step of [`LevenbergMarquardt`] takes about `r p²/2 + p³/6`
//! multiply-adds. With the feature `rayon`, `fit(…).parallel()` computes it on all cores, with the same result for any
//! number of threads.

#[cfg(feature = "rayon")]
mod all_cores;
mod cores;
mod lbfgs;
mod least_squares;
mod levenberg_marquardt;
mod line_search;
mod passes;
mod run;
mod workspace;

#[cfg(feature = "rayon")]
pub use self::all_cores::AllCores;
pub(crate) use self::levenberg_marquardt::stack_of_run;
pub use self::{
    cores::OneCore,
    lbfgs::{Lbfgs, LbfgsMemory},
    least_squares::LeastSquares,
    levenberg_marquardt::LevenbergMarquardt,
    run::{Report, Run, Stop},
};
