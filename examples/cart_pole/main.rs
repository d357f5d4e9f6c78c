//! Balancing a pole on a cart, to an average of 475 of 500 steps: by policy gradients, and by deep Q-learning with a target
//! network, from three seeds each.
//!
//! Training ends when 100 episodes reach an average of 490; then 1,000 new episodes have to reach 475.
//!
//! `cargo run --release --example cart_pole [number of seeds]`

mod deep_q;
mod policy_gradient;

use std::error::Error;

use rand::{RngExt, SeedableRng, rngs::StdRng};

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

/// The average return at which CartPole-v1 counts as solved.
const SOLVED: f32 = 475.0;
/// The average return of 100 episodes at which training ends. It is larger, because these episodes choose the network.
const GOAL: f32 = 490.0;

/// The mean number of steps of episodes in which the action with the larger score is taken.
fn average_return(rng: &mut StdRng, episodes: usize, score: impl Fn(&State) -> [f32; 2]) -> f32 {
    let act = |state: &State, _: &mut StdRng| {
        let [left, right] = score(state);
        usize::from(right > left)
    };
    let steps: usize = (0..episodes).map(|_| episode(rng, act).len()).sum();
    steps as f32 / episodes as f32
}

/// Prints the average return of new episodes. Fails if it is too small.
fn test(seed: u64, method: &str, score: impl Fn(&State) -> [f32; 2]) -> Result<(), Box<dyn Error>> {
    let average = average_return(&mut StdRng::seed_from_u64(1000 + seed), 1000, score);
    println!("seed {seed}, {method}: average return {average:.1}");
    if average >= SOLVED { Ok(()) } else { Err(format!("expected at least {SOLVED}").into()) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let seeds = std::env::args().nth(1).map_or(Ok(3), |seeds| seeds.parse())?;
    for seed in 0..seeds {
        let (updates, policy) = policy_gradient::train(seed)?;
        test(seed, &format!("policy gradients, {updates} updates"), |state| policy.predict(state))?;
        let (steps, values) = deep_q::train(seed)?;
        test(seed, &format!("deep Q-learning, {steps} steps"), |state| values.predict(state))?;
    }
    Ok(())
}
