//! The weights of a layer on bytes: how they are stored, and the sums of their products.

use super::multiplier::THUMB_1;

/// Whether weights are stored as `weight + 128`. Thumb-1 loads an unsigned byte with a constant offset, but a signed one
/// with an offset in a register only.
const OFFSET: bool = THUMB_1;

/// Whether four outputs are computed together. On a host the compiler makes vector instructions of the sum of one output.
const INTERLEAVED: bool = cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64")));

/// The weights as the processor reads them fastest.
pub(super) type NativeWeights<const IN: usize, const OUT: usize> = Weights<IN, OUT, INTERLEAVED, OFFSET>;

/// The weights from `IN` bytes to `OUT` sums.
///
/// If `INTERLEAVED`, the outputs are stored in groups of four: first the four weights of input 0, then those of input
/// 1, and so on. Outputs that do not fill a group, or all if not `INTERLEAVED`, are stored one after the other. If
/// `OFFSET`, the weights of the groups are stored as `weight + 128`.
#[derive(Clone, Copy, PartialEq)]
#[repr(align(4))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub(super) struct Weights<const IN: usize, const OUT: usize, const INTERLEAVED: bool, const OFFSET: bool>(
    [[i8; IN]; OUT],
);

impl<const IN: usize, const OUT: usize, const INTERLEAVED: bool, const OFFSET: bool>
    Weights<IN, OUT, INTERLEAVED, OFFSET>
{
    /// All bytes are 0: not weights of 0, if they are stored with an offset.
    pub(super) const ZERO: Self = Self([[0; IN]; OUT]);

    /// The number of outputs that are computed four at a time.
    const OF_FOUR: usize = if INTERLEAVED { OUT / 4 * 4 } else { 0 };

    /// The row and the column at which the weight from input `i` to output `o` is stored.
    const fn place(o: usize, i: usize) -> (usize, usize) {
        let at = if o < Self::OF_FOUR { (o / 4 * IN + i) * 4 + o % 4 } else { o * IN + i };
        (at / IN, at % IN)
    }

    /// Converts a weight to its stored form, or a stored weight back.
    const fn stored(o: usize, weight: i8) -> i8 {
        if OFFSET && o < Self::OF_FOUR { weight ^ -128 } else { weight }
    }

    /// The weight from input `i` to output `o`.
    pub(super) const fn at(&self, o: usize, i: usize) -> i8 {
        assert!(i < IN, "there is no such input");
        let (row, column) = Self::place(o, i);
        Self::stored(o, self.0[row][column])
    }

    pub(super) const fn set(&mut self, o: usize, i: usize, weight: i8) {
        let (row, column) = Self::place(o, i);
        self.0[row][column] = Self::stored(o, weight);
    }

    /// Computes `y[o] = finish(parameters[o], bias[o] + Σᵢ W[o][i] x[i])` for each output `o`.
    #[inline(always)]
    pub(super) fn sums<Y, P: Copy>(
        &self,
        x: &[u8; IN],
        bias: &[i32; OUT],
        parameters: &[P; OUT],
        y: &mut [Y; OUT],
        mut finish: impl FnMut(P, i32) -> Y,
    ) {
        let (bias_4, bias) = bias.split_at(Self::OF_FOUR);
        let (parameters_4, parameters) = parameters.split_at(Self::OF_FOUR);
        let (y_4, y) = y.split_at_mut(Self::OF_FOUR);
        let (weight_4, weight) = self.0.split_at(Self::OF_FOUR);
        let (bias_4, parameters_4) = (bias_4.as_chunks::<4>().0, parameters_4.as_chunks::<4>().0);
        let y_4 = y_4.as_chunks_mut::<4>().0;
        let weight_4 = weight_4.as_flattened().as_chunks::<4>().0.as_chunks::<IN>().0;
        let offset =
            if OFFSET { x.iter().fold(0_i32, |sum, x| sum.wrapping_add(128 * i32::from(*x))) } else { 0 };
        for (((y, bias), parameters), weight) in y_4.iter_mut().zip(bias_4).zip(parameters_4).zip(weight_4) {
            let (weight_16, weight) = weight.as_chunks::<4>();
            let (x_4, x) = x.as_chunks::<4>();
            let mut sum = [0; 4];
            for (weight, x) in weight_16.iter().zip(x_4) {
                sum = add::<OFFSET>(sum, &weight[0], x[0]);
                sum = add::<OFFSET>(sum, &weight[1], x[1]);
                sum = add::<OFFSET>(sum, &weight[2], x[2]);
                sum = add::<OFFSET>(sum, &weight[3], x[3]);
            }
            for (weight, x) in weight.iter().zip(x) {
                sum = add::<OFFSET>(sum, weight, *x);
            }
            y[0] = finish(parameters[0], sum[0].wrapping_add(bias[0]).wrapping_sub(offset));
            y[1] = finish(parameters[1], sum[1].wrapping_add(bias[1]).wrapping_sub(offset));
            y[2] = finish(parameters[2], sum[2].wrapping_add(bias[2]).wrapping_sub(offset));
            y[3] = finish(parameters[3], sum[3].wrapping_add(bias[3]).wrapping_sub(offset));
        }
        for (((y, bias), parameters), weight) in y.iter_mut().zip(bias).zip(parameters).zip(weight) {
            *y = finish(*parameters, bias + dot::<INTERLEAVED, IN>(weight, x));
        }
    }
}

