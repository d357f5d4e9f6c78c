//! Deep Q-learning with a replay memory and a target network.

use std::error::Error;

use constnet::{Adam, Loss, Trainer, Zeroed, layers::Features, mlp, simd::Simd};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{DISCOUNT, GOAL, LONGEST, State, average_return, next};

pub(crate) type Net = mlp![4, 64, 64, 2];

const BATCH: usize = 64;
/// The largest number of steps that are kept.
const MEMORY: usize = 20_000;

/// The Huber loss of the value of the action that was taken.
struct ActionValue;

impl Loss<Features<2>> for ActionValue {
    type Target = (usize, f32);

    fn value<S: Simd<f32>>(&self, _: S, values: &[[f32; 2]], y: &[(usize, f32)]) -> f32 {
        let losses = values.iter().zip(y).map(|(values, (action, target))| {
            let error = values[*action] - target;
            let limited = error.clamp(-1.0, 1.0);
            limited * (error - 0.5 * limited)
        });
        losses.sum::<f32>() / y.len() as f32
    }

    fn value_and_gradient<S: Simd<f32>>(&self, token: S, values: &mut [[f32; 2]], y: &[(usize, f32)]) -> f32 {
        let value = self.value(token, values, y);
        for (values, (action, target)) in values.iter_mut().zip(y) {
            let error = values[*action] - target;
            *values = [0.0; 2];
            values[*action] = error.clamp(-1.0, 1.0);
        }
        value
    }
}

/// Trains until the target network reaches the goal. Returns the number of steps, and this network.
pub(crate) fn train(seed: u64) -> Result<(usize, Net), Box<dyn Error>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut trainer: Trainer<Net, Adam, BATCH, _> =
        Trainer::with_loss(Zeroed::ZERO, Adam::new(1e-3), ActionValue);
    trainer.net.init(&mut rng);
    let mut target = trainer.net;
    let mut memory: Vec<(State, usize, Option<State>)> = Vec::new();
    let start = |rng: &mut StdRng| [(); 4].map(|()| rng.random_range(-0.05..0.05));
    let (mut state, mut length) = (start(&mut rng), 0);
    for step in 0..100_000 {
        let explore = (1.0 - step as f32 / 5000.0).max(0.05);
        let action = if rng.random::<f32>() < explore {
            rng.random_range(0..2)
        } else {
            let [left, right]: [f32; 2] = trainer.net.predict(&state);
            usize::from(right > left)
        };
        let after = next(state, action);
        if memory.len() < MEMORY {
            memory.push((state, action, after));
        } else {
            memory[step % MEMORY] = (state, action, after);
        }
        length += 1;
        state = match after {
            Some(after) if length < LONGEST => after,
            _ => {
                length = 0;
                start(&mut rng)
            }
        };

        if memory.len() >= 1000 {
            let batch = [(); BATCH].map(|()| memory[rng.random_range(0..memory.len())]);
            let y = batch.map(|(_, action, after)| {
                let rest = after.map_or(0.0, |after| {
                    let [left, right]: [f32; 2] = target.predict(&after);
                    left.max(right)
                });
                (action, 1.0 + DISCOUNT * rest)
            });
            trainer.step(&batch.map(|(state, ..)| state), &y);
            target.lerp(&trainer.net, 0.005);
        }
        if step % 1000 == 999 {
            let average = average_return(&mut rng, 100, |state| target.predict(state));
            if average >= GOAL {
                return Ok((step + 1, target));
            }
        }
    }
    Err("deep Q-learning did not reach the goal in 100,000 steps".into())
}
