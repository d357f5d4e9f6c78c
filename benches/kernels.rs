//! Each kernel of a linear layer on its own, to see the effect of a change to it.
//!
//! A bench has the name of its kernel; its parameters are the element type, `IN`, `OUT` and the batch size. The
//! throughput is in floating-point operations per second.
//!
//! `cargo bench --bench kernels -- [part of a name]…`

use std::hint::black_box;

use constnet::{
    He, Linear, Relu, Sgd, Zeroed,
    layers::{Context, Layer, LayerTypes, Mode, NoActivation, NoInputGrad},
    simd::{Element, Kernel, Simd},
};
use divan::{Bencher, counter::ItemsCount};
use rand::{SeedableRng, rngs::StdRng};

fn main() {
    // Runs on the last core, because the first one handles most interrupts.
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
        core_affinity::set_for_current(core);
    }
    divan::main();
}

/// `z = x Wᵀ + b`
#[divan::bench(types = [
    Size<f32, 5, 64, 20>, Size<f32, 64, 64, 20>, Size<f32, 64, 3, 20>, Size<f32, 256, 256, 64>,
    Size<f32, 64, 64, 1>, Size<f32, 64, 3, 1>, Size<f32, 33, 17, 7>,
    Size<f64, 5, 64, 20>, Size<f64, 64, 64, 20>, Size<f64, 64, 3, 20>, Size<f64, 256, 256, 64>,
    Size<f64, 64, 64, 1>, Size<f64, 64, 3, 1>, Size<f64, 33, 17, 7>,
])]
fn forward<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 1, Forward);
}

/// `max(0, x Wᵀ + b)`
#[divan::bench(types = [
    Size<f32, 5, 64, 20>, Size<f32, 64, 64, 20>, Size<f32, 256, 256, 64>, Size<f32, 64, 64, 1>,
    Size<f64, 5, 64, 20>, Size<f64, 64, 64, 20>, Size<f64, 256, 256, 64>, Size<f64, 64, 64, 1>,
])]
fn forward_relu<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 1, ForwardRelu);
}

/// `dW`, added to a gradient. Without `dx`, as in the first layer of a network.
#[divan::bench(types = [
    Size<f32, 5, 64, 20>, Size<f32, 64, 64, 20>, Size<f32, 64, 3, 20>, Size<f32, 256, 256, 64>,
    Size<f32, 64, 64, 1>, Size<f32, 33, 17, 7>,
    Size<f64, 5, 64, 20>, Size<f64, 64, 64, 20>, Size<f64, 64, 3, 20>, Size<f64, 256, 256, 64>,
    Size<f64, 64, 64, 1>, Size<f64, 33, 17, 7>,
])]
fn backward_first<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 1, BackwardFirst);
}

/// `dW`, added to a gradient, and `dx`, multiplied by the derivative of a ReLU.
#[divan::bench(types = [
    Size<f32, 64, 64, 20>, Size<f32, 64, 3, 20>, Size<f32, 256, 256, 64>, Size<f32, 64, 64, 1>,
    Size<f32, 33, 17, 7>,
    Size<f64, 64, 64, 20>, Size<f64, 64, 3, 20>, Size<f64, 256, 256, 64>, Size<f64, 64, 64, 1>,
    Size<f64, 33, 17, 7>,
])]
fn backward<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 2, Backward);
}

/// The weights, updated as soon as their gradient `dW` is computed. Without `dx`, as in the first layer of a network.
#[divan::bench(types = [
    Size<f32, 5, 64, 20>, Size<f32, 64, 64, 20>, Size<f32, 256, 256, 64>, Size<f32, 64, 64, 1>,
    Size<f64, 5, 64, 20>, Size<f64, 64, 64, 20>, Size<f64, 256, 256, 64>, Size<f64, 64, 64, 1>,
])]
fn step_first<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 1, StepFirst);
}

/// The weights, updated as soon as their gradient `dW` is computed, and `dx`, multiplied by the derivative of a ReLU.
#[divan::bench(types = [
    Size<f32, 64, 64, 20>, Size<f32, 64, 3, 20>, Size<f32, 256, 256, 64>, Size<f32, 64, 64, 1>,
    Size<f32, 33, 17, 7>,
    Size<f64, 64, 64, 20>, Size<f64, 64, 3, 20>, Size<f64, 256, 256, 64>, Size<f64, 64, 64, 1>,
    Size<f64, 33, 17, 7>,
])]
fn step<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 2, Step);
}

/// One of the kernels, applied to the layer of a bench.
trait Pass: Copy {
    fn run<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        ctx: Context<S>,
        on: &mut Size<T, IN, OUT, B>,
    );
}

