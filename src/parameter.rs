//! Views of a network's parameters, for tools that walk them one by one.

use core::fmt;

use crate::Element;

/// One parameter tensor: a layer's `weight` of shape `(OUT, IN)`, or its `bias` of shape `(OUT,)`.
#[derive(Clone, Copy)]
pub struct Parameter<'a, T> {
    /// The number of the layer in its network, counted from 0 as in PyTorch's `Sequential`.
    pub layer: usize,
    /// `"weight"`, `"bias"`, or what a layer of your own calls it.
    pub name: &'static str,
    /// Rows and columns; a vector has one column.
    pub shape: [usize; 2],
    /// How far apart in `values` two rows are, and two columns.
    pub strides: [usize; 2],
    /// The values, in the order in which they are stored.
    pub values: &'a [T],
}

impl<'a, T> Parameter<'a, T> {
    /// The value at this row and column.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> Option<&'a T> {
        let [rows, columns] = self.shape;
        if row < rows && column < columns {
            self.values.get(row * self.strides[0] + column * self.strides[1])
        } else {
            None
        }
    }

    /// The values in PyTorch's order, row by row.
    pub fn iter(&self) -> impl Iterator<Item = &'a T> + use<'a, T>
    where
        T: Copy,
    {
        let this = *self;
        let [rows, columns] = self.shape;
        (0..rows).flat_map(move |row| (0..columns).filter_map(move |column| this.get(row, column)))
    }

    /// PyTorch's name for it: `0.weight`.
    pub(crate) fn path(&self) -> Path {
        Path { layer: self.layer, name: self.name }
    }

    /// The values to be printed, not too many of them.
    pub(crate) fn values(self) -> Values<'a, T> {
        Values(self)
    }
}

/// The name and the shape, as `0.weight (64, 5)`.
impl<T> fmt::Display for Parameter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            [rows, 1] if self.name != "weight" => write!(f, "{:?} ({rows},)", self.path()),
            [rows, columns] => write!(f, "{:?} ({rows}, {columns})", self.path()),
        }
    }
}

impl<T: Element> fmt::Debug for Parameter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}: {:?}", self.values())
    }
}

/// One parameter tensor, to be changed. The fields are those of [`Parameter`].
#[derive(Debug)]
pub struct ParameterMut<'a, T> {
    /// The number of the layer in its network, counted from 0 as in PyTorch's `Sequential`.
    pub layer: usize,
    /// `"weight"`, `"bias"`, or what a layer of your own calls it.
    pub name: &'static str,
    /// Rows and columns; a vector has one column.
    pub shape: [usize; 2],
    /// How far apart in `values` two rows are, and two columns.
    pub strides: [usize; 2],
    /// The values, in the order in which they are stored: see `strides`.
    pub values: &'a mut [T],
}

/// PyTorch's name of a parameter.
pub(crate) struct Path {
    pub(crate) layer: usize,
    pub(crate) name: &'static str,
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.layer, self.name)
    }
}

/// Values in rows; of more than [`Values::MOST`] a summary, which differs where they do.
pub(crate) struct Values<'a, T>(Parameter<'a, T>);

impl<T> Values<'_, T> {
    const MOST: usize = 256;
}

impl<T: Element> fmt::Debug for Values<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(parameter) = self;
        let [rows, columns] = parameter.shape;
        let values = || parameter.iter().copied();
        if rows * columns > Self::MOST {
            let squares = values().fold(T::ZERO, |sum, x| sum + x * x);
            let least = values().fold(T::infinity(), T::min);
            let most = values().fold(T::neg_infinity(), T::max);
            let norm = squares.sqrt();
            // Tells apart what the other figures cannot: the same values in other places.
            let checksum = values().fold(0_u64, |sum, x| sum.rotate_left(7) ^ x.integer_decode().0);
            write!(
                f,
                "[{} values from {least} to {most}, norm {norm}, checksum {checksum:x}]",
                rows * columns
            )
        } else if columns == 1 {
            f.debug_list().entries(values()).finish()
        } else {
            struct Row<'a, T>(Parameter<'a, T>, usize);
            impl<T: Element> fmt::Debug for Row<'_, T> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let columns = 0..self.0.shape[1];
                    f.debug_list().entries(columns.filter_map(|column| self.0.get(self.1, column))).finish()
                }
            }
            f.debug_list().entries((0..rows).map(|row| Row(*parameter, row))).finish()
        }
    }
}
