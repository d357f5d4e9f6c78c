//! Balancing a pole on a cart, to an average of 475 of 500 steps: by policy gradients, and by deep Q-learning with a target
//! network.
//!
//! `cargo run --release --example cart_pole`

mod deep_q;
mod policy_gradient;

use constnet::Error;
use rand::{RngExt, rngs::StdRng};

type State = [f32; 4];

const LONGEST: usize = 500;
const DISCOUNT: f32 = 0.99;

/// The next state of Gymnasium's CartPole-v1, or nothing if the pole or the cart has left its range.
fn next([x, v, angle, w]: State, action: usize) -> Option<State> {
    const TIME: f32 = 0.02;
    let (force, (sin, cos)) = (if action == 1 { 10.0 } else { -10.0 }, angle.sin_cos());
    let push = (force + 0.05 * w * w * sin) / 1.1;
    let turn = (9.8 * sin - cos * push) / (0.5 * (4.0 / 3.0 - 0.1 * cos * cos / 1.1));
    let acceleration = push - 0.05 * turn * cos / 1.1;
    let state = [x + TIME * v, v + TIME * acceleration, angle + TIME * w, w + TIME * turn];
    (state[0].abs() <= 2.4 && state[2].abs() <= 12.0_f32.to_radians()).then_some(state)
}

/// Plays an episode, and returns its states and actions.
fn episode(rng: &mut StdRng, mut act: impl FnMut(&State, &mut StdRng) -> usize) -> Vec<(State, usize)> {
    let mut state = [(); 4].map(|()| rng.random_range(-0.05..0.05));
    let mut steps = Vec::new();
    while steps.len() < LONGEST {
        let action = act(&state, rng);
        steps.push((state, action));
        match next(state, action) {
            Some(next) => state = next,
            None => break,
        }
    }
    steps
}

/// The mean number of steps of 100 episodes in which the action with the larger score is taken.
fn average_return(rng: &mut StdRng, score: impl Fn(&State) -> [f32; 2]) -> f32 {
    let act = |state: &State, _: &mut StdRng| {
        let [left, right] = score(state);
        usize::from(right > left)
    };
    let steps: usize = (0..100).map(|_| episode(rng, act).len()).sum();
    steps as f32 / 100.0
}

fn main() -> Result<(), Error<f32>> {
    let (updates, average) = policy_gradient::train()?;
    println!("policy gradients: average return {average:.1} after {updates} updates");
    let (steps, average) = deep_q::train()?;
    println!("deep Q-learning: average return {average:.1} after {steps} steps");
    Ok(())
}
