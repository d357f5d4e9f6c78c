//! The logistic function.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The logistic function of `N` features, `a = 1 / (1 + exp(−z))`: PyTorch's `nn.Sigmoid()`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = 1 / (1 + exp(−z))` |
    /// | `da`, `dz` | `(B, N)` | `dz = da · a (1 − a)` |
    ///
    /// The outputs are [`Probabilities`](crate::layers::Probabilities): a network that ends in this layer is
    /// trained with [`Mse`](crate::Mse), for example. [`BceWithLogits`](crate::BceWithLogits) applies the
    /// logistic function itself, so it follows the layer before this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Sigmoid;
    ///
    /// assert_eq!(Sigmoid::new().forward(&[[0.0, 1000.0, -1000.0]]), [[0.5, 1.0, 0.0]]);
    /// assert_eq!(Sigmoid::new().backward(&[[0.0, 1000.0]], &[[8.0, 8.0]]), [[2.0, 0.0]]);
    /// ```
    pub struct Sigmoid<N>: "Sigmoid()", from output, gives Probabilities
}

impl<const N: usize, T: Element> Activation for Sigmoid<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        z.sigmoid()
    }

    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        da * (a * a.one_minus())
    }
}
