//! The bounds of two compile-fail tests, met.

use constnet::{
    Zeroed, mlp,
    sizes::budget::{Batch, ParameterBudget, WholeBatches},
};

fn deploy<N: ParameterBudget<8192>>(_: &N) {}

fn whole_batches_only<const B: usize>()
where
    Batch<B>: WholeBatches<1000>,
{
}

fn main() {
    deploy(&<mlp![5, 64, 64, 3]>::ZERO);
    whole_batches_only::<8>();
}
