use rand::{Rng, RngExt};

/// A point of the surface `z = sin(2x) cos(2y)`, a hill beside a valley.
pub fn surface(rng: &mut impl Rng) -> ([f32; 2], [f32; 1]) {
    let mut coordinate = || rng.random_range(-1.9..1.9);
    let [x, y]: [f32; 2] = [coordinate(), coordinate()];
    ([x, y], [libm::sinf(2.0 * x) * libm::cosf(2.0 * y)])
}
