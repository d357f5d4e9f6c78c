//! How parameters get their initial values.

use rand::Rng;

use super::ParameterMut;
use crate::simd::Element;

/// A choice of initial values for linear layers: [`He`](crate::He), [`Xavier`](crate::Xavier) and those in
/// [`init`](crate::init).
pub trait Initializer {
    /// Sets the weights, of shape `(OUT, IN)`: the rows are the outputs, the columns the inputs.
    fn weight<T: Element, R: Rng + ?Sized>(&self, weight: ParameterMut<'_, T>, rng: &mut R);

    /// Sets the biases of a layer of `inputs` inputs: to 0, unless an initializer overrides it.
    fn bias<T: Element, R: Rng + ?Sized>(&self, bias: ParameterMut<'_, T>, inputs: usize, rng: &mut R) {
        let _ = (inputs, rng);
        bias.values.fill(T::ZERO);
    }
}
