//! The passes over a network that a second-order method needs.

use num_traits::Float;

use super::least_squares::LeastSquares;
use crate::{
    layers::{
        Context, Elem, JacobianRows, Layer, Mode, NoInputGrad, OutputActivation, Row, Shape, apply_grad,
        dispatch,
    },
    linalg::stride,
    network::{Buffers, Forward},
    simd::{Element, Kernel, Simd, VECTORS, Zeroed},
};

/// The number of samples of a pass.
pub(super) const BATCH: usize = if VECTORS { 16 } else { 1 };

/// The residuals of at most [`BATCH`] samples with respect to one output, and their derivatives with respect to all
/// parameters: a row for each sample, with the residual in the column after the last parameter.
pub(super) fn jacobian_rows<N: Layer, C: LeastSquares<N::Out>>(
    net: &N,
    buffers: &mut Buffers<N, BATCH>,
    x: &[Row<N::In>],
    y: &[C::Target],
    output: usize,
    rows: &mut [Elem<N>],
) {
    buffers.set_inputs(x);
    dispatch::<N, _>(Pass::<_, C> { net, buffers, y, output, rows });
}

struct Pass<'a, N: Layer, C: LeastSquares<N::Out>> {
    net: &'a N,
    buffers: &'a mut Buffers<N, BATCH>,
    y: &'a [C::Target],
    output: usize,
    rows: &'a mut [Elem<N>],
}

