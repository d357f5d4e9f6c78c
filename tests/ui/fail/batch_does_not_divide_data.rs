//! Batches of 32 from 1000 samples: the last one has 8 samples only.

use constnet::sizes::budget::{Batch, WholeBatches};

fn whole_batches_only<const B: usize>()
where
    Batch<B>: WholeBatches<1000>,
{
}

fn main() {
    whole_batches_only::<32>();
}
