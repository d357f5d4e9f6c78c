//! The scaled exponential linear unit.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The scaled exponential linear unit of `N` features, `a = λ z`, or `λ α (exp(z) − 1)` where `z` is negative:
    /// PyTorch's `nn.SELU()`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `λ`, `α` | | `λ ≈ 1.0507` and `α ≈ 1.6733` |
    /// | `z`, `a` | `(B, N)` | `a = λ z` where `z > 0`, else `λ α (exp(z) − 1)` |
    /// | `da`, `dz` | `(B, N)` | `dz = λ da` where `z > 0`, else `da · λ α exp(z) = da (a + λ α)` |
    ///
    /// After Klambauer, Unterthiner, Mayr and Hochreiter, ["Self-Normalizing Neural
    /// Networks"](https://arxiv.org/abs/1706.02515), 2017.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Selu;
    ///
    /// let [[zero, positive, negative]] = Selu::new().forward(&[[0.0, 2.0_f64, -1000.0]]);
    /// assert_eq!(zero, 0.0);
    /// assert!((positive - 2.0 * 1.0507009873554805).abs() < 1e-15);
    /// assert!((negative + 1.0507009873554805 * 1.6732632423543772).abs() < 1e-15);
    /// ```
    pub struct Selu<N>: "SELU()", from output
}

/// `λ` and `α`, of which the paper gives 16 digits.
const SCALE: f64 = 1.050_700_987_355_480_5;
const ALPHA: f64 = 1.673_263_242_354_377_2;

impl<const N: usize, T: Element> Activation for Selu<N, T> {
    type Elem = T;

    /// `z` is limited to the range of `expm1`: below it, `exp(z) − 1` rounds to −1.
    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        let low = T::from_f64(-2.0) * T::TANH_RANGE;
        let negative = z.clamp(low, T::ZERO).expm1() * T::from_f64(SCALE * ALPHA);
        z.select_gt(T::ZERO, z * T::from_f64(SCALE), negative)
    }

    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        a.select_gt(T::ZERO, da * T::from_f64(SCALE), da * (a + T::from_f64(SCALE * ALPHA)))
    }
}
