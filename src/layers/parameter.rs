//! A parameter of a layer as a tensor: a view with a name and a shape, for code that goes through all
//! parameters of a network, such as an exporter or an evolution strategy.

use core::fmt;

use crate::simd::Element;

/// A parameter tensor: a view of the `weight` of a layer, of shape `(OUT, IN)`, or of its `bias`, of shape
/// `(OUT,)`.
#[derive(Clone, Copy)]
pub struct Parameter<'a, T> {
    /// The index of the layer in its network, counted from 0 as in PyTorch's `Sequential`. A layer returns 0;
    /// the chain around it adds the number of layers before it.
    pub layer: usize,
    /// The name: `"weight"`, `"bias"`, or another name that the layer chose.
    pub name: &'static str,
    /// The number of rows and of columns; a vector has one column.
    pub shape: [usize; 2],
    /// The number of dimensions in PyTorch: 2 for a matrix, 1 for a vector.
    pub dims: usize,
    /// The distance in `values` from a row to the next, and from a column to the next.
    pub strides: [usize; 2],
    /// Whether an optimiser changes the values: false for those of a [`Standardize`](crate::Standardize) layer.
    pub trained: bool,
    /// The values, in the order in which they are stored.
    pub values: &'a [T],
}

impl<'a, T> Parameter<'a, T> {
    /// A vector.
    #[must_use]
    pub const fn vector(name: &'static str, values: &'a [T]) -> Self {
        Self { layer: 0, name, shape: [values.len(), 1], dims: 1, strides: [1, 1], trained: true, values }
    }

    /// A matrix, stored row by row.
    #[must_use]
    pub const fn matrix<const COLUMNS: usize>(name: &'static str, rows: &'a [[T; COLUMNS]]) -> Self {
        let shape = [rows.len(), COLUMNS];
        Self {
            layer: 0,
            name,
            shape,
            dims: 2,
            strides: [COLUMNS, 1],
            trained: true,
            values: rows.as_flattened(),
        }
    }

    /// The same tensor, which no optimiser changes.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self { trained: false, ..self }
    }

    /// PyTorch's shape: `[OUT, IN]` of a weight, `[OUT]` of a bias.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        self.shape.get(..self.dims).unwrap_or(&self.shape)
    }

    /// The index in `values` of the value at this row and column.
    fn offset(&self, row: usize, column: usize) -> Option<usize> {
        let [rows, columns] = self.shape;
        (row < rows && column < columns).then(|| row * self.strides[0] + column * self.strides[1])
    }

    /// The value at this row and column.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> Option<&'a T> {
        self.values.get(self.offset(row, column)?)
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

    /// The name in PyTorch: `0.weight`.
    pub(crate) fn path(&self) -> ParameterPath {
        ParameterPath { layer: self.layer, name: self.name }
    }

    /// The values as text, or a summary if there are many.
    pub(crate) fn values(self) -> PrintedValues<'a, T> {
        PrintedValues(self)
    }
}

/// The name and the shape: `0.weight (64, 5)`.
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

/// A parameter tensor, to be changed: as [`Parameter`], but its values are borrowed mutably.
#[derive(Debug)]
pub struct ParameterMut<'a, T> {
    /// The index of the layer in its network, counted from 0 as in PyTorch's `Sequential`. A layer returns 0;
    /// the chain around it adds the number of layers before it.
    pub layer: usize,
    /// The name: `"weight"`, `"bias"`, or another name that the layer chose.
    pub name: &'static str,
    /// The number of rows and of columns; a vector has one column.
    pub shape: [usize; 2],
    /// The number of dimensions in PyTorch: 2 for a matrix, 1 for a vector.
    pub dims: usize,
    /// The distance in `values` from a row to the next, and from a column to the next.
    pub strides: [usize; 2],
    /// Whether an optimiser changes the values: false for those of a [`Standardize`](crate::Standardize) layer.
    pub trained: bool,
    /// The values, in the order in which they are stored.
    pub values: &'a mut [T],
}

impl<'a, T> ParameterMut<'a, T> {
    /// A vector.
    #[must_use]
    pub const fn vector(name: &'static str, values: &'a mut [T]) -> Self {
        Self { layer: 0, name, shape: [values.len(), 1], dims: 1, strides: [1, 1], trained: true, values }
    }

    /// A matrix, stored row by row.
    #[must_use]
    pub const fn matrix<const COLUMNS: usize>(name: &'static str, rows: &'a mut [[T; COLUMNS]]) -> Self {
        let shape = [rows.len(), COLUMNS];
        Self {
            layer: 0,
            name,
            shape,
            dims: 2,
            strides: [COLUMNS, 1],
            trained: true,
            values: rows.as_flattened_mut(),
        }
    }

    /// The same tensor, which no optimiser changes.
    #[must_use]
    pub const fn fixed(mut self) -> Self {
        self.trained = false;
        self
    }

    /// The same tensor, read-only.
    #[must_use]
    pub fn as_ref(&self) -> Parameter<'_, T> {
        let Self { layer, name, shape, dims, strides, trained, ref values } = *self;
        Parameter { layer, name, shape, dims, strides, trained, values }
    }

    /// The value at this row and column, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, row: usize, column: usize) -> Option<&mut T> {
        let offset = self.as_ref().offset(row, column)?;
        self.values.get_mut(offset)
    }

    /// Calls `each` with each value, in PyTorch's order, row by row.
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

    /// Overwrites the tensor with these values, which are in PyTorch's order, row by row.
    ///
    /// # Panics
    ///
    /// If the slice has another length than the tensor, as `copy_from_slice` of a slice does.
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

/// A shape as Python prints it: `(64, 5)`, `(64,)`.
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

/// The name of a parameter in PyTorch: `0.weight`.
pub(crate) struct ParameterPath {
    pub(crate) layer: usize,
    pub(crate) name: &'static str,
}

impl fmt::Debug for ParameterPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.layer, self.name)
    }
}

impl ParameterPath {
    /// Whether the name is equal to `name`.
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

/// The values of a parameter as text, row by row. If there are more than [`MAX`](Self::MAX), a summary, which
/// differs for different values.
pub(crate) struct PrintedValues<'a, T>(Parameter<'a, T>);

impl<T> PrintedValues<'_, T> {
    /// The largest number of values that are printed one by one.
    const MAX: usize = 256;
}

impl<T: Element> fmt::Debug for PrintedValues<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(parameter) = self;
        let [rows, columns] = parameter.shape;
        let values = || parameter.iter().copied();
        if rows * columns > Self::MAX {
            let squares = values().fold(T::ZERO, |sum, x| sum + x * x);
            let least = values().fold(T::infinity(), T::min);
            let greatest = values().fold(T::neg_infinity(), T::max);
            let norm = squares.sqrt();
            // Differs where the other figures do not: for the same values in another order.
            let checksum = values().fold(0_u64, |sum, x| sum.rotate_left(7) ^ x.integer_decode().0);
            write!(
                f,
                "[{} values from {least} to {greatest}, norm {norm}, checksum {checksum:x}]",
                rows * columns
            )
        } else if columns == 1 {
            f.debug_list().entries(values()).finish()
        } else {
            struct MatrixRow<'a, T>(Parameter<'a, T>, usize);
            impl<T: Element> fmt::Debug for MatrixRow<'_, T> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let columns = 0..self.0.shape[1];
                    f.debug_list().entries(columns.filter_map(|column| self.0.get(self.1, column))).finish()
                }
            }
            f.debug_list().entries((0..rows).map(|row| MatrixRow(*parameter, row))).finish()
        }
    }
}
