//! Inverse kinematics of an arm of two links: a network learns where the hand is for the angles of the joints, and its
//! Jacobian matrix then moves the hand to a target.
//!
//! `cargo run --release --example inverse_kinematics`

use constnet::{Error, LevenbergMarquardt, Linear, Mse, Sequential, Tanh, Zeroed};
use rand::{RngExt, SeedableRng, rngs::StdRng};

type Arm = Sequential![Linear<2, 24, f64>, Tanh<24, f64>, Linear<24, 2, f64>];

/// The position of the hand, from the angles of shoulder and elbow; both links have length 1.
fn hand([a, b]: [f64; 2]) -> [f64; 2] {
    [a.cos() + (a + b).cos(), a.sin() + (a + b).sin()]
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The angles with which the hand of the model is at the target, by Newton's method with a damped step:
/// `q ← q + Jᵀ (J Jᵀ + λ)⁻¹ (target − ŷ)`.
fn reach(model: &Arm, mut q: [f64; 2], target: [f64; 2]) -> [f64; 2] {
    const DAMPING: f64 = 1e-3;
    for _ in 0..50 {
        let y: [f64; 2] = model.predict(&q);
        let e = [target[0] - y[0], target[1] - y[1]];
        let [[a, b], [c, d]] = model.jacobian(&q);
        let [[p, r], [_, s]] = [[a * a + b * b + DAMPING, a * c + b * d], [0.0, c * c + d * d + DAMPING]];
        let z = [(s * e[0] - r * e[1]) / (p * s - r * r), (p * e[1] - r * e[0]) / (p * s - r * r)];
        // The model knows these angles only.
        q = [(q[0] + a * z[0] + c * z[1]).clamp(-1.0, 1.0), (q[1] + b * z[0] + d * z[1]).clamp(0.5, 2.0)];
    }
    q
}

fn main() -> Result<(), Error<f64>> {
    let mut rng = StdRng::seed_from_u64(0);
    // The elbow bends one way only, so that each position has one pair of angles.
    let mut angles = || [rng.random_range(-1.0..1.0), rng.random_range(0.5..2.0)];
    let x: Vec<[f64; 2]> = (0..500).map(|_| angles()).collect();
    let y: Vec<[f64; 2]> = x.iter().map(|q| hand(*q)).collect();
    let targets: Vec<[f64; 2]> = (0..100).map(|_| hand(angles())).collect();

    let mut model = Arm::ZERO;
    model.init(&mut rng);
    let method = LevenbergMarquardt { goal: 1e-8, max_iterations: 500, ..LevenbergMarquardt::default() };
    let report = method.fit(&mut model, &Mse, &x, &y).run(&mut LevenbergMarquardt::workspace::<Arm>())?;
    println!("model: mean squared error {:.1e} after {} iterations", report.loss, report.iterations);

    let errors = targets.iter().map(|target| distance(hand(reach(&model, [0.0, 1.25], *target)), *target));
    let worst = errors.fold(0.0, f64::max);
    println!("hand: at most {worst:.1e} from 100 targets, for an arm of length 2");
    assert!(worst < 2e-3);
    Ok(())
}
