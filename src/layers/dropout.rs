//! Dropout.
//!
//! | quantity | shape | rule |
//! |---|---|---|
//! | `x` | `(B, N)` | the input, cached so that the previous activation's derivative can be applied |
//! | `m` | `(B, N)` | the mask: 0 with probability `p`, else `1 / (1 − p)`; in inference 1 |
//! | `y` | `(B, N)` | `y = m ⊙ x` |
//! | `dx` | `(B, N)` | `dx = m ⊙ dy`, with the same mask |

use core::{fmt, marker::PhantomData};

use num_traits::Float;
use typenum::{Const, ToUInt, U, U0, Unsigned};

use super::{
    CacheSize, Context, Cost, Epilogue, Features, InputGrad, Layer, LayerTypes, Mode, ParamCount, Unfused,
    impls::layer_impls,
    parameters,
    print::{LayerText, Printer, element_suffix},
};
use crate::simd::{Element, Simd, Zeroed, transform, transform2};

/// Sets each feature to 0 with a probability of `PERCENT` % in training, and passes all on in inference: PyTorch's
/// `nn.Dropout(p)`. `PERCENT` is 50 if left out.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `x`, `y` | `(B, N)` | `y = m ⊙ x`, in inference `y = x` |
/// | `dy`, `dx` | `(B, N)` | `dx = m ⊙ dy` |
/// | `m` | `(B, N)` | 0 with probability `p`, else `1 / (1 − p)`, drawn anew for each pass |
///
/// A [`Trainer`](crate::Trainer) drops features in `step` and none in `evaluate`; `predict` never drops any. The
/// passes with a [`Cache`](crate::Cache) drop features after [`Cache::train`](crate::Cache::train), until
/// [`Cache::eval`](crate::Cache::eval).
///
/// Masks are counter-based random numbers: a hash of the seed, the number of the training pass, the index of the
/// layer in its network, and the element. So a run with the same seed has the same masks on every machine. A trainer's
/// seed is [`Trainer::seed`](crate::Trainer::seed). A mask is not stored; the backward pass computes it again.
///
/// # Examples
///
/// ```
/// use constnet::{Cache, Dropout, Linear, Relu, Sequential, Zeroed, sequential};
///
/// type Net = Sequential![Linear<5, 64>, Relu<64>, Dropout<64, 20>, Linear<64, 3>];
///
/// let net = Sequential(Dropout::<8, 20>::new());
/// let x = [[4.0; 8]; 100];
/// let mut cache = Cache::ZERO;
/// assert_eq!(net.forward(&x, &mut cache).output(), &x);
///
/// cache.train(42); // the seed
/// let y = net.forward(&x, &mut cache).output().concat();
/// assert!(y.iter().all(|y| [0.0, 5.0].contains(y)));
/// let dropped = y.iter().filter(|y| **y == 0.0).count();
/// assert!((100..220).contains(&dropped), "{dropped} of 800");
/// ```
///
/// `PERCENT` = 100 does not compile:
///
/// ```compile_fail,E0080
/// # use constnet::{Dropout, Sequential};
/// let _: [f32; 8] = Sequential(Dropout::<8, 100>::default()).predict(&[1.0; 8]);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable), zeroable(bound = ""))]
pub struct Dropout<const N: usize, const PERCENT: usize = 50, T = f32>(PhantomData<T>);

impl<const N: usize, const PERCENT: usize, T> Dropout<N, PERCENT, T> {
    /// The layer. It has no parameters.
    #[must_use]
    pub const fn new() -> Self {
        const { Self::CHECKED };
        Self(PhantomData)
    }

    /// Checked by `mask` too, because `default` and serde do not call `new`.
    const CHECKED: () = assert!(PERCENT < 100, "a probability of 100 % drops every feature");
}

impl<const N: usize, const PERCENT: usize, T: Element> Dropout<N, PERCENT, T> {
    /// The mask `m` of one row. `key` is that of the pass; without one no feature is dropped.
    #[inline(always)]
    fn mask(key: Option<u32>, row: usize) -> [T; N] {
        const { Self::CHECKED };
        let Some(key) = key else { return [T::ONE; N] };
        // A hash is below this bound with probability `p`.
        let bound = (((PERCENT as u64) << 32) / 100) as u32;
        let kept = T::from_count(100) / T::from_count(100 - PERCENT);
        let start = key.wrapping_add((row * N) as u32);
        let mut mask = [T::ZERO; N];
        for (n, m) in mask.iter_mut().enumerate() {
            *m = if hash(start.wrapping_add(n as u32)) < bound { T::ZERO } else { kept };
        }
        mask
    }
}

