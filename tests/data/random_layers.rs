//! Twenty random layers of bytes with 200 rows each, whose outputs are those of ONNX Runtime and LiteRT: for the test on a
//! host, and for the program `layers-int8` on devices.

use constnet::quantized::{Int8Linear, valid};

/// The number of layers.
pub const LAYERS: usize = 20;

/// The number of rows of each layer.
pub const ROWS: usize = 200;

/// FNV-1a with 64 bits: a hash of bytes, by which many outputs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub u64);

impl Hash {
    /// Of no bytes.
    pub const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    /// With these bytes after the others.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        let next = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self(bytes.iter().fold(self.0, next))
    }
}

/// The generator of Numerical Recipes, as in `quantized.py`; its upper 16 bits.
#[derive(Clone, Copy, Debug)]
pub struct Generator(u32);

impl Generator {
    /// With this seed.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// The next number, which is less than the limit.
    pub const fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % limit
    }

    /// A row of bytes.
    pub fn row<const IN: usize>(&mut self) -> [u8; IN] {
        [(); IN].map(|()| self.below(256) as u8)
    }

    /// A layer: on a device it is a constant in flash.
    pub const fn layer<const IN: usize, const OUT: usize>(&mut self) -> Int8Linear<IN, OUT> {
        let (mut weight, mut bias, mut scale) = ([[0; IN]; OUT], [0; OUT], [0.0; OUT]);
        let mut at = 0;
        while at < IN * OUT {
            weight[at / IN][at % IN] = (self.below(255) as i32 - 127) as i8;
            at += 1;
        }
        let mut o = 0;
        while o < OUT {
            bias[o] = self.below(4001) as i32 - 2000;
            o += 1;
        }
        let mut o = 0;
        while o < OUT {
            scale[o] = (1 + self.below(1000)) as f32 / 65536.0;
            o += 1;
        }
        let x_scale = (1 + self.below(1000)) as f32 / 8192.0;
        let zero_points = [self.below(256) as u8, self.below(256) as u8];
        let y_scale = x_scale * 0.016 * (60 * (1 + IN.isqrt())) as f32;
        let mut o = 0;
        while o < OUT {
            scale[o] = x_scale * scale[o] / y_scale;
            o += 1;
        }
        valid(Int8Linear::new(weight, bias, scale, zero_points))
    }
}

/// The index of the first layer that gives other bytes.
#[must_use]
pub fn first_other() -> Option<usize> {
    const EXPECTED: [(usize, usize, u64); LAYERS] = include!("quantized.rs");

    fn is_other<const IN: usize, const OUT: usize>(
        seed: usize,
        layer: &Int8Linear<IN, OUT>,
        mut rows: Generator,
    ) -> bool {
        let hash = (0..ROWS).fold(Hash::EMPTY, |hash, _| hash.with(&layer.forward(&rows.row())));
        EXPECTED.get(seed) != Some(&(IN, OUT, hash.0))
    }

    macro_rules! layers {
        ($($seed:literal $IN:literal $OUT:literal),+) => { $({
            #[allow(long_running_const_eval, reason = "thousands of weights")]
            static LAYER: (Int8Linear<$IN, $OUT>, Generator) = {
                let mut generator = Generator::new($seed);
                (generator.layer(), generator)
            };
            if is_other($seed, &LAYER.0, LAYER.1) {
                return Some($seed);
            }
        })+ };
    }
    layers!(0 1 1, 1 1 5, 2 2 3, 3 3 4, 4 4 4, 5 5 64, 6 7 9, 7 8 16, 8 13 2, 9 16 31);
    layers!(10 17 17, 11 23 6, 12 31 33, 13 32 10, 14 33 8, 15 47 5, 16 64 64, 17 65 3, 18 100 7, 19 257 12);
    None
}
