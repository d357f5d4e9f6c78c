//! nalgebra: static matrices, everything else written by hand, in place and in boxes.
//!
//! A batch is a matrix with a sample in each column, because nalgebra's matrices are stored by columns.

use std::hint::black_box;

use nalgebra::{SMatrix, SVector};

use crate::problem::{Case, LEARNING_RATE, Problem, Task};

pub fn two<const A: usize, const B: usize, const C: usize, const N: usize>(p: &Problem) -> Box<dyn Case> {
    Box::new(Two::<A, B, C, N> {
        task: p.task,
        x: Box::new(SMatrix::from_column_slice(&p.x)),
        y: Box::new(SMatrix::from_column_slice(&p.y)),
        first: Dense::new(&p.layers[0]),
        last: Dense::new(&p.layers[1]),
        loss: f32::NAN,
    })
}

pub fn three<const A: usize, const B: usize, const C: usize, const D: usize, const N: usize>(
    p: &Problem,
) -> Box<dyn Case> {
    Box::new(Three::<A, B, C, D, N> {
        task: p.task,
        x: Box::new(SMatrix::from_column_slice(&p.x)),
        y: Box::new(SMatrix::from_column_slice(&p.y)),
        first: Dense::new(&p.layers[0]),
        middle: Dense::new(&p.layers[1]),
        last: Dense::new(&p.layers[2]),
        loss: f32::NAN,
    })
}

/// A linear layer with its output for a batch.
struct Dense<const I: usize, const O: usize, const N: usize> {
    w: Box<SMatrix<f32, O, I>>,
    b: SVector<f32, O>,
    transposed: Box<SMatrix<f32, I, O>>,
    gradient: Box<SMatrix<f32, O, I>>,
    /// The output, then the gradient with respect to it.
    out: Box<SMatrix<f32, O, N>>,
}

impl<const I: usize, const O: usize, const N: usize> Dense<I, O, N> {
    fn new((w, b): &(Vec<f32>, Vec<f32>)) -> Self {
        Self {
            w: Box::new(SMatrix::from_row_slice(w)),
            b: SVector::from_column_slice(b),
            transposed: Box::new(SMatrix::zeros()),
            gradient: Box::new(SMatrix::zeros()),
            out: Box::new(SMatrix::zeros()),
        }
    }

    fn forward(&mut self, x: &SMatrix<f32, I, N>) {
        for mut column in self.out.column_iter_mut() {
            column.copy_from(&self.b);
        }
        self.out.gemm(1.0, &self.w, x, 1.0);
    }

    fn forward_relu(&mut self, x: &SMatrix<f32, I, N>) {
        self.forward(x);
        self.out.apply(|z| *z = if *z < 0.0 { 0.0 } else { *z });
    }

    /// Overwrites the input `x`, the output of a ReLU, with the gradient with respect to the input of that ReLU.
    fn backward(&mut self, x: &mut SMatrix<f32, I, N>) {
        self.gradient.gemm(1.0 / N as f32, &self.out, &x.transpose(), 0.0);
        // This is faster than `gemm_tr`, which computes dot products.
        self.w.transpose_to(&mut self.transposed);
        let mut dx = SMatrix::<f32, I, N>::zeros();
        dx.gemm(1.0, &self.transposed, &self.out, 0.0);
        x.zip_apply(&dx, |x, dx| *x = if *x > 0.0 { dx } else { 0.0 });
        self.descend();
    }

    /// The same for the first layer, whose input needs no gradient.
    fn backward_first(&mut self, x: &SMatrix<f32, I, N>) {
        self.gradient.gemm(1.0 / N as f32, &self.out, &x.transpose(), 0.0);
        self.descend();
    }

    fn descend(&mut self) {
        self.w.zip_apply(&*self.gradient, |w, g| *w -= LEARNING_RATE * g);
        self.b.axpy(-LEARNING_RATE, &self.out.column_mean(), 1.0);
    }

    /// The mean squared error. Overwrites the output with the gradient of each sample.
    fn loss(&mut self, y: &SMatrix<f32, O, N>) -> f32 {
        *self.out -= y;
        let loss = self.out.norm_squared() / (O * N) as f32;
        *self.out *= 2.0 / O as f32;
        loss
    }
}

struct Two<const A: usize, const B: usize, const C: usize, const N: usize> {
    task: Task,
    x: Box<SMatrix<f32, A, N>>,
    y: Box<SMatrix<f32, C, N>>,
    first: Dense<A, B, N>,
    last: Dense<B, C, N>,
    loss: f32,
}

impl<const A: usize, const B: usize, const C: usize, const N: usize> Case for Two<A, B, C, N> {
    fn run(&mut self) {
        let Self { x, y, first, last, .. } = self;
        first.forward_relu(black_box(x));
        last.forward(&first.out);
        if self.task == Task::Step {
            self.loss = last.loss(black_box(y));
            last.backward(&mut first.out);
            first.backward_first(x);
        }
        black_box(&last.out);
    }

    fn result(&self) -> Vec<f32> {
        if self.task == Task::Step { vec![self.loss] } else { self.last.out.as_slice().to_vec() }
    }
}

struct Three<const A: usize, const B: usize, const C: usize, const D: usize, const N: usize> {
    task: Task,
    x: Box<SMatrix<f32, A, N>>,
    y: Box<SMatrix<f32, D, N>>,
    first: Dense<A, B, N>,
    middle: Dense<B, C, N>,
    last: Dense<C, D, N>,
    loss: f32,
}

impl<const A: usize, const B: usize, const C: usize, const D: usize, const N: usize> Case
    for Three<A, B, C, D, N>
{
    fn run(&mut self) {
        let Self { x, y, first, middle, last, .. } = self;
        first.forward_relu(black_box(x));
        middle.forward_relu(&first.out);
        last.forward(&middle.out);
        if self.task == Task::Step {
            self.loss = last.loss(black_box(y));
            last.backward(&mut middle.out);
            middle.backward(&mut first.out);
            first.backward_first(x);
        }
        black_box(&last.out);
    }

    fn result(&self) -> Vec<f32> {
        if self.task == Task::Step { vec![self.loss] } else { self.last.out.as_slice().to_vec() }
    }
}
