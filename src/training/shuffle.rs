//! A random order that needs no memory.

use core::num::NonZeroU32;

use rand::{Rng, RngExt};

/// The numbers `0..len` in a random order or as they are, each exactly once, without an array of `len`.
#[derive(Clone, Debug)]
pub(crate) struct Permutation {
    order: Order,
    len: usize,
}

#[derive(Clone, Debug)]
enum Order {
    /// The numbers as they are.
    Given { next: usize },
    /// A table, shuffled: every order is equally likely.
    Short { table: [u8; SHORT], next: usize },
    /// Numbers that are not below `len` are left out.
    Long(Feistel),
}

/// Up to this length the order is a table. A Feistel network of so few numbers would favour some orders.
const SHORT: usize = 256;

impl Permutation {
    /// A new order of `0..len`.
    pub(crate) fn new<R: Rng + ?Sized>(len: usize, rng: &mut R) -> Self {
        let order = if len <= SHORT {
            let mut table = core::array::from_fn(|number| number as u8);
            shuffle(&mut table, len, rng);
            Order::Short { table, next: 0 }
        } else {
            Order::Long(Feistel::new(len, rng))
        };
        Self { order, len }
    }

    /// `0..len` in this order.
    pub(crate) const fn in_order(len: usize) -> Self {
        Self { order: Order::Given { next: 0 }, len }
    }
}

impl Iterator for Permutation {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let Self { order, len } = self;
        match order {
            Order::Given { next } => {
                let number = Some(*next).filter(|number| number < len)?;
                *next += 1;
                Some(number)
            }
            Order::Short { table, next } => {
                let number = table.get(..*len)?.get(*next)?;
                *next += 1;
                Some((*number).into())
            }
            Order::Long(feistel) => feistel.find(|number| number < len),
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
        // If both indices are the same, there is nothing to swap, and `get_disjoint_mut` returns an error.
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

/// The numbers of a table of `size[0]` rows and `size[1]` columns, in a random order: a Feistel network on pairs
/// (row, column).
///
/// Each round adds a keyed hash of the column to the row, or of the row to the column, modulo their sizes. The table is
/// nearly square and holds at least `len` numbers, less than one row more.
///
/// The number of rounds was measured: with 20 million numbers for each length from 257 to 10,000, 6 rounds give
/// frequencies of places, neighbours and steps between neighbours that are up to 30 standard deviations off, 8 rounds
/// none.
///
/// J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002.
#[derive(Clone, Debug)]
struct Feistel {
    /// The keys of each pair of rounds.
    keys: [[u32; 2]; ROUNDS / 2],
    size: [usize; 2],
    next: [usize; 2],
}

const ROUNDS: usize = 8;

impl Feistel {
    /// A table of at least `len` numbers, `len` at least 1.
    fn new<R: Rng + ?Sized>(len: usize, rng: &mut R) -> Self {
        let columns = len.saturating_sub(1).isqrt() + 1;
        Self {
            keys: core::array::from_fn(|_| [rng.random(), rng.random()]),
            size: [len.div_ceil(columns), columns],
            next: [0, 0],
        }
    }
}

impl Iterator for Feistel {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let Self { keys, size: [rows, columns], next } = self;
        let [mut row, mut column] = *next;
        if row == *rows {
            return None;
        }
        *next = if column + 1 == *columns { [row + 1, 0] } else { [row, column + 1] };
        for [row_key, column_key] in keys {
            row = add(row, hash(column, *row_key), *rows);
            column = add(column, hash(row, *column_key), *columns);
        }
        Some(row * *columns + column)
    }
}

/// Adds a number below `size`, computed from all 32 bits of a hash, to a number below `size`, modulo `size`.
#[inline]
fn add(number: usize, hash: u32, size: usize) -> usize {
    let sum = number + ((u64::from(hash) * size as u64) >> u32::BITS) as usize;
    if sum < size { sum } else { sum - size }
}

/// A hash of a number and a key: two steps of MurmurHash3's finaliser.
#[inline]
fn hash(number: usize, key: u32) -> u32 {
    let h = (number as u32 ^ key).wrapping_mul(0x85eb_ca6b);
    let h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    h ^ h >> 16
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, vec, vec::Vec};

    use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::{Feistel, Permutation, SHORT, hash};

    /// Lengths on both sides of the change from a table to a Feistel network, of square tables and of tables with a
    /// nearly empty last row.
    const LENGTHS: [usize; 14] = [65, 100, 127, 129, 200, 256, 257, 300, 777, 1000, 1024, 1025, 4096, 4097];

