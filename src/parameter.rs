//! Views of a network's parameters, for tools that walk them one by one: optimisers and evolution
//! strategies of your own, exporters.

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
    /// How many sizes PyTorch gives it: 2, or 1 for a vector.
    pub dims: usize,
    /// How far apart in `values` two rows are, and two columns.
    pub strides: [usize; 2],
    /// The values, in the order in which they are stored.
    pub values: &'a [T],
}

impl<'a, T> Parameter<'a, T> {
    /// A vector. A chain sets `layer`.
    pub(crate) const fn vector(name: &'static str, values: &'a [T]) -> Self {
        Self { layer: 0, name, shape: [values.len(), 1], dims: 1, strides: [1, 1], values }
    }

    /// PyTorch's shape: `[OUT, IN]` of a weight, `[OUT]` of a bias.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        self.shape.get(..self.dims).unwrap_or(&self.shape)
    }

    /// Where the value at this row and column is stored.
    fn place(&self, row: usize, column: usize) -> Option<usize> {
        let [rows, columns] = self.shape;
        (row < rows && column < columns).then(|| row * self.strides[0] + column * self.strides[1])
    }

    /// The value at this row and column.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> Option<&'a T> {
        self.values.get(self.place(row, column)?)
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
        write!(f, "{:?} {}", self.path(), Sizes(self.sizes()))
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
    /// How many sizes PyTorch gives it: 2, or 1 for a vector.
    pub dims: usize,
    /// How far apart in `values` two rows are, and two columns.
    pub strides: [usize; 2],
    /// The values, in the order in which they are stored: see `strides`.
    pub values: &'a mut [T],
}

impl<'a, T> ParameterMut<'a, T> {
    /// A vector. A chain sets `layer`.
    pub(crate) const fn vector(name: &'static str, values: &'a mut [T]) -> Self {
        Self { layer: 0, name, shape: [values.len(), 1], dims: 1, strides: [1, 1], values }
    }

    /// The same, to be read.
    #[must_use]
    pub fn as_ref(&self) -> Parameter<'_, T> {
        let Self { layer, name, shape, dims, strides, ref values } = *self;
        Parameter { layer, name, shape, dims, strides, values }
    }

    /// The value at this row and column, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, row: usize, column: usize) -> Option<&mut T> {
        let place = self.as_ref().place(row, column)?;
        self.values.get_mut(place)
    }

    /// Does something with each value, in PyTorch's order, row by row.
    pub fn for_each_mut(&mut self, mut each: impl FnMut(&mut T)) {
        let [rows, columns] = self.shape;
        for row in 0..rows {
            for column in 0..columns {
                if let Some(value) = self.get_mut(row, column) {
                    each(value);
                }
            }
        }
    }

    /// Takes the values over, which are in PyTorch's order, row by row.
    ///
    /// # Panics
    ///
    /// If there are more values, or fewer, as `copy_from_slice` of a slice.
    pub fn copy_from_slice(&mut self, values: &[T])
    where
        T: Copy,
    {
        let expected = self.values.len();
        assert!(values.len() == expected, "{} values for a parameter of {expected}", values.len());
        let mut values = values.iter();
        self.for_each_mut(|to| {
            if let Some(value) = values.next() {
                *to = *value;
            }
        });
    }
}

/// A shape as Python writes it: `(64, 5)`, `(64,)`.
pub(crate) struct Sizes<'a>(pub(crate) &'a [usize]);

impl fmt::Display for Sizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [only] => write!(f, "({only},)"),
            sizes => {
                f.write_str("(")?;
                for (index, size) in sizes.iter().enumerate() {
                    write!(f, "{}{size}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
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

impl Path {
    /// Whether it is written like this.
    pub(crate) fn is(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some((layer, name)) => {
                name == self.name
                    && layer.parse() == Ok(self.layer)
                    && (layer == "0" || !layer.starts_with(['0', '+']))
            }
            None => false,
        }
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
