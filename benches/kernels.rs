//! Each kernel of a linear layer alone, for those who work on them.
//!
//! A bench is named for the kernel, its arguments are the element type, `IN`, `OUT` and the batch.
//! The throughput is in floating-point operations a second. `cargo bench --bench kernels`

use std::hint::black_box;

use constnet::{
    Element, Identity, Layer, Linear, Relu, Sgd, Unwanted, Zeroed,
    kernel::{Isa, Kernel},
};
use divan::{Bencher, counter::ItemsCount};
use rand::{SeedableRng, rngs::StdRng};

fn main() {
    // The last core: the first serves most interrupts.
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

/// `dW`, added to a gradient, as the first layer of a network does it: no `dx`.
#[divan::bench(types = [
    Size<f32, 5, 64, 20>, Size<f32, 64, 64, 20>, Size<f32, 64, 3, 20>, Size<f32, 256, 256, 64>,
    Size<f32, 64, 64, 1>, Size<f32, 33, 17, 7>,
    Size<f64, 5, 64, 20>, Size<f64, 64, 64, 20>, Size<f64, 64, 3, 20>, Size<f64, 256, 256, 64>,
    Size<f64, 64, 64, 1>, Size<f64, 33, 17, 7>,
])]
fn backward_first<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 1, BackwardFirst);
}

/// `dW`, added to a gradient, and `dx` through a ReLU.
#[divan::bench(types = [
    Size<f32, 64, 64, 20>, Size<f32, 64, 3, 20>, Size<f32, 256, 256, 64>, Size<f32, 64, 64, 1>,
    Size<f32, 33, 17, 7>,
    Size<f64, 64, 64, 20>, Size<f64, 64, 3, 20>, Size<f64, 256, 256, 64>, Size<f64, 64, 64, 1>,
    Size<f64, 33, 17, 7>,
])]
fn backward<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 2, Backward);
}

/// The weights updated as `dW` is known, as the first layer of a network does it: no `dx`.
#[divan::bench(types = [
    Size<f32, 5, 64, 20>, Size<f32, 64, 64, 20>, Size<f32, 256, 256, 64>, Size<f32, 64, 64, 1>,
    Size<f64, 5, 64, 20>, Size<f64, 64, 64, 20>, Size<f64, 256, 256, 64>, Size<f64, 64, 64, 1>,
])]
fn step_first<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 1, StepFirst);
}

/// The weights updated as `dW` is known, and `dx` through a ReLU.
#[divan::bench(types = [
    Size<f32, 64, 64, 20>, Size<f32, 64, 3, 20>, Size<f32, 256, 256, 64>, Size<f32, 64, 64, 1>,
    Size<f32, 33, 17, 7>,
    Size<f64, 64, 64, 20>, Size<f64, 64, 3, 20>, Size<f64, 256, 256, 64>, Size<f64, 64, 64, 1>,
    Size<f64, 33, 17, 7>,
])]
fn step<S: Bench>(bencher: Bencher) {
    S::bench(bencher, 2, Step);
}

/// One of the kernels, on the layer of a bench.
trait Pass: Copy {
    fn run<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        isa: I,
        on: &mut Size<T, IN, OUT, B>,
    );
}

#[derive(Clone, Copy)]
struct Forward;

impl Pass for Forward {
    #[inline(always)]
    fn run<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        isa: I,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        on.layer.forward_tape(isa, &mut on.tape, &mut on.y, Identity);
    }
}

#[derive(Clone, Copy)]
struct ForwardRelu;

impl Pass for ForwardRelu {
    #[inline(always)]
    fn run<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        isa: I,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        on.layer.forward_tape(isa, &mut on.tape, &mut on.y, <Relu<OUT, T> as Layer>::Lead::default());
    }
}

#[derive(Clone, Copy)]
struct BackwardFirst;

impl Pass for BackwardFirst {
    #[inline(always)]
    fn run<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        isa: I,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        on.layer.backward_tape(isa, &mut on.tape, &mut on.scratch, &mut on.y, Unwanted, &mut on.gradient);
    }
}

#[derive(Clone, Copy)]
struct Backward;

impl Pass for Backward {
    #[inline(always)]
    fn run<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        isa: I,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        on.layer.backward_tape(
            isa,
            &mut on.tape,
            &mut on.scratch,
            &mut on.y,
            <Relu<IN, T> as Layer>::Lead::default(),
            &mut on.gradient,
        );
    }
}

#[derive(Clone, Copy)]
struct StepFirst;

impl Pass for StepFirst {
    #[inline(always)]
    fn run<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        isa: I,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        on.layer.backward_step(isa, &mut on.tape, &mut on.scratch, &mut on.y, Unwanted, on.sgd, []);
    }
}

#[derive(Clone, Copy)]
struct Step;

impl Pass for Step {
    #[inline(always)]
    fn run<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
        self,
        isa: I,
        on: &mut Size<T, IN, OUT, B>,
    ) {
        on.layer.backward_step(
            isa,
            &mut on.tape,
            &mut on.scratch,
            &mut on.y,
            <Relu<IN, T> as Layer>::Lead::default(),
            on.sgd,
            [],
        );
    }
}

/// A layer of this size with all that its kernels work on.
struct Size<T: Element, const IN: usize, const OUT: usize, const B: usize> {
    layer: Linear<IN, OUT, T>,
    gradient: Linear<IN, OUT, T>,
    tape: <Linear<IN, OUT, T> as Layer>::Tape<B>,
    scratch: <Linear<IN, OUT, T> as Layer>::Scratch,
    /// The output, or the gradient with respect to it.
    y: [[T; OUT]; B],
    sgd: Sgd<T>,
}

/// What is benched: a size.
trait Bench {
    /// Times a pass that takes so many matrix products.
    fn bench(bencher: Bencher, products: usize, pass: impl Pass);
}

impl<T: Element, const IN: usize, const OUT: usize, const B: usize> Bench for Size<T, IN, OUT, B> {
    fn bench(bencher: Bencher, products: usize, pass: impl Pass) {
        let mut rng = StdRng::seed_from_u64(0);
        // A rate of zero costs as much as any other, and keeps the numbers from drifting off.
        let sgd = Sgd { lr: black_box(T::ZERO) };
        let (layer, gradient) = (Linear::ZERO, Linear::ZERO);
        let mut on = Box::new(Self {
            layer,
            gradient,
            tape: Zeroed::ZERO,
            scratch: Zeroed::ZERO,
            y: Zeroed::ZERO,
            sgd,
        });
        on.layer.init(&mut rng);
        let Self { tape, y, .. } = &mut *on;
        for x in <Linear<IN, OUT, T> as Layer>::input(tape, y).as_flattened_mut() {
            *x = T::standard_normal(&mut rng);
        }
        for y in on.y.as_flattened_mut() {
            *y = T::standard_normal(&mut rng);
        }
        let mut run = || T::dispatch(Run { on: black_box(&mut on), pass });
        // The first, cold calls are the ones by which divan sizes its samples.
        for _ in 0..100 {
            run();
        }
        bencher.counter(ItemsCount::new(products * 2 * B * IN * OUT)).bench_local(run);
    }
}

/// A pass on the instruction set of the machine.
struct Run<'a, T: Element, P, const IN: usize, const OUT: usize, const B: usize> {
    on: &'a mut Size<T, IN, OUT, B>,
    pass: P,
}

impl<T: Element, P: Pass, const IN: usize, const OUT: usize, const B: usize> Kernel<T>
    for Run<'_, T, P, IN, OUT, B>
{
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<T>>(self, isa: I) {
        self.pass.run(isa, self.on);
    }
}
