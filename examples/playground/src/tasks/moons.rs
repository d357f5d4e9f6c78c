use rand::{Rng, RngExt};

/// A point near one of two half circles, one for each class, each of which ends inside the other.
pub fn moons(rng: &mut impl Rng) -> ([f32; 2], [f32; 1]) {
    let second = rng.random::<bool>();
    let angle = rng.random_range(0.0..core::f32::consts::PI);
    let side = if second { -1.0 } else { 1.0 };
    let mut noise = || rng.random_range(-0.15..0.15);
    let x = side * (1.2 * libm::cosf(angle) - 0.6) + noise();
    let y = side * (1.2 * libm::sinf(angle) - 0.3) + noise();
    ([x, y], [f32::from(u8::from(second))])
}