/// The products of the weights of one output.
#[inline(always)]
fn dot<const WRITTEN_OUT: bool, const IN: usize>(weight: &[i8; IN], x: &[u8; IN]) -> i32 {
    let product = |(weight, x): (&i8, &u8)| i32::from(*weight) * i32::from(*x);
    if !WRITTEN_OUT {
        return weight.iter().zip(x).map(product).sum();
    }
    let ((weight_4, weight), (x_4, x)) = (weight.as_chunks::<4>(), x.as_chunks::<4>());
    let mut sum = 0;
    for (weight, x) in weight_4.iter().zip(x_4) {
        sum += product((&weight[0], &x[0]));
        sum += product((&weight[1], &x[1]));
        sum += product((&weight[2], &x[2]));
        sum += product((&weight[3], &x[3]));
    }
    sum + weight.iter().zip(x).map(product).sum::<i32>()
}

/// `sum + weight · x`, of four outputs. By reference, because four bytes by value are loaded as one word and taken apart;
/// written out, because `map` remains a loop at `opt-level = "s"`.
#[inline(always)]
fn add<const OFFSET: bool>([s0, s1, s2, s3]: [i32; 4], [w0, w1, w2, w3]: &[i8; 4], x: u8) -> [i32; 4] {
    let x = i32::from(x);
    let times_x = |w: i8| if OFFSET { i32::from(w as u8) * x } else { i32::from(w) * x };
    // With the offset a sum may wrap, until the offset is subtracted.
    [
        s0.wrapping_add(times_x(*w0)),
        s1.wrapping_add(times_x(*w1)),
        s2.wrapping_add(times_x(*w2)),
        s3.wrapping_add(times_x(*w3)),
    ]
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::Weights;

    fn check<const IN: usize, const OUT: usize, const INTERLEAVED: bool, const OFFSET: bool>() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64((100 * IN + OUT) as u64);
        let weight: [[i8; IN]; OUT] = [(); OUT].map(|()| [(); IN].map(|()| rng.random()));
        let bias: [i32; OUT] = [(); OUT].map(|()| rng.random_range(-1000..1000));
        let x: [u8; IN] = [(); IN].map(|()| rng.random());
        let mut weights = Weights::<IN, OUT, INTERLEAVED, OFFSET>::ZERO;
        for (o, row) in weight.iter().enumerate() {
            row.iter().enumerate().for_each(|(i, w)| weights.set(o, i, *w));
        }
        let mut y = [0; OUT];
        weights.sums(&x, &bias, &[(); OUT], &mut y, |(), sum| sum);
        for (o, row) in weight.iter().enumerate() {
            let sum: i32 = row.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(x)).sum();
            assert_eq!(y[o], bias[o] + sum, "{IN} → {OUT}, output {o}");
            row.iter().enumerate().for_each(|(i, w)| assert_eq!(weights.at(o, i), *w));
        }
    }

    /// Those of the host, of the Cortex-M0, and of the others.
    #[test]
    fn all_layouts_give_the_same_sums() {
        macro_rules! sizes {
            ($($IN:literal $OUT:literal),+) => { $(
                check::<$IN, $OUT, false, false>();
                check::<$IN, $OUT, true, true>();
                check::<$IN, $OUT, true, false>();
            )+ };
        }
        sizes!(1 1, 1 4, 2 3, 3 5, 4 4, 5 8, 7 9, 16 7, 33 13);
    }
}
