//! Runs the policy on the host, one observation at a time, as a control loop does.

use std::{hint::black_box, time::Instant};

#[rustfmt::skip]
#[allow(unreachable_pub)]
#[path = "../policy.rs"]
mod policy;

fn main() {
    assert!(policy::policy_self_test(), "the self-test failed");
    println!("the self-test passed");

    const RUNS: u32 = 2000;
    let (mut observation, _) = policy::POLICY_EXAMPLE;
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        for _ in 0..RUNS {
            let actions: [f32; 12] = policy::POLICY.predict(black_box(&observation));
            // Each observation depends on the actions before it.
            observation[0] = 0.5 * observation[0] + 1e-3 * black_box(actions)[0];
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(RUNS));
    }
    println!("{:.1} µs for a prediction, the best of 20 runs", 1e6 * best);
}
