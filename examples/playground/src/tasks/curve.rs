use rand::{Rng, RngExt};

/// A point of the curve `y = sin(3x) e^(−x/2) / 2`, with a little noise.
pub fn curve(rng: &mut impl Rng) -> ([f32; 1], [f32; 1]) {
    let x = rng.random_range(-1.9..1.9);
    let noise = rng.random_range(-0.05..0.05);
    ([x], [0.5 * libm::sinf(3.0 * x) * libm::expf(-0.5 * x) + noise])
}
