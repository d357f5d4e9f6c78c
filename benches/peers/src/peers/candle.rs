//! candle: `candle_nn`'s linear layers and SGD, on its CPU device.

use std::hint::black_box;

use candle_core::{Device, Tensor, Var};
use candle_nn::{Linear, Module, Optimizer, SGD, Sequential, loss, seq};

use crate::problem::{Case, LEARNING_RATE, Problem, Task};

pub fn case(p: &Problem) -> Box<dyn Case> {
    build(p).expect("candle takes these shapes")
}

fn build(p: &Problem) -> candle_core::Result<Box<dyn Case>> {
    let device = Device::Cpu;
    let (mut net, mut vars) = (seq(), Vec::new());
    for (n, ((w, b), width)) in p.layers.iter().zip(p.widths.windows(2)).enumerate() {
        let w = Tensor::from_slice(w, (width[1], width[0]), &device)?;
        let b = Tensor::from_slice(b, width[1], &device)?;
        if n > 0 {
            net = net.add(candle_nn::Activation::Relu);
        }
        net = net.add(match p.task {
            Task::Forward => Linear::new(w, Some(b)),
            Task::Step => {
                let (w, b) = (Var::from_tensor(&w)?, Var::from_tensor(&b)?);
                let layer = Linear::new(w.as_tensor().clone(), Some(b.as_tensor().clone()));
                vars.extend([w, b]);
                layer
            }
        });
    }
    let x = Tensor::from_slice(&p.x, (p.batch, p.widths[0]), &device)?;
    let y = Tensor::from_slice(&p.y, (p.batch, p.outputs()), &device)?;
    let sgd = SGD::new(vars, f64::from(LEARNING_RATE))?;
    let result = y.clone();
    Ok(Box::new(Candle { task: p.task, net, sgd, x, y, result }))
}

struct Candle {
    task: Task,
    net: Sequential,
    sgd: SGD,
    x: Tensor,
    y: Tensor,
    result: Tensor,
}

impl Candle {
    fn once(&mut self) -> candle_core::Result<Tensor> {
        let y_hat = self.net.forward(black_box(&self.x))?;
        if self.task == Task::Forward {
            return Ok(y_hat);
        }
        let loss = loss::mse(&y_hat, black_box(&self.y))?;
        self.sgd.backward_step(&loss)?;
        Ok(loss.detach())
    }
}

impl Case for Candle {
    fn run(&mut self) {
        self.result = self.once().expect("candle takes these shapes");
    }

    fn result(&self) -> Vec<f32> {
        let flat = self.result.flatten_all().and_then(|flat| flat.to_vec1());
        flat.expect("the result is of f32")
    }
}