impl<N: Layer, C: LeastSquares<N::Out>> Kernel<Elem<N>> for Pass<'_, N, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<N>>>(self, token: S) {
        let Self { net, buffers: Buffers { layers, output: y_hat, scratch }, y, output, rows } = self;
        let stride = stride(N::PARAMS);
        Forward { net, layers, output: y_hat, mode: &Mode::Eval }.run(token);
        let mut dy = [Row::<N::Out>::ZERO; BATCH];
        for (((y_hat, y), dy), row) in y_hat.iter().zip(y).zip(&mut dy).zip(rows.chunks_exact_mut(stride)) {
            let (y, weight) = C::target(y);
            if let (Some(y_hat), Some(y), Some(dy), Some(residual)) = (
                y_hat.as_ref().get(output),
                y.as_ref().get(output),
                dy.as_mut().get_mut(output),
                row.get_mut(N::PARAMS),
            ) {
                *dy = if weight == Elem::<N>::from_count(1) { weight } else { Float::sqrt(weight) };
                *residual = *dy * (*y_hat - *y);
            }
        }
        apply_grad(token, OutputActivation::<N>::default(), N::Out::flatten_mut(y_hat), N::Out::flatten(&dy));
        let ctx = Context::new(token, Mode::Eval);
        let samples = y.len() * stride;
        let mut rows = JacobianRows { rows: rows.get_mut(..samples).unwrap_or_default(), stride };
        net.backward_samples(ctx, layers, scratch, y_hat, NoInputGrad, &mut rows, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::{BATCH, jacobian_rows};
    use crate::{
        Custom, CustomLayer, Dropout, He, LayerNorm, Linear, Mse, Residual, Sigmoid, Silu, Softmax, Tanh,
        layers::{Features, Layer, Row, Shape},
        linalg::stride,
        network::Buffers,
        simd::Zeroed,
    };

    /// `y = g x`, with one parameter.
    struct Gain {
        g: [f64; 1],
    }

    impl Zeroed for Gain {
        const ZERO: Self = Self { g: [0.0] };
    }

    impl CustomLayer for Gain {
        type In = Features<3, f64>;
        type Out = Features<3, f64>;
        type Cache<const B: usize> = ();
        const NAME: &'static str = "Gain";
        const PARAMS: usize = 1;

        fn forward<const B: usize>(&self, x: &[[f64; 3]; B], y: &mut [[f64; 3]; B], (): &mut ()) {
            *y = x.map(|x| x.map(|x| self.g[0] * x));
        }

        fn backward<const B: usize>(
            &self,
            x: &[[f64; 3]; B],
            (): &(),
            dy: &[[f64; 3]; B],
            dx: &mut [[f64; 3]; B],
            gradient: &mut Self,
        ) {
            *dx = dy.map(|dy| dy.map(|dy| self.g[0] * dy));
            let products = x.as_flattened().iter().zip(dy.as_flattened()).map(|(x, dy)| x * dy);
            gradient.g[0] += products.sum::<f64>() / B as f64;
        }

        fn init<R: rand::Rng + ?Sized>(&mut self, _: &mut R) {
            self.g = [1.5];
        }

        fn parameter(&self, i: usize) -> Option<(&'static str, &[f64])> {
            (i == 0).then_some(("g", &self.g))
        }

        fn parameter_mut(&mut self, i: usize) -> Option<(&'static str, &mut [f64])> {
            (i == 0).then_some(("g", &mut self.g))
        }
    }

    fn add<N: Layer<In: Shape<Elem = f64>>>(net: &mut N, mut index: usize, by: f64) {
        for tensor in 0..net.tensors() {
            if let Some(parameter) = net.parameter_mut(tensor) {
                match parameter.values.get_mut(index) {
                    Some(value) => return *value += by,
                    None => index -= parameter.values.len(),
                }
            }
        }
    }

    /// Residuals and derivatives of one sample less than a pass has, against central differences.
    fn check<N, const IN: usize, const OUT: usize>()
    where
        N: Layer<In: Shape<Row = [f64; IN], Elem = f64>, Out: Shape<Row = [f64; OUT]>>,
    {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(1);
        let mut net = N::ZERO;
        net.init(&He, &mut rng);
        let samples = (BATCH - 1).max(1);
        let x: Vec<Row<N::In>> = vec![[0.0; IN]; samples];
        let x: Vec<_> = x.iter().map(|x| x.map(|_| rng.random_range(-1.0..1.0))).collect();
        let y: Vec<[f64; OUT]> = vec![[0.25; OUT]; samples];
        let stride = stride(N::PARAMS);
        let rows = |net: &N, output: usize| {
            let mut rows = vec![0.0; samples * stride];
            jacobian_rows::<N, Mse>(net, &mut { Buffers::ZERO }, &x, &y, output, &mut rows);
            rows
        };
        for output in 0..OUT {
            let found = rows(&net, output);
            for parameter in 0..N::PARAMS {
                let step = 1e-5;
                add(&mut net, parameter, step);
                let above = rows(&net, output);
                add(&mut net, parameter, -2.0 * step);
                let below = rows(&net, output);
                add(&mut net, parameter, step);
                for sample in 0..samples {
                    let residual = sample * stride + N::PARAMS;
                    let expected = (above[residual] - below[residual]) / (2.0 * step);
                    let found = found[sample * stride + parameter];
                    assert!((found - expected).abs() < 1e-7, "{output}, {parameter}: {found}, {expected}");
                }
            }
        }
    }

    #[test]
    fn derivatives_of_each_sample_are_those_of_differences() {
        check::<Linear<3, 2, f64>, 3, 2>();
        check::<(Linear<3, 19, f64>, (Tanh<19, f64>, Linear<19, 2, f64>)), 3, 2>();
        check::<(Linear<3, 9, f64>, (Sigmoid<9, f64>, (Tanh<9, f64>, Linear<9, 2, f64>))), 3, 2>();
        check::<(Linear<2, 9, f64>, (LayerNorm<9, f64>, (Silu<9, f64>, Linear<9, 2, f64>))), 2, 2>();
        check::<(Residual<(Linear<3, 3, f64>, Tanh<3, f64>)>, (Dropout<3, 50, f64>, Softmax<3, f64>)), 3, 3>(
        );
        check::<(Linear<2, 3, f64>, (Custom<Gain>, Linear<3, 2, f64>)), 2, 2>();
    }
}
