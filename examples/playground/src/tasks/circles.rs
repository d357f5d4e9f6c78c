use rand::{Rng, RngExt};

/// A point in a disc, of class 1, or in the ring around it, of class 0.
pub fn circles(rng: &mut impl Rng) -> ([f32; 2], [f32; 1]) {
    let inside = rng.random::<bool>();
    let angle = rng.random_range(0.0..core::f32::consts::TAU);
    let radius = if inside { rng.random_range(0.0..0.9) } else { rng.random_range(1.25..1.9) };
    ([radius * libm::cosf(angle), radius * libm::sinf(angle)], [f32::from(u8::from(inside))])
}
