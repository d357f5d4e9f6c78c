use rand::{Rng, RngExt};

/// A point near one of two spirals of one turn, one for each class.
pub fn spirals(rng: &mut impl Rng) -> ([f32; 2], [f32; 1]) {
    let second = rng.random::<bool>();
    let t: f32 = rng.random_range(0.05..1.0);
    let start = if second { core::f32::consts::PI } else { 0.0 };
    let angle = start + t * core::f32::consts::TAU * 1.1;
    let mut noise = || rng.random_range(-0.06..0.06);
    let point = [1.9 * t * libm::cosf(angle) + noise(), 1.9 * t * libm::sinf(angle) + noise()];
    (point, [f32::from(u8::from(second))])
}
