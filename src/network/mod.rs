//! Networks: [`Sequential`](struct@Sequential), the macros that write it as a flat list, access to its layers,
//! initialisation, and arithmetic.

mod arithmetic;
mod derivatives;
pub mod init;
mod macros;
mod pass;
mod sequential;

pub(crate) use self::{
    arithmetic::{add_scaled, copy, dot, scale},
    pass::{Buffers, Forward},
};
pub use self::{
    macros::types,
    pass::{Cache, Pass},
    sequential::Sequential,
};
