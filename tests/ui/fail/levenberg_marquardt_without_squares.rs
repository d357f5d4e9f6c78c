//! The method of Levenberg and Marquardt for a loss that is no mean of squares.

use constnet::{L1, LevenbergMarquardt, Zeroed, mlp};

fn main() {
    let mut net = <mlp![2, 1]>::ZERO;
    let _ = LevenbergMarquardt::new().fit(&mut net, &L1, &[[1.0, 2.0]], &[[3.0]]);
}
