//! The memory and the work of a network on a device, known to the compiler.
//!
//! | item | what it holds |
//! |---|---|
//! | [`Report`], [`Memory`] | bytes and multiply-adds as constants |
//! | [`budget`] | limits as bounds: parameters, RAM, whole batches |
//!
//! Both are computed from the traits [`ParamCount`](crate::layers::ParamCount),
//! [`CacheSize`](crate::layers::CacheSize) and [`Cost`](crate::layers::Cost), which each layer implements, and from
//! [`OptimizerSize`](crate::optim::OptimizerSize).

pub mod budget;
mod report;

pub use report::{Memory, Report};
