//! The mistakes of the two bounds of typenum, put right.

use constnet::{
    Zeroed,
    budget::{Batch, ParameterBudget, WholeBatches},
    mlp,
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
