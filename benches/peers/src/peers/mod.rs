//! The peers, each used as its documentation recommends.

pub mod burn;
pub mod candle;
pub mod constnet;
pub mod dfdx;
pub mod nalgebra;

use crate::problem::{Case, Problem};

/// The name of a peer, and its case.
pub type Named = (&'static str, Box<dyn Case>);

/// The cases of all Rust peers, for a network of two linear layers.
fn two<const A: usize, const B: usize, const C: usize, const N: usize>(p: &Problem) -> Vec<Named> {
    vec![
        ("constnet", constnet::two::<A, B, C, N>(p)),
        ("dfdx", dfdx::two::<A, B, C, N>(p)),
        ("burn", burn::case(p)),
        ("candle", candle::case(p)),
        ("nalgebra", nalgebra::two::<A, B, C, N>(p)),
    ]
}

/// The cases of all Rust peers, for a network of three linear layers.
fn three<const A: usize, const B: usize, const C: usize, const D: usize, const N: usize>(
    p: &Problem,
) -> Vec<Named> {
    vec![
        ("constnet", constnet::three::<A, B, C, D, N>(p)),
        ("dfdx", dfdx::three::<A, B, C, D, N>(p)),
        ("burn", burn::case(p)),
        ("candle", candle::case(p)),
        ("nalgebra", nalgebra::three::<A, B, C, D, N>(p)),
    ]
}

/// The cases of all Rust peers for a problem, constnet first.
pub fn cases(p: &Problem) -> Vec<Named> {
    match (p.widths.as_slice(), p.batch) {
        ([5, 64, 3], 1) => two::<5, 64, 3, 1>(p),
        ([5, 16, 3], 4) => two::<5, 16, 3, 4>(p),
        ([5, 64, 64, 3], 1) => three::<5, 64, 64, 3, 1>(p),
        ([5, 64, 64, 3], 20) => three::<5, 64, 64, 3, 20>(p),
        ([16, 128, 128, 8], 1) => three::<16, 128, 128, 8, 1>(p),
        ([32, 256, 256, 8], 64) => three::<32, 256, 256, 8, 64>(p),
        ([32, 256, 256, 8], 256) => three::<32, 256, 256, 8, 256>(p),
        _ => unreachable!("the peers are compiled for the sizes above only"),
    }
}