#[derive(Clone, Copy)]
struct Forward;

impl Pass for Forward {
    #[inline(always)]
    fn run<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        ctx: Context<S>,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        Layer::forward(&on.layer, ctx, &mut on.cache, &mut on.y, NoActivation);
    }
}

#[derive(Clone, Copy)]
struct ForwardRelu;

impl Pass for ForwardRelu {
    #[inline(always)]
    fn run<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        ctx: Context<S>,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        Layer::forward(&on.layer, ctx, &mut on.cache, &mut on.y, Relu::<OUT, T>::new());
    }
}

#[derive(Clone, Copy)]
struct BackwardFirst;

impl Pass for BackwardFirst {
    #[inline(always)]
    fn run<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        ctx: Context<S>,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        let Size { layer, gradient, cache, scratch, y, .. } = on;
        Layer::backward(layer, ctx, cache, scratch, y, NoInputGrad, gradient);
    }
}

#[derive(Clone, Copy)]
struct Backward;

impl Pass for Backward {
    #[inline(always)]
    fn run<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        ctx: Context<S>,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        let Size { layer, gradient, cache, scratch, y, .. } = on;
        Layer::backward(layer, ctx, cache, scratch, y, Relu::<IN, T>::new(), gradient);
    }
}

#[derive(Clone, Copy)]
struct StepFirst;

impl Pass for StepFirst {
    #[inline(always)]
    fn run<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        ctx: Context<S>,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        let Size { layer, cache, scratch, y, sgd, .. } = on;
        layer.backward_update(ctx, cache, scratch, y, NoInputGrad, *sgd, []);
    }
}

#[derive(Clone, Copy)]
struct Step;

impl Pass for Step {
    #[inline(always)]
    fn run<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        ctx: Context<S>,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        let Size { layer, cache, scratch, y, sgd, .. } = on;
        layer.backward_update(ctx, cache, scratch, y, Relu::<IN, T>::new(), *sgd, []);
    }
}

/// A layer of this size, with all values that its kernels read and write.
struct Size<T: Element, const IN: usize, const OUT: usize, const B: usize> {
    layer: Linear<IN, OUT, T>,
    gradient: Linear<IN, OUT, T>,
    cache: <Linear<IN, OUT, T> as LayerTypes>::Cache<B>,
    scratch: <Linear<IN, OUT, T> as LayerTypes>::Scratch,
    /// The output, or the gradient with respect to it.
    y: [[T; OUT]; B],
    sgd: Sgd<T>,
}

/// A size to be timed.
trait Bench {
    /// Times a pass that computes this number of matrix products.
    fn bench(bencher: Bencher, products: usize, pass: impl Pass);
}

impl<T: Element, const IN: usize, const OUT: usize, const B: usize> Bench for Size<T, IN, OUT, B> {
    fn bench(bencher: Bencher, products: usize, pass: impl Pass) {
        let mut rng = StdRng::seed_from_u64(0);
        // A learning rate of 0 takes as long as any other, and the weights keep their size.
        let sgd = Sgd { lr: black_box(T::ZERO) };
        let (layer, gradient) = (Linear::ZERO, Linear::ZERO);
        let mut on = Box::new(Self {
            layer,
            gradient,
            cache: Zeroed::ZERO,
            scratch: Zeroed::ZERO,
            y: Zeroed::ZERO,
            sgd,
        });
        on.layer.init(&He, &mut rng);
        let Self { cache, y, .. } = &mut *on;
        for x in Linear::<IN, OUT, T>::input_buffer(cache, y).as_flattened_mut() {
            *x = T::standard_normal(&mut rng);
        }
        for y in on.y.as_flattened_mut() {
            *y = T::standard_normal(&mut rng);
        }
        let mut run = || T::dispatch(Run { on: black_box(&mut on), pass });
        // divan chooses the size of its samples by the first calls, which must not be cold ones.
        for _ in 0..100 {
            run();
        }
        bencher.counter(ItemsCount::new(products * 2 * B * IN * OUT)).bench_local(run);
    }
}

/// Runs a pass on the instruction set of the machine.
struct Run<'a, T: Element, P, const IN: usize, const OUT: usize, const B: usize> {
    on: &'a mut Size<T, IN, OUT, B>,
    pass: P,
}

impl<T: Element, P: Pass, const IN: usize, const OUT: usize, const B: usize> Kernel<T>
    for Run<'_, T, P, IN, OUT, B>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, token: S) {
        self.pass.run(Context::new(token, Mode::Eval), self.on);
    }
}
