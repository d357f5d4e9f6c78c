//! constnet itself.

use std::hint::black_box;

use constnet::{
    Cache, Linear, Sequential, Sgd, Trainer, Zeroed,
    layers::{Features, Layer},
    mlp,
};

use crate::problem::{Case, LEARNING_RATE, Problem, Task};

pub fn two<const A: usize, const B: usize, const C: usize, const N: usize>(p: &Problem) -> Box<dyn Case> {
    let mut net = Box::new(<mlp![A, B, C]>::ZERO);
    fill(net.layer_mut::<0>(), &p.layers[0]);
    fill(net.layer_mut::<2>(), &p.layers[1]);
    case::<_, A, C, N>(net, p)
}

pub fn three<const A: usize, const B: usize, const C: usize, const D: usize, const N: usize>(
    p: &Problem,
) -> Box<dyn Case> {
    let mut net = Box::new(<mlp![A, B, C, D]>::ZERO);
    fill(net.layer_mut::<0>(), &p.layers[0]);
    fill(net.layer_mut::<2>(), &p.layers[1]);
    fill(net.layer_mut::<4>(), &p.layers[2]);
    case::<_, A, D, N>(net, p)
}

fn fill<const IN: usize, const OUT: usize>(layer: &mut Linear<IN, OUT>, (w, b): &(Vec<f32>, Vec<f32>)) {
    for o in 0..OUT {
        for i in 0..IN {
            *layer.weight_at_mut(o, i) = w[o * IN + i];
        }
    }
    layer.bias_mut().copy_from_slice(b);
}

fn case<L, const I: usize, const O: usize, const N: usize>(
    net: Box<Sequential<L>>,
    p: &Problem,
) -> Box<dyn Case>
where
    L: Layer<In = Features<I>, Out = Features<O>> + Copy + 'static,
{
    let x = rows(&p.x);
    match p.task {
        Task::Forward => Box::new(Forward::<L, I, N> { net, cache: Box::new(Cache::ZERO), x }),
        Task::Step => {
            let trainer = Box::new(Trainer::new(*net, Sgd { lr: LEARNING_RATE }));
            Box::new(Step::<L, I, O, N> { trainer, x, y: rows(&p.y), loss: f32::NAN })
        }
    }
}

fn rows<const W: usize, const N: usize>(of: &[f32]) -> Box<[[f32; W]; N]> {
    let (rows, _) = of.as_chunks();
    Box::new(*<&[[f32; W]; N]>::try_from(rows).expect("as many rows as the batch has"))
}

struct Forward<L: Layer<In = Features<I>>, const I: usize, const N: usize> {
    net: Box<Sequential<L>>,
    cache: Box<Cache<Sequential<L>, N>>,
    x: Box<[[f32; I]; N]>,
}

impl<L, const I: usize, const O: usize, const N: usize> Case for Forward<L, I, N>
where
    L: Layer<In = Features<I>, Out = Features<O>>,
{
    fn run(&mut self) {
        black_box(self.net.forward(black_box(&self.x), &mut self.cache).output());
    }

    fn result(&self) -> Vec<f32> {
        let mut cache = Box::new(Cache::ZERO);
        self.net.forward(&self.x, &mut cache).output().as_flattened().to_vec()
    }
}

struct Step<L, const I: usize, const O: usize, const N: usize>
where
    L: Layer<In = Features<I>, Out = Features<O>>,
{
    trainer: Box<Trainer<Sequential<L>, Sgd, N>>,
    x: Box<[[f32; I]; N]>,
    y: Box<[[f32; O]; N]>,
    loss: f32,
}

impl<L, const I: usize, const O: usize, const N: usize> Case for Step<L, I, O, N>
where
    L: Layer<In = Features<I>, Out = Features<O>>,
{
    fn run(&mut self) {
        self.loss = self.trainer.step(black_box(&self.x), black_box(&self.y));
    }

    fn result(&self) -> Vec<f32> {
        vec![self.loss]
    }
}