    #[test]
    fn every_number_comes_exactly_once() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(1);
        for len in (0..300).chain(LENGTHS).chain([65_535, 65_536, 65_537, 100_000]) {
            let mut seen = vec![false; len];
            let mut order = Permutation::new(len, &mut rng);
            for number in order.by_ref() {
                assert!(!seen[number], "{number} comes twice in {len}");
                seen[number] = true;
            }
            assert!(seen.into_iter().all(|seen| seen));
            assert_eq!(order.next(), None, "after the end of {len}");
        }
    }

    /// A training run of a given seed has the same order in every later version, and on every machine.
    #[test]
    fn the_order_of_a_seed_stays_the_same() {
        let first = |len| {
            let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
            Permutation::new(len, &mut rng).take(8).collect::<Vec<usize>>()
        };
        assert_eq!(first(8), [7, 1, 6, 0, 5, 4, 3, 2]);
        assert_eq!(first(SHORT), [18, 96, 32, 61, 184, 212, 207, 131]);
        assert_eq!(first(SHORT + 1), [225, 198, 17, 9, 145, 1, 166, 77]);
        assert_eq!(first(100_000), [69283, 26814, 31215, 14078, 59509, 12993, 80128, 8831]);
    }

    /// MurmurHash3's finaliser, without its first and its last step.
    #[test]
    fn hashes_are_those_of_murmur_hash() {
        // Computed with Python's integers.
        assert_eq!([hash(0, 0), hash(1, 0), hash(0, 1)], [0, 0x514e_28b7, 0x514e_28b7]);
        assert_eq!(hash(5, 0xdead_beef), 0x02e9_dda0);
    }

    /// A table has less than one row more than it needs, and is nearly square.
    #[test]
    fn tables_are_small_and_square() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(5);
        for len in (1..300).chain(LENGTHS).chain([1 << 24, (1 << 24) + 1, (1 << 31) - 1]) {
            let Feistel { size: [rows, columns], .. } = Feistel::new(len, &mut rng);
            assert!((len..len + columns).contains(&(rows * columns)), "{rows} × {columns} for {len}");
            assert!(rows.abs_diff(columns) <= 1, "{rows} × {columns} for {len}");
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

    /// Numbers in each length's orders: fewer in a debug build, which computes a number in 0.2 µs.
    const NUMBERS: usize = if cfg!(debug_assertions) { 400_000 } else { 2_000_000 };

    /// The orders of a length.
    fn orders(len: usize) -> impl Iterator<Item = Vec<usize>> {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(len as u64);
        (0..NUMBERS / len).map(move |_| Permutation::new(len, &mut rng).collect())
    }

    /// Beyond this many standard deviations a statistic fails its test. Of random orders, one statistic in some
    /// hundred thousand does, in one test or the other; the seeds are fixed.
    const LIMIT: f64 = 5.0;

    /// The deviation of Pearson's chi-square from its mean, in standard deviations (Wilson and Hilferty, 1931).
    fn deviation(counts: &[u32], freedom: usize, correction: f64) -> f64 {
        let expected = counts.iter().map(|&count| f64::from(count)).sum::<f64>() / counts.len() as f64;
        let chi_square: f64 = counts.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        let variance = 2.0 / (9.0 * freedom as f64);
        ((correction * chi_square / freedom as f64).cbrt() - (1.0 - variance)) / variance.sqrt()
    }

    /// Every number comes at every place equally often.
    #[test]
    fn every_number_comes_everywhere_equally_often() {
        for len in [65, 127, 129, 256, 257, 300] {
            let mut counts = vec![0; len * len];
            for order in orders(len) {
                for (place, number) in order.into_iter().enumerate() {
                    counts[len * place + number] += 1;
                }
            }
            // The counts of each number, and of each place, have a fixed sum.
            let off = deviation(&counts, (len - 1) * (len - 1), 1.0 - 1.0 / len as f64);
            assert!(off.abs() < LIMIT, "length {len}: {off:.1} standard deviations");
        }
    }

    /// The correlation of place and number has mean 0 and variance `1 / (len − 1)`.
    #[test]
    fn places_and_numbers_are_uncorrelated() {
        for len in LENGTHS {
            let (draws, n) = ((NUMBERS / len) as f64, len as f64);
            let middle = (n - 1.0) / 2.0;
            let (mut sum, mut squares) = (0.0, 0.0);
            for order in orders(len) {
                let products = (0..len).zip(order).map(|(i, k)| (i as f64 - middle) * (k as f64 - middle));
                let scaled = products.sum::<f64>() / (n * (n * n - 1.0) / 12.0) * (n - 1.0).sqrt();
                sum += scaled;
                squares += scaled * scaled;
            }
            let off = sum / draws.sqrt();
            assert!(off.abs() < LIMIT, "length {len}, mean: {off:.1} standard deviations");
            let off = (squares - draws) / (2.0 * draws).sqrt();
            assert!(off.abs() < LIMIT, "length {len}, variance: {off:.1} standard deviations");
        }
    }

    /// The number of places whose two numbers are neighbours is nearly a Poisson variable of mean `2 (len − 1) / len`:
    /// it is 7 or more in 0.45 % of orders.
    #[test]
    fn neighbours_stay_neighbours_as_often_as_by_chance() {
        let (mut all, mut many) = (0, 0);
        for len in LENGTHS.into_iter().filter(|len| *len >= 256) {
            let (mut draws, mut pairs) = (0, 0);
            for order in orders(len) {
                let kept = order.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
                draws += 1;
                pairs += kept;
                many += u32::from(kept >= 7);
            }
            all += draws;
            let mean = 2.0 * f64::from(draws);
            let off = (pairs as f64 - mean * (1.0 - 1.0 / len as f64)) / mean.sqrt();
            assert!(off.abs() < LIMIT, "length {len}: {off:.1} standard deviations");
        }
        let expected = 0.0045 * f64::from(all);
        let off = (f64::from(many) - expected) / expected.sqrt();
        assert!(off < LIMIT, "{many} of {all} orders, {off:.1} standard deviations");
    }

    /// The differences of two numbers at a fixed distance, modulo `len`, are equally frequent.
    #[test]
    fn steps_are_equally_frequent() {
        for len in LENGTHS {
            let distances = [1, 2, 16, 32, len.isqrt(), (len - 1) / 2];
            let mut counts = vec![[0; 6]; len];
            for order in orders(len) {
                for (place, number) in order.iter().enumerate() {
                    for (index, distance) in distances.into_iter().enumerate() {
                        let next = order[(place + distance) % len];
                        counts[(next + len - number) % len][index] += 1;
                    }
                }
            }
            for (index, distance) in distances.into_iter().enumerate() {
                let counts: Vec<u32> = counts[1..].iter().map(|counts| counts[index]).collect();
                let off = deviation(&counts, len - 2, 1.0);
                assert!(off < LIMIT, "length {len}, distance {distance}: {off:.1} standard deviations");
            }
        }
    }
}
