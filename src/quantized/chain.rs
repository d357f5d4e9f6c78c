//! Chains of layers on bytes: nested pairs, as those of `f32` layers, with an [`Output`] at the end.

use core::{fmt::Debug, marker::PhantomData};

use super::{Int8Linear, QuantParams, Stored, Table, WriteSource};
use crate::simd::Zeroed;

/// One sample as bytes: an array `[u8; N]`.
pub trait Bytes:
    'static + Copy + Debug + PartialEq + Send + Sync + Zeroed + AsRef<[u8]> + AsMut<[u8]>
{
    /// The same sample as real numbers.
    type Real: 'static + Copy + Debug + Zeroed + AsRef<[f32]> + AsMut<[f32]>;
}

impl<const N: usize> Bytes for [u8; N] {
    type Real = [f32; N];
}

/// A chain of layers on bytes: `(Int8Linear<5, 64>, (Int8Linear<64, 3>, Output<[u8; 3]>))`.
pub trait Int8Chain: Copy + Debug + PartialEq + Zeroed + Stored + WriteSource {
    /// The input.
    type In: Bytes;
    /// The output.
    type Out: Bytes;
    /// Whether there is no layer before the output.
    const IS_OUTPUT: bool = false;
    /// The bytes of all rows between the layers.
    const ROWS: usize;

    /// The outputs as bytes. Calls `saturated` for each value that became the smallest or the largest byte, with
    /// the index of its layer, counted from `layer` on.
    fn bytes(&self, x: &Self::In, y: &mut Self::Out, layer: usize, saturated: &mut impl FnMut(usize));

    /// The outputs as real numbers.
    fn real(&self, x: &Self::In, y: &mut <Self::Out as Bytes>::Real);

    /// The end of the chain.
    fn output(&self) -> &Output<Self::Out>;

    /// The end of the chain, to be changed.
    fn output_mut(&mut self) -> &mut Output<Self::Out>;
}

impl<const IN: usize, const OUT: usize, R: Int8Chain<In = [u8; OUT]>> Int8Chain for (Int8Linear<IN, OUT>, R) {
    type In = [u8; IN];
    type Out = R::Out;
    const ROWS: usize = OUT + R::ROWS;

    #[inline(always)]
    fn bytes(&self, x: &[u8; IN], y: &mut R::Out, layer: usize, saturated: &mut impl FnMut(usize)) {
        let mut hidden = [0; OUT];
        let lowest = if self.0.zero_points()[1] == 0 { i32::MIN } else { 0 };
        self.0.rounded(
            x,
            &mut hidden,
            #[inline(always)]
            |value| {
                if !(lowest..=255).contains(&value) {
                    saturated(layer);
                }
            },
        );
        self.1.bytes(&hidden, y, layer + 1, saturated);
    }

    /// The sums of the last linear layer are not rounded to bytes.
    #[inline(always)]
    fn real(&self, x: &[u8; IN], y: &mut <R::Out as Bytes>::Real) {
        if R::IS_OUTPUT {
            // Always: the output has the width of this layer.
            if let Some(y) = y.as_mut().first_chunk_mut() {
                let Output { params, min, .. } = *self.output();
                self.0.real(x, y, params.scale, min);
            }
        } else {
            let mut hidden = [0; OUT];
            self.0.rounded(x, &mut hidden, |_| {});
            self.1.real(&hidden, y);
        }
    }

    fn output(&self) -> &Output<R::Out> {
        self.1.output()
    }

    fn output_mut(&mut self) -> &mut Output<R::Out> {
        self.1.output_mut()
    }
}

impl<const N: usize, R: Int8Chain<In = [u8; N]>> Int8Chain for (Table<N>, R) {
    type In = [u8; N];
    type Out = R::Out;
    const ROWS: usize = N + R::ROWS;

    #[inline(always)]
    fn bytes(&self, x: &[u8; N], y: &mut R::Out, layer: usize, saturated: &mut impl FnMut(usize)) {
        self.1.bytes(&self.0.forward(x), y, layer + 1, saturated);
    }

    #[inline(always)]
    fn real(&self, x: &[u8; N], y: &mut <R::Out as Bytes>::Real) {
        self.1.real(&self.0.forward(x), y);
    }

    fn output(&self) -> &Output<R::Out> {
        self.1.output()
    }

    fn output_mut(&mut self) -> &mut Output<R::Out> {
        self.1.output_mut()
    }
}

/// The end of a chain: the real numbers of the output.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
#[cfg_attr(feature = "alloc", zeroable(bound = ""))]
pub struct Output<Y> {
    /// The scale and the zero point of the output's bytes.
    pub params: QuantParams,
    /// The lowest real output: 0 after a ReLU, else −∞.
    pub min: f32,
    bytes: PhantomData<Y>,
}

impl<Y> Output<Y> {
    /// The end with this scale and zero point, and this lowest real output: 0 after a ReLU, else −∞.
    #[must_use]
    pub const fn new(params: QuantParams, min: f32) -> Self {
        Self { params, min, bytes: PhantomData }
    }
}

impl<Y> Zeroed for Output<Y> {
    const ZERO: Self = Self::new(QuantParams::ZERO, 0.0);
}

impl<Y: Bytes> Int8Chain for Output<Y> {
    type In = Y;
    type Out = Y;
    const IS_OUTPUT: bool = true;
    const ROWS: usize = 0;

    #[inline(always)]
    fn bytes(&self, x: &Y, y: &mut Y, _: usize, _: &mut impl FnMut(usize)) {
        *y = *x;
    }

    #[inline(always)]
    fn real(&self, x: &Y, y: &mut Y::Real) {
        for (y, x) in y.as_mut().iter_mut().zip(x.as_ref()) {
            *y = self.params.dequantize(*x);
        }
    }

    fn output(&self) -> &Self {
        self
    }

    fn output_mut(&mut self) -> &mut Self {
        self
    }
}
