//! Losses of the difference between prediction and target.

use crate::{
    error::Error,
    simd::{Element, Real, Simd, Vector, reduce2, transform},
};

/// A loss of the form `f(d) · g(d)` of the difference `d = ŷ − y`, in which `f` is proportional to the derivative:
/// the squared error is `d · d`, the absolute error `sign(d) · d`, the Huber loss `c · (d − c/2)`.
pub(crate) trait DifferenceLoss<T: Element> {
    /// `f(d)` and `g(d)`.
    fn factors<V: Real<T>>(&self, d: V) -> [V; 2];

    /// The factor between `f(d)` and the derivative.
    #[inline(always)]
    fn slope(&self) -> T {
        T::ONE
    }

    /// Checks the parameters of the loss itself.
    fn check_parameters(&self) -> Result<(), Error<T>> {
        Ok(())
    }
}

/// The mean of the loss over all elements.
#[inline(always)]
pub(super) fn difference_value<I: Simd<T>, T: Element>(
    token: I,
    loss: &impl DifferenceLoss<T>,
    y_hat: &[T],
    y: &[T],
) -> T {
    let sum = reduce2(
        token,
        y_hat,
        y,
        #[inline(always)]
        |sum, y_hat, y| {
            let [f, g] = loss.factors(y_hat - y);
            f.mul_add(g, sum)
        },
    );
    sum / T::from_count(y.len())
}

/// The same, and overwrites each prediction with its derivative, divided by the `outputs` of a sample.
#[inline(always)]
pub(super) fn difference_value_and_gradient<I: Simd<T>, T: Element>(
    token: I,
    loss: &impl DifferenceLoss<T>,
    outputs: usize,
    y_hat: &mut [T],
    y: &[T],
) -> T {
    let scale = loss.slope() / T::from_count(outputs);
    let mut sum = Vector::from_number(token, T::ZERO);
    transform(
        token,
        y_hat,
        y,
        #[inline(always)]
        |y_hat, y| {
            let [f, g] = loss.factors(y_hat - y);
            sum = f.mul_add(g, sum);
            f * scale
        },
    );
    sum.sum() / T::from_count(y.len())
}

/// Implements [`Loss`] for a [`DifferenceLoss`], and its forward and backward pass on arrays.
macro_rules! difference_loss {
    ($loss:ident) => {
        impl $loss {
            difference_loss!(@passes T: Element,);
        }

        impl<S: Shape> Loss<S> for $loss {
            difference_loss!(@loss);
        }
    };
    ($loss:ident<T>) => {
        impl<T: Element> $loss<T> {
            difference_loss!(@passes);
        }

        impl<T: Element, S: Shape<Elem = T>> Loss<S> for $loss<T> {
            difference_loss!(@loss);
        }
    };
    (@passes $($generics:tt)*) => {
        /// The forward pass: the mean over all elements.
        #[must_use]
        pub fn forward<$($generics)* const D: usize, const B: usize>(
            self,
            y_hat: &[[T; D]; B],
            y: &[[T; D]; B],
        ) -> T {
            difference_value(Scalar, &self, y_hat.as_flattened(), y.as_flattened())
        }

        /// The backward pass: the gradient of each sample with respect to its prediction.
        #[must_use]
        pub fn backward<$($generics)* const D: usize, const B: usize>(
            self,
            y_hat: &[[T; D]; B],
            y: &[[T; D]; B],
        ) -> [[T; D]; B] {
            let mut gradient = *y_hat;
            let flat = gradient.as_flattened_mut();
            difference_value_and_gradient(Scalar, &self, D, flat, y.as_flattened());
            gradient
        }
    };
    (@loss) => {
        type Target = Row<S>;

        fn check(&self, y: &[Row<S>]) -> Result<(), Error<S::Elem>> {
            DifferenceLoss::<S::Elem>::check_parameters(self)?;
            check_finite::<S>(y)
        }

        #[inline(always)]
        fn value<I: Simd<S::Elem>>(&self, token: I, y_hat: &[Row<S>], y: &[Row<S>]) -> S::Elem {
            difference_value(token, self, S::flatten(y_hat), S::flatten(y))
        }

        #[inline(always)]
        fn value_and_gradient<I: Simd<S::Elem>>(
            &self,
            token: I,
            y_hat: &mut [Row<S>],
            y: &[Row<S>],
        ) -> S::Elem {
            difference_value_and_gradient(token, self, S::LEN, S::flatten_mut(y_hat), S::flatten(y))
        }
    };
}
pub(super) use difference_loss;