/// Any odd number: without it, seed 0, pass 0 and layer 0 would give 0, the fixed point of the hash.
const START: u32 = 0x9e37_79b9;

/// The number at which the counter of a training pass starts: the seed, the pass and the layer, each mixed in by
/// the hash. Nothing in inference.
#[inline(always)]
fn key<S>(ctx: &Context<S>) -> Option<u32> {
    match ctx.mode {
        Mode::Eval => None,
        Mode::Train { seed, pass } => Some(hash(hash(hash(START ^ seed) ^ pass) ^ ctx.layer)),
    }
}

/// The default seed of the masks: a hash of the sign and the power of two of all parameters, never 0.
///
/// Their other bits are not used: after initialisation, the last ones differ between machines, and the masks should not.
pub(crate) fn seed_of<N: Layer>(net: &N) -> u32 {
    let values = parameters(net).flat_map(|parameter| parameter.values);
    let seed = values.fold(START, |seed, value| {
        let (mantissa, exponent, sign) = value.integer_decode();
        let power = i32::from(exponent) - mantissa.leading_zeros() as i32;
        hash(seed ^ (power as u32) << 1 ^ u32::from(sign < 0))
    });
    seed.max(1)
}

/// A hash of an integer, which changes about half of its bits if one bit of `x` changes: `lowbias32` of C.
/// Wellons' "Prospecting for hash functions" (2018).
#[inline(always)]
const fn hash(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

impl<const N: usize, const PERCENT: usize, T: Element> LayerTypes for Dropout<N, PERCENT, T> {
    type In = Features<N, T>;
    type Out = Features<N, T>;
    type Cache<const B: usize> = [[T; N]; B];
    type Scratch = ();
    type Ends = Unfused<Self>;
}

impl<const N: usize, const PERCENT: usize, T: Element> Layer for Dropout<N, PERCENT, T> {
    const SYMMETRIC_JACOBIAN: bool = true;
    const IS_RANDOM: bool = true;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        x: &'a mut [[T; N]; B],
        _: &'a mut [[T; N]; B],
    ) -> &'a mut [[T; N]; B] {
        x
    }

    #[inline(always)]
    fn forward<S: Simd<T>, const B: usize>(
        &self,
        ctx: Context<S>,
        x: &mut [[T; N]; B],
        y: &mut [[T; N]; B],
        epilogue: impl Epilogue<T>,
    ) {
        let key = key(&ctx);
        for (row, (x, y)) in x.iter().zip(y).enumerate() {
            *y = Self::mask(key, row);
            transform(
                ctx.token,
                y,
                x,
                #[inline(always)]
                |m, x| epilogue.apply(m * x),
            );
        }
    }

    #[inline(always)]
    fn backward<S: Simd<T>, const B: usize>(
        &self,
        ctx: Context<S>,
        x: &mut [[T; N]; B],
        (): &mut (),
        dy: &mut [[T; N]; B],
        input_grad: impl InputGrad<T>,
        _: &mut Self,
    ) {
        let key = key(&ctx);
        for (row, (x, dy)) in x.iter_mut().zip(dy).enumerate() {
            let mask = Self::mask(key, row);
            transform2(
                ctx.token,
                x,
                &mask,
                dy,
                #[inline(always)]
                |a, m, dy| input_grad.apply(a, m * dy),
            );
        }
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        let p = T::from_count(PERCENT) / T::from_count(100);
        printer.layer(LayerText {
            pytorch: format_args!("Dropout(p={p}, inplace=False)"),
            path: "constnet",
            rust_type: format_args!("{self:?}"),
            rust_value: format_args!("Dropout::new()"),
            parameters: 0,
        })
    }
}

impl<const N: usize, const PERCENT: usize, T> Zeroed for Dropout<N, PERCENT, T> {
    const ZERO: Self = Self::new();
}

