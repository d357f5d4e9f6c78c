//! burn: its linear layers and SGD on `burn-flex`, the fastest of its CPU backends.

use std::hint::black_box;

use burn::{
    module::{Module, Param},
    nn::{
        Linear, LinearConfig,
        loss::{MseLoss, Reduction},
    },
    optim::{GradientsParams, ModuleOptimizer, SgdConfig},
    tensor::{Device, Tensor, TensorData, activation::relu},
};

use crate::problem::{Case, LEARNING_RATE, Problem, Task};

#[derive(Module, Debug)]
struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    fn new(p: &Problem, device: &Device) -> Self {
        let mut layers = Vec::new();
        for ((w, b), width) in p.layers.iter().zip(p.widths.windows(2)) {
            // burn's weights have the shape `(IN, OUT)` and are contiguous.
            let (rows, columns) = (width[0], width[1]);
            let by_input: Vec<f32> =
                (0..rows * columns).map(|at| w[at % columns * rows + at / columns]).collect();
            let mut layer = LinearConfig::new(rows, columns).init(device);
            layer.weight = Param::from_data(TensorData::new(by_input, [rows, columns]), device);
            layer.bias = Some(Param::from_data(TensorData::new(b.clone(), [columns]), device));
            layers.push(layer);
        }
        Self { layers }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut a = x;
        for (n, layer) in self.layers.iter().enumerate() {
            if n > 0 {
                a = relu(a);
            }
            a = layer.forward(a);
        }
        a
    }
}

pub fn case(p: &Problem) -> Box<dyn Case> {
    let device = match p.task {
        Task::Forward => Device::flex(),
        Task::Step => Device::flex().autodiff(),
    };
    let net = Mlp::new(p, &device);
    let x = Tensor::from_data(TensorData::new(p.x.clone(), [p.batch, p.widths[0]]), &device);
    let y = Tensor::from_data(TensorData::new(p.y.clone(), [p.batch, p.outputs()]), &device);
    match p.task {
        Task::Forward => Box::new(Forward { net, x, y_hat: y }),
        Task::Step => Box::new(Step { net: Some(net), sgd: SgdConfig::new().init(), x, y, loss: None }),
    }
}

struct Forward {
    net: Mlp,
    x: Tensor<2>,
    y_hat: Tensor<2>,
}

impl Case for Forward {
    fn run(&mut self) {
        self.y_hat = self.net.forward(black_box(&self.x).clone());
    }

    fn result(&self) -> Vec<f32> {
        self.y_hat.to_data().try_to_vec().expect("f32")
    }
}

struct Step {
    /// `None` only during a step, which moves the network out and back.
    net: Option<Mlp>,
    sgd: ModuleOptimizer,
    x: Tensor<2>,
    y: Tensor<2>,
    loss: Option<Tensor<1>>,
}

impl Case for Step {
    fn run(&mut self) {
        let Some(net) = self.net.take() else { return };
        let y_hat = net.forward(black_box(&self.x).clone());
        let loss = MseLoss::new().forward(y_hat, black_box(&self.y).clone(), Reduction::Mean);
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        self.net = Some(self.sgd.step(f64::from(LEARNING_RATE), net, gradients));
        self.loss = Some(loss);
    }

    fn result(&self) -> Vec<f32> {
        self.loss.iter().flat_map(|loss| loss.to_data().try_to_vec::<f32>().expect("f32")).collect()
    }
}
