//! A network of 4739 parameters, where 1024 are allowed.

use constnet::{Zeroed, mlp, sizes::budget::ParameterBudget};

fn deploy<N: ParameterBudget<1024>>(_: &N) {}

fn main() {
    deploy(&<mlp![5, 64, 64, 3]>::ZERO);
}
