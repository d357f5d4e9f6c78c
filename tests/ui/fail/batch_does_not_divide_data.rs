//! Batches of 32 from 1000 samples leave 8 over.

use constnet::budget::{Batch, WholeBatches};

fn whole_batches_only<const B: usize>()
where
    Batch<B>: WholeBatches<1000>,
{
}

fn main() {
    whole_batches_only::<32>();
}
