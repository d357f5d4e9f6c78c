use rand::{Rng, RngExt};

/// A point of class 1 where both coordinates have the same sign, else of class 0.
pub fn xor(rng: &mut impl Rng) -> ([f32; 2], [f32; 1]) {
    let mut coordinate = || {
        let size = rng.random_range(0.12..1.8);
        if rng.random() { size } else { -size }
    };
    let [x, y] = [coordinate(), coordinate()];
    ([x, y], [f32::from(u8::from((x > 0.0) == (y > 0.0)))])
}
