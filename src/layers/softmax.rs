//! Probabilities from scores.
//!
//! | quantity | shape | rule |
//! |---|---|---|
//! | `z` | `(B, N)` | the scores, cached for the backward pass |
//! | `m` | `(B)` | the greatest score of each row; without it `exp` would overflow |
//! | `p` | `(B, N)` | `p = exp(z − m) / Σ exp(z − m)` |
//! | `dz` | `(B, N)` | `dz = p (dp − Σ p dp)` |

use core::{fmt, marker::PhantomData};

use typenum::{Const, ToUInt, U, U0, Unsigned};

use super::{
    CacheSize, Context, Cost, Epilogue, Features, InputGrad, Layer, LayerTypes, NoActivation, ParamCount,
    Probabilities, Unfused,
    impls::layer_impls,
    print::{LayerText, Printer, element_suffix},
};
use crate::simd::{Element, Real, Scalar, Simd, Zeroed, map, reduce, transform2};

/// Probabilities of `N` classes from their scores, `p = exp(z) / Σ exp(z)` for each row: PyTorch's
/// `nn.Softmax(dim=-1)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `p` | `(B, N)` | `p = exp(z − m) / Σ exp(z − m)`, with the greatest score `m` of the row |
/// | `dp`, `dz` | `(B, N)` | `dz = p (dp − Σ p dp)` |
///
/// Use it for inference, or inside a network. To train a classifier, leave it out and minimise
/// [`CrossEntropy`](crate::CrossEntropy), which is computed from the scores: this is cheaper and numerically more
/// stable.
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
///
/// let dz = Softmax::new().backward(&z, &[[0.0, 1.0], [0.0, 1.0]]);
/// assert!((dz[0][1] - 0.75 * 0.25).abs() < 1e-15);
/// assert_eq!(dz[1], [0.0, 0.0]);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable), zeroable(bound = ""))]
pub struct Softmax<const N: usize, T = f32>(PhantomData<T>);

impl<const N: usize, T: Element> Softmax<N, T> {
    /// The forward pass: `p = exp(z) / Σ exp(z)`.
    #[must_use]
    pub fn forward<const B: usize>(self, z: &[[T; N]; B]) -> [[T; N]; B] {
        let mut p = *z;
        for row in &mut p {
            softmax(Scalar, row);
        }
        p
    }

    /// The backward pass: `dz = p (dp − Σ p dp)`.
    #[must_use]
    pub fn backward<const B: usize>(self, z: &[[T; N]; B], dp: &[[T; N]; B]) -> [[T; N]; B] {
        let mut dz = *z;
        for (z, dp) in dz.iter_mut().zip(dp) {
            softmax_backward(Scalar, z, dp, NoActivation);
        }
        dz
    }
}

impl<const N: usize, T> Softmax<N, T> {
    /// The layer. It has no parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Overwrites a row of scores `z` with `p = exp(z − m) / Σ exp(z − m)`. A row with NaN gives NaN only.
#[inline(always)]
fn softmax<S: Simd<T>, T: Element, const N: usize>(token: S, z: &mut [T; N]) {
    // `z <= m` is false for NaN, so NaN, too, becomes `m`, or else reaches the sum through `exp`.
    let m = z.iter().fold(T::neg_infinity(), |m, z| if *z <= m { m } else { *z });
    map(
        token,
        z,
        #[inline(always)]
        |z| (z - m).exp(),
    );
    let p = z;
    let sum = reduce(
        token,
        p,
        #[inline(always)]
        |sum, p| sum + p,
    );
    let inv_sum = T::ONE / sum;
    map(
        token,
        p,
        #[inline(always)]
        |p| p * inv_sum,
    );
}

/// Overwrites a row of scores `z` with `dz = p (dp − Σ p dp)`, to which `input_grad` is applied.
#[inline(always)]
fn softmax_backward<S: Simd<T>, T: Element, const N: usize>(
    token: S,
    z: &mut [T; N],
    dp: &[T; N],
    input_grad: impl InputGrad<T>,
) {
    let mut p = *z;
    softmax(token, &mut p);
    let sum = p.iter().zip(dp).fold(T::ZERO, |sum, (p, dp)| sum + *p * *dp);
    transform2(
        token,
        z,
        &p,
        dp,
        #[inline(always)]
        |z, p, dp| input_grad.apply(z, p * (dp - sum)),
    );
}

impl<const N: usize, T: Element> LayerTypes for Softmax<N, T> {
    type In = Features<N, T>;
    type Out = Probabilities<N, T>;
    type Cache<const B: usize> = [[T; N]; B];
    type Scratch = ();
    type Ends = Unfused<Self>;
}

impl<const N: usize, T: Element> Layer for Softmax<N, T> {
    const SYMMETRIC_JACOBIAN: bool = true;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        z: &'a mut [[T; N]; B],
        _: &'a mut [[T; N]; B],
    ) -> &'a mut [[T; N]; B] {
        z
    }

    #[inline(always)]
    fn forward<S: Simd<T>, const B: usize>(
        &self,
        ctx: Context<S>,
        z: &mut [[T; N]; B],
        p: &mut [[T; N]; B],
        epilogue: impl Epilogue<T>,
    ) {
        for (z, p) in z.iter().zip(p) {
            *p = *z;
            softmax(ctx.token, p);
            super::apply(ctx.token, epilogue, p);
        }
    }

    #[inline(always)]
    fn backward<S: Simd<T>, const B: usize>(
        &self,
        ctx: Context<S>,
        z: &mut [[T; N]; B],
        (): &mut (),
        dp: &mut [[T; N]; B],
        input_grad: impl InputGrad<T>,
        _: &mut Self,
    ) {
        for (z, dp) in z.iter_mut().zip(dp) {
            softmax_backward(ctx.token, z, dp, input_grad);
        }
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        printer.layer(LayerText {
            pytorch: format_args!("Softmax(dim=-1)"),
            path: "constnet",
            rust_type: format_args!("{self:?}"),
            rust_value: format_args!("Softmax::new()"),
            parameters: 0,
        })
    }
}

impl<const N: usize, T> Zeroed for Softmax<N, T> {
    const ZERO: Self = Self::new();
}

/// The type: `Softmax<10>`.
impl<const N: usize, T: Element> fmt::Debug for Softmax<N, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Softmax<{N}{}>", element_suffix::<T>())
    }
}

impl<const N: usize, T> ParamCount for Softmax<N, T> {
    type Count = U0;
}

impl<const N: usize, T> CacheSize for Softmax<N, T>
where
    Const<N>: ToUInt<Output: Unsigned>,
{
    type Cached = U<N>;
    type Output = U<N>;
}

impl<const N: usize, T: Element> Cost for Softmax<N, T> {
    const FORWARD: usize = 0;
}

layer_impls!(Softmax<N, T>, T, const N: usize, T: Element);
