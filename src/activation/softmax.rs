//! Probabilities.

use core::{fmt, marker::PhantomData};

use crate::{
    Activation, Element, Features, Identity, Layer, Part, Zeroed,
    kernel::{Isa, math},
    layer::line,
    source::element,
};

/// Probabilities of `N` classes from scores, `p = exp(z) / Σ exp(z)` for each row, as PyTorch's
/// `nn.Softmax(dim=-1)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `p` | `(B, N)` | `p = exp(z − m) / Σ exp(z − m)`, with the greatest score `m` of the row |
/// | `dp`, `dz` | `(B, N)` | `dz = p (dp − Σ p dp)` |
///
/// For inference, or inside a network. To train a classifier, leave it away and minimise the
/// cross-entropy of the scores: that is steadier, and cheaper.
///
/// # Examples
///
/// ```
/// use constnet::Softmax;
///
/// let z = [[0.0, 3.0_f64.ln()], [1000.0, -1000.0]];
/// let p = Softmax::new().forward(&z);
/// assert!((p[0][1] - 0.75).abs() < 1e-15);
/// assert_eq!(p[1], [1.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Softmax<const N: usize, T = f32>(PhantomData<T>);

impl<const N: usize, T> Softmax<N, T> {
    /// The layer. It has no parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<const N: usize, T: Element> Softmax<N, T> {
    /// `p = exp(z) / Σ exp(z)`
    #[must_use]
    pub fn forward<const B: usize>(self, z: &[[T; N]; B]) -> [[T; N]; B] {
        z.map(|row| {
            let most = row.into_iter().fold(T::neg_infinity(), T::max);
            let powers = row.map(|z| (z - most).exp());
            let sum = powers.into_iter().fold(T::ZERO, |sum, e| sum + e);
            powers.map(|e| e / sum)
        })
    }

    /// `dz = p (dp − Σ p dp)`
    #[must_use]
    pub fn backward<const B: usize>(self, z: &[[T; N]; B], dp: &[[T; N]; B]) -> [[T; N]; B] {
        let mut dz = self.forward(z);
        for (p, dp) in dz.iter_mut().zip(dp) {
            let sum = p.iter().zip(dp).fold(T::ZERO, |sum, (p, dp)| sum + *p * *dp);
            for (p, dp) in p.iter_mut().zip(dp) {
                *p = *p * (*dp - sum);
            }
        }
        dz
    }
}

/// `p` of one row.
#[inline(always)]
fn probabilities<I: Isa<T>, T: Element, const N: usize>(isa: I, z: &[T; N]) -> [T; N] {
    let mut p = [T::ZERO; N];
    // NaN is greater than any score here: it goes through.
    let most = z.iter().fold(T::neg_infinity(), |most, z| if *z <= most { most } else { *z });
    let mut sum = isa.splat(T::ZERO);
    for (p, z) in p.chunks_mut(I::LANES).zip(z.chunks(I::LANES)) {
        isa.store(p, math::exp(isa, isa.sub(isa.load(z), isa.splat(most))));
        // Loaded anew: lanes beyond the row are 0 then.
        sum = isa.add(sum, isa.load(p));
    }
    let share = isa.splat(T::ONE / isa.sum(sum));
    for p in p.chunks_mut(I::LANES) {
        let share = isa.mul(isa.load(p), share);
        isa.store(p, share);
    }
    p
}

impl<const N: usize, T> Zeroed for Softmax<N, T> {
    const ZERO: Self = Self::new();
}

impl<const N: usize, T: Element> Layer for Softmax<N, T> {
    type In = Features<N, T>;
    type Out = Features<N, T>;
    type First = Self;
    type Last = Self;
    type Lead = Identity;
    type Trail = Identity;
    type Tape<const B: usize> = [[T; N]; B];
    type Scratch = ();

    #[inline(always)]
    fn input<'a, const B: usize>(tape: &'a mut [[T; N]; B], _: &'a mut [[T; N]; B]) -> &'a mut [[T; N]; B] {
        tape
    }

    #[inline(always)]
    fn forward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut [[T; N]; B],
        y: &mut [[T; N]; B],
        then: impl Activation<T>,
    ) {
        for (z, y) in tape.iter().zip(y) {
            *y = probabilities(isa, z);
            crate::activation::forward_all(isa, then, y);
        }
    }

    #[inline(always)]
    fn backward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut [[T; N]; B],
        (): &mut (),
        dy: &mut [[T; N]; B],
        before: impl Activation<T>,
        _: &mut Self,
    ) {
        for (z, dy) in tape.iter_mut().zip(dy) {
            let mut dz = probabilities(isa, z);
            let sum = dz.iter().zip(&*dy).fold(T::ZERO, |sum, (p, dp)| sum + *p * *dp);
            for (p, dp) in dz.iter_mut().zip(dy) {
                *p = *p * (*dp - sum);
            }
            super::backward_all(isa, before, z, &dz);
        }
    }

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, index, 0, format_args!("Softmax(dim=-1)"))
    }

    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match part {
            Part::Type => write!(f, "constnet::Softmax<{N}{}>", element::<T>()),
            Part::Value => f.write_str("constnet::Softmax::new()"),
        }
    }
}
