//! The ranges of the values between the layers of a chain.

use super::Range;

/// The ranges of a chain: of the input of each layer, and of the output. Those of the inputs of layers that vanish are empty.
pub trait Ranges {
    /// Of no values.
    const EMPTY: Self;

    /// The range of the input of the layer with this index; after the last layer, that of the output.
    fn get(&self, index: usize) -> Option<&Range>;

    /// The same, to be changed.
    fn get_mut(&mut self, index: usize) -> Option<&mut Range>;

    /// The ranges that are not empty, and their indices.
    fn not_empty(&self) -> impl Iterator<Item = (usize, &Range)> {
        let all = (0..).map_while(|index| Some((index, self.get(index)?)));
        all.filter(|(_, range)| range.values > 0)
    }

    /// Counts a saturated value: of the bytes of the input, 0, or of the output of a layer on bytes, counted from 1.
    fn count_saturated(&mut self, bytes: usize) {
        let index = self.not_empty().nth(bytes).map(|(index, _)| index);
        if let Some(range) = index.and_then(|index| self.get_mut(index)) {
            range.saturated += 1;
        }
    }
}

/// As nested pairs; this is the last one.
impl Ranges for Range {
    const EMPTY: Self = Self::EMPTY;

    fn get(&self, index: usize) -> Option<&Range> {
        (index == 0).then_some(self)
    }

    fn get_mut(&mut self, index: usize) -> Option<&mut Range> {
        (index == 0).then_some(self)
    }
}

impl<R: Ranges> Ranges for (Range, R) {
    const EMPTY: Self = (Range::EMPTY, R::EMPTY);

    fn get(&self, index: usize) -> Option<&Range> {
        match index.checked_sub(1) {
            Some(index) => self.1.get(index),
            None => Some(&self.0),
        }
    }

    fn get_mut(&mut self, index: usize) -> Option<&mut Range> {
        match index.checked_sub(1) {
            Some(index) => self.1.get_mut(index),
            None => Some(&mut self.0),
        }
    }
}

/// Of a chain whose layers are known at run time.
#[cfg(feature = "alloc")]
impl Ranges for alloc::vec::Vec<Range> {
    const EMPTY: Self = Self::new();

    fn get(&self, index: usize) -> Option<&Range> {
        <[Range]>::get(self, index)
    }

    fn get_mut(&mut self, index: usize) -> Option<&mut Range> {
        <[Range]>::get_mut(self, index)
    }
}
