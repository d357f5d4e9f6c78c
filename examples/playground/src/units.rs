//! The values of all units of a network, computed from its parameters, whatever its shape.
//!
//! The library computes the outputs of a network only: the page draws the hidden units too.

use crate::run::Run;

/// The values of all units for one input: those of each linear layer, after its activation.
pub struct Units {
    layers: Vec<Linear>,
    activation: fn(f32) -> f32,
    values: Vec<f32>,
}

struct Linear {
    inputs: usize,
    /// The weights, row by row: one row for each unit.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Units {
    /// The units of a network with this activation between its linear layers.
    #[must_use]
    pub fn of(run: &dyn Run, activation: fn(f32) -> f32) -> Self {
        let values = |index| run.parameter(index).map(|parameter| parameter.iter().copied().collect());
        let layers = (0..).step_by(2).map_while(|index| {
            let inputs = run.parameter(index)?.shape[1];
            Some(Linear { inputs, weight: values(index)?, bias: values(index + 1)? })
        });
        Self { layers: layers.collect(), activation, values: Vec::new() }
    }

    /// Computes the values for one input, layer by layer; the last ones are the outputs.
    pub fn compute(&mut self, input: &[f32]) -> &[f32] {
        self.values.clear();
        self.values.extend(input);
        let mut start = 0;
        for (index, Linear { inputs, weight, bias }) in self.layers.iter().enumerate() {
            let end = self.values.len();
            for (row, bias) in weight.chunks_exact(*inputs).zip(bias) {
                let products = row.iter().zip(&self.values[start..end]).map(|(w, x)| w * x);
                let z = bias + products.sum::<f32>();
                let is_output = index + 1 == self.layers.len();
                self.values.push(if is_output { z } else { (self.activation)(z) });
            }
            start = end;
        }
        &self.values[input.len()..]
    }
}
