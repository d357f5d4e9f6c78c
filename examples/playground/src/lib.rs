//! Small neural networks in training, in a web page: the part in Rust.
//!
//! | file | what it holds |
//! |---|---|
//! | [`data`], [`tasks`] | samples, and the data sets, one in each file |
//! | [`models`], [`method`] | the table of compiled networks, and the methods of training |
//! | [`run`], `training` | a network in training, as a trait and for one type |
//! | [`units`] | the values of hidden units, which the page draws |
//! | `state`, `exports` | the state of a page, and the functions that the page calls |

pub mod data;
// On a host, the exported `open` would replace that of the C library.
#[cfg(target_family = "wasm")]
mod exports;
pub mod method;
pub mod models;
pub mod run;
#[cfg(target_family = "wasm")]
mod state;
pub mod tasks;
mod training;
pub mod units;
