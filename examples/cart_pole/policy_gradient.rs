//! Policy gradients (REINFORCE).

use std::error::Error;

use constnet::{
    Adam, Cache, Linear, Loss, Optimizer, Sequential, Tanh, Zeroed, layers::Features, optim::OptimizerState,
    simd::Simd,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{DISCOUNT, GOAL, average_return, episode};

pub(crate) type Policy = Sequential![Linear<4, 32>, Tanh<32>, Linear<32, 2>];

/// The episodes of an update.
const EPISODES: usize = 16;

/// `−A ln p(action)`, with the advantage `A` of the action.
struct PolicyGradient;

impl Loss<Features<2>> for PolicyGradient {
    type Target = (usize, f32);

    fn value<S: Simd<f32>>(&self, _: S, scores: &[[f32; 2]], y: &[(usize, f32)]) -> f32 {
        let losses = scores.iter().zip(y).map(|(scores, (action, a))| -a * probability(scores, *action).ln());
        losses.sum::<f32>() / y.len() as f32
    }

    fn value_and_gradient<S: Simd<f32>>(&self, token: S, scores: &mut [[f32; 2]], y: &[(usize, f32)]) -> f32 {
        let value = self.value(token, scores, y);
        for (scores, (action, advantage)) in scores.iter_mut().zip(y) {
            let change = advantage * (probability(scores, *action) - 1.0);
            *scores = if *action == 0 { [change, -change] } else { [-change, change] };
        }
        value
    }
}

/// The softmax of two scores.
fn probability(scores: &[f32; 2], action: usize) -> f32 {
    1.0 / (1.0 + (scores[1 - action] - scores[action]).exp())
}

/// Trains until the goal is reached. Returns the number of updates, and the policy.
pub(crate) fn train(seed: u64) -> Result<(usize, Policy), Box<dyn Error>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut policy, mut state, optimizer) = (Policy::ZERO, OptimizerState::ZERO, Adam::new(1e-2));
    policy.init(&mut rng);
    let mut cache = Cache::<_, 64>::ZERO;
    for update in 1..=500 {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for _ in 0..EPISODES {
            let steps = episode(&mut rng, |state, rng| {
                usize::from(rng.random::<f32>() < probability(&policy.predict(state), 1))
            });
            // The rewards from each step to the end.
            let mut reward = 0.0;
            for (state, action) in steps.into_iter().rev() {
                reward = 1.0 + DISCOUNT * reward;
                x.push(state);
                y.push((action, reward));
            }
        }
        let count = y.len() as f32;
        let mean = y.iter().map(|(_, reward)| reward).sum::<f32>() / count;
        let variance = y.iter().map(|(_, reward)| (reward - mean).powi(2)).sum::<f32>() / count;
        y.iter_mut().for_each(|(_, reward)| *reward = (*reward - mean) / (variance.sqrt() + 1e-6));

        let mut gradient = Policy::ZERO;
        policy.gradient(&PolicyGradient, &x, &y, &mut gradient, &mut cache)?;
        optimizer.step(&mut policy, &gradient, &mut state)?;

        if update % 10 == 0 {
            let average = average_return(&mut rng, 100, |state| policy.predict(state));
            if average >= GOAL {
                return Ok((update, policy));
            }
        }
    }
    Err("policy gradients did not reach the goal in 500 updates".into())
}
