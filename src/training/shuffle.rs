//! A random order that needs no memory.

use core::num::NonZeroU32;

use rand::{Rng, RngExt};

/// The numbers `0..len` in a random order, each exactly once, without an array of `len`.
#[derive(Clone, Debug)]
pub(crate) struct Permutation {
    order: Order,
    len: usize,
    next: usize,
}

#[derive(Clone, Debug)]
enum Order {
    /// A table, shuffled: every order is equally likely.
    Short([u8; SHORT]),
    /// A Feistel network, which permutes the numbers of `2 · half` bits: each round mixes a keyed
    /// hash of one half into the other. What falls beyond `len` goes round again ("cycle
    /// walking"); as fewer than four times `len` numbers are permuted, that is rare.
    ///
    /// J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002.
    Long { keys: [u32; 4], half: u32 },
}

/// Up to here a table is small, and a Feistel network of so few bits would favour some orders.
const SHORT: usize = 64;

impl Permutation {
    /// A new order of `0..len`.
    pub(crate) fn new<R: Rng + ?Sized>(len: usize, rng: &mut R) -> Self {
        let order = if len <= SHORT {
            let mut table = [0; SHORT];
            for (number, place) in (0..).zip(&mut table) {
                *place = number;
            }
            shuffle(&mut table, len, rng);
            Order::Short(table)
        } else {
            let bits = usize::BITS - (len - 1).leading_zeros();
            Order::Long {
                keys: [rng.random(), rng.random(), rng.random(), rng.random()],
                half: bits.div_ceil(2),
            }
        };
        Self { order, len, next: 0 }
    }
}

impl Iterator for Permutation {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.next >= self.len {
            return None;
        }
        let mut number = self.next;
        self.next += 1;
        match &self.order {
            Order::Short(table) => table.get(number).map(|&number| number.into()),
            Order::Long { keys, half } => loop {
                number = feistel(number, *keys, *half);
                if number < self.len {
                    return Some(number);
                }
            },
        }
    }
}

/// Shuffles the first `len` numbers.
///
/// R. Durstenfeld, "Algorithm 235: Random permutation", 1964. As `rand`'s `shuffle`, but without
/// its panics, which would be in every program that trains.
fn shuffle<R: Rng + ?Sized>(table: &mut [u8; SHORT], len: usize, rng: &mut R) {
    for count in (2..=len as u32).rev().filter_map(NonZeroU32::new) {
        let last = count.get() as usize - 1;
        let other = below(count, rng) as usize;
        // What is to stay in its place is no pair.
        if let Ok([a, b]) = table.get_disjoint_mut([last, other]) {
            core::mem::swap(a, b);
        }
    }
}

/// A number below `n`, each equally likely.
///
/// D. Lemire, "Fast random integer generation in an interval", 2019.
fn below<R: Rng + ?Sized>(n: NonZeroU32, rng: &mut R) -> u32 {
    let surplus = n.get().wrapping_neg() % n;
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(n.get());
        if product as u32 >= surplus {
            return (product >> u32::BITS) as u32;
        }
    }
}

/// A permutation of the numbers of `2 · half` bits.
#[inline]
fn feistel(number: usize, keys: [u32; 4], half: u32) -> usize {
    let mask = (1 << half) - 1;
    let (mut left, mut right) = (number >> half, number & mask);
    for key in keys {
        (left, right) = (right, left ^ hash(right, key) & mask);
    }
    left << half | right
}

/// Spreads the bits of a number and a key over the low 16 (two steps of MurmurHash3's finaliser).
#[inline]
fn hash(number: usize, key: u32) -> usize {
    let h = (number as u32 ^ key).wrapping_mul(0x85eb_ca6b);
    let h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    (h >> 16) as usize
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, vec, vec::Vec};

    use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::Permutation;

    #[test]
    fn every_number_comes_exactly_once() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(1);
        for len in (0..300).chain([1000, 1024, 1025, 65_536, 100_000]) {
            let mut seen = vec![false; len];
            for number in Permutation::new(len, &mut rng) {
                assert!(!seen[number], "{number} comes twice in {len}");
                seen[number] = true;
            }
            assert!(seen.into_iter().all(|seen| seen));
        }
    }

    /// Pearson's chi-square over all `n!` orders of a few numbers, against its 0.1 % quantile.
    #[test]
    fn short_orders_are_equally_frequent() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(2);
        for (len, orders, quantile) in [(2, 2, 10.8), (3, 6, 20.5), (4, 24, 49.7)] {
            let draws = orders * 2000;
            let mut counts = HashMap::<Vec<usize>, u32>::new();
            for _ in 0..draws {
                *counts.entry(Permutation::new(len, &mut rng).collect()).or_default() += 1;
            }
            assert_eq!(counts.len(), orders);
            let chi_square: f64 = counts.values().map(|&n| (f64::from(n) - 2000.0).powi(2) / 2000.0).sum();
            assert!(chi_square < quantile, "chi-square {chi_square:.1} for the orders of {len}");
        }
    }

    /// The same for where each number of a longer order lands.
    #[test]
    fn every_number_lands_everywhere_alike() {
        const LEN: usize = 65;
        const DRAWS: u32 = 40_000;
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(3);
        let mut counts = [[0_u32; LEN]; LEN];
        for _ in 0..DRAWS {
            for (place, number) in Permutation::new(LEN, &mut rng).enumerate() {
                counts[number][place] += 1;
            }
        }
        let expected = f64::from(DRAWS) / LEN as f64;
        let chi_square: f64 =
            counts.as_flattened().iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        // The 0.1 % quantile for 64² degrees of freedom.
        assert!(chi_square < 4384.0, "chi-square {chi_square:.1}");
    }

    /// The same for which number follows which.
    #[test]
    fn every_number_follows_every_other_alike() {
        const LEN: usize = 65;
        const DRAWS: u32 = 40_000;
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(4);
        let mut counts = [[0_u32; LEN]; LEN];
        for _ in 0..DRAWS {
            let order: Vec<usize> = Permutation::new(LEN, &mut rng).collect();
            for pair in order.windows(2) {
                counts[pair[0]][pair[1]] += 1;
            }
        }
        let expected = f64::from(DRAWS) / LEN as f64;
        let chi_square: f64 = (0..LEN)
            .flat_map(|a| (0..LEN).map(move |b| (a, b)))
            .filter(|(a, b)| a != b)
            .map(|(a, b)| (f64::from(counts[a][b]) - expected).powi(2) / expected)
            .sum();
        // The 0.1 % quantile for 65 · 64 - 1 degrees of freedom.
        assert!(chi_square < 4449.0, "chi-square {chi_square:.1}");
    }
}
