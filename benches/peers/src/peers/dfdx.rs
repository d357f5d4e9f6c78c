//! dfdx: networks of constant shapes as tuples of layers, on its CPU device.

use std::hint::black_box;

use dfdx::{
    nn::modules,
    optim::{Sgd, SgdConfig},
    prelude::*,
};

use crate::problem::{Case, LEARNING_RATE, Problem, Task};

type Dense<const I: usize, const O: usize> = modules::Linear<I, O, f32, Cpu>;
type Two<const A: usize, const B: usize, const C: usize> = (Dense<A, B>, ReLU, Dense<B, C>);
type Three<const A: usize, const B: usize, const C: usize, const D: usize> =
    (Dense<A, B>, ReLU, Dense<B, C>, ReLU, Dense<C, D>);

pub fn two<const A: usize, const B: usize, const C: usize, const N: usize>(p: &Problem) -> Box<dyn Case> {
    let mut net = Cpu::default().build_module::<(Linear<A, B>, ReLU, Linear<B, C>), f32>();
    fill(&mut net.0, &p.layers[0]);
    fill(&mut net.2, &p.layers[1]);
    case::<Two<A, B, C>, A, C, N>(net, p)
}

pub fn three<const A: usize, const B: usize, const C: usize, const D: usize, const N: usize>(
    p: &Problem,
) -> Box<dyn Case> {
    let mut net =
        Cpu::default().build_module::<(Linear<A, B>, ReLU, Linear<B, C>, ReLU, Linear<C, D>), f32>();
    fill(&mut net.0, &p.layers[0]);
    fill(&mut net.2, &p.layers[1]);
    fill(&mut net.4, &p.layers[2]);
    case::<Three<A, B, C, D>, A, D, N>(net, p)
}

fn fill<const I: usize, const O: usize>(layer: &mut Dense<I, O>, (w, b): &(Vec<f32>, Vec<f32>)) {
    layer.weight.copy_from(w);
    layer.bias.copy_from(b);
}

type Rows<const N: usize, const W: usize, T = NoneTape> = Tensor<Rank2<N, W>, f32, Cpu, T>;
type Tape = OwnedTape<f32, Cpu>;

fn case<M, const I: usize, const O: usize, const N: usize>(net: M, p: &Problem) -> Box<dyn Case>
where
    M: Module<Rows<N, I>, Output = Rows<N, O>> + Module<Rows<N, I, Tape>, Output = Rows<N, O, Tape>>,
    M: TensorCollection<f32, Cpu> + ZeroGrads<f32, Cpu> + 'static,
{
    let device = Cpu::default();
    let x = device.tensor_from_vec(p.x.clone(), (Const::<N>, Const::<I>));
    let y = device.tensor_from_vec(p.y.clone(), (Const::<N>, Const::<O>));
    match p.task {
        Task::Forward => Box::new(Forward { net, x, y_hat: y }),
        Task::Step => {
            let config = SgdConfig { lr: f64::from(LEARNING_RATE), ..SgdConfig::default() };
            let (gradients, sgd) = (Some(net.alloc_grads()), Sgd::new(&net, config));
            Box::new(Step { net, gradients, sgd, x, y, loss: f32::NAN })
        }
    }
}

struct Forward<M, const I: usize, const O: usize, const N: usize> {
    net: M,
    x: Rows<N, I>,
    y_hat: Rows<N, O>,
}

impl<M, const I: usize, const O: usize, const N: usize> Case for Forward<M, I, O, N>
where
    M: Module<Rows<N, I>, Output = Rows<N, O>>,
{
    fn run(&mut self) {
        self.y_hat = self.net.forward(black_box(&self.x).clone());
    }

    fn result(&self) -> Vec<f32> {
        self.y_hat.as_vec()
    }
}

struct Step<M, const I: usize, const O: usize, const N: usize> {
    net: M,
    /// `None` only during a step, which moves the gradients out and back.
    gradients: Option<Gradients<f32, Cpu>>,
    sgd: Sgd<M, f32, Cpu>,
    x: Rows<N, I>,
    y: Rows<N, O>,
    loss: f32,
}

impl<M, const I: usize, const O: usize, const N: usize> Case for Step<M, I, O, N>
where
    M: Module<Rows<N, I, Tape>, Output = Rows<N, O, Tape>>,
    M: TensorCollection<f32, Cpu> + ZeroGrads<f32, Cpu>,
{
    fn run(&mut self) {
        let Some(gradients) = self.gradients.take() else { return };
        let y_hat = self.net.forward(black_box(&self.x).clone().traced(gradients));
        let loss = mse_loss(y_hat, black_box(&self.y).clone());
        self.loss = loss.array();
        let mut gradients = loss.backward();
        self.sgd.update(&mut self.net, &gradients).expect("every parameter was used");
        self.net.zero_grads(&mut gradients);
        self.gradients = Some(gradients);
    }

    fn result(&self) -> Vec<f32> {
        vec![self.loss]
    }
}