/// The type: `Dropout<64, 20>`.
impl<const N: usize, const PERCENT: usize, T: Element> fmt::Debug for Dropout<N, PERCENT, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dropout<{N}, {PERCENT}{}>", element_suffix::<T>())
    }
}

impl<const N: usize, const PERCENT: usize, T> ParamCount for Dropout<N, PERCENT, T> {
    type Count = U0;
}

impl<const N: usize, const PERCENT: usize, T> CacheSize for Dropout<N, PERCENT, T>
where
    Const<N>: ToUInt<Output: Unsigned>,
{
    type Cached = U<N>;
    type Output = U<N>;
}

impl<const N: usize, const PERCENT: usize, T: Element> Cost for Dropout<N, PERCENT, T> {
    const FORWARD: usize = 0;
}

layer_impls!(
    Dropout<N, PERCENT, T>, T, const N: usize, const PERCENT: usize, T: Element
);

#[cfg(test)]
mod tests {
    use std::{format, vec::Vec};

    use super::{Dropout, Mode, key};
    use crate::{layers::Context, simd::Scalar};

    const N: usize = 100;
    const ROWS: usize = 100;

    /// For each element of a pass, whether it is dropped.
    fn dropped<const PERCENT: usize>(seed: u32, pass: u32, layer: u32) -> Vec<bool> {
        let key = key(&Context { token: Scalar, mode: Mode::Train { seed, pass }, layer });
        (0..ROWS).flat_map(|row| Dropout::<N, PERCENT>::mask(key, row).map(|m| m == 0.0)).collect()
    }

    /// The standard deviation of a count of `elements` that are each counted with probability `p`.
    fn deviation(elements: usize, p: f64) -> f64 {
        (elements as f64 * p * (1.0 - p)).sqrt()
    }

    fn assert_count(count: usize, elements: usize, p: f64, what: &str) {
        let off = (count as f64 - elements as f64 * p) / deviation(elements, p);
        assert!(off.abs() < 5.0, "{what}: {count} of {elements}, {off:.1} standard deviations off");
    }

    #[test]
    fn the_share_of_dropped_features_is_the_probability() {
        fn check<const PERCENT: usize>() {
            for pass in 0..10 {
                let count = dropped::<PERCENT>(0, pass, 0).into_iter().filter(|dropped| *dropped).count();
                assert_count(count, N * ROWS, PERCENT as f64 / 100.0, "dropped");
            }
        }
        check::<1>();
        check::<30>();
        check::<50>();
        check::<99>();
        assert!(!dropped::<0>(0, 0, 0).contains(&true));
    }

    /// Masks that differ in seed, pass or layer agree in as many elements as independent ones would.
    #[test]
    fn masks_of_other_seeds_passes_and_layers_are_uncorrelated() {
        let mut masks = Vec::new();
        for seed in [0, 1, 1 << 16, u32::MAX] {
            for pass in [0, 1, 2, 1 << 16] {
                for layer in [0, 1, 9] {
                    masks.push(([seed, pass, layer], dropped::<50>(seed, pass, layer)));
                }
            }
        }
        for (index, (a, mask_a)) in masks.iter().enumerate() {
            for (b, mask_b) in &masks[..index] {
                let same = mask_a.iter().zip(mask_b).filter(|(a, b)| a == b).count();
                assert_count(same, N * ROWS, 0.5, &format!("{a:?} and {b:?} agree"));
            }
        }
    }

    /// Neighbouring elements, in a row and in a column, are dropped independently.
    #[test]
    fn elements_of_a_mask_are_uncorrelated() {
        let mask = dropped::<50>(7, 1, 2);
        for distance in [1, 2, 3, 8, 16, N, 2 * N] {
            let pairs = mask.iter().zip(&mask[distance..]);
            let same = pairs.filter(|(a, b)| a == b).count();
            assert_count(same, N * ROWS - distance, 0.5, &format!("elements {distance} apart agree"));
        }
    }

    #[test]
    fn inference_drops_nothing() {
        let ctx = Context { token: Scalar, mode: Mode::Eval, layer: 3 };
        assert_eq!(Dropout::<4, 50>::mask(key(&ctx), 0), [1.0; 4]);
    }
}
