//! Which shapes the features may have, and the nodes that change them.

use alloc::{format, string::ToString as _};

use super::{OnnxError, node::Reader, value::Dynamic};

impl Reader<'_, '_, '_> {
    /// The same as [`dynamic`](Self::dynamic), as a row of features for each sample.
    pub(super) fn rows(&self, index: usize) -> Result<Dynamic, OnnxError> {
        let x = self.dynamic(index)?;
        match x.rank {
            Some(rank) if rank > 2 => {
                self.fail(format!("its input has {rank} dimensions, expected 2: flatten it before this node"))
            }
            _ => Ok(x),
        }
    }

    /// The rows, if the operator works along their features.
    pub(super) fn rows_along_axis(&self, default: i64) -> Result<Dynamic, OnnxError> {
        let x = self.rows(0)?;
        match (self.node.int("axis", default), x.rank) {
            (-1, _) | (1, Some(2)) | (0, Some(1)) => Ok(x),
            (axis, _) => self.fail(format!("its `axis` is {axis}, expected -1")),
        }
    }

    pub(super) fn flatten(&self) -> Result<Dynamic, OnnxError> {
        let x = self.dynamic(0)?;
        match (self.node.int("axis", 1), x.rank) {
            (1, Some(2..)) | (-1, Some(2)) => Ok(Dynamic { rank: Some(2), ..x }),
            (1, None) if x.width.is_none() => Ok(Dynamic { rank: Some(2), ..x }),
            (axis, Some(rank)) => self.fail(format!(
                "its `axis` is {axis} and its input has {rank} dimensions, expected 1 and at least 2"
            )),
            (axis, None) => {
                self.fail(format!("its `axis` is {axis} and the shape of its input is not known, expected 1"))
            }
        }
    }

    /// Only what makes one row of all features of each sample, or leaves it as it is.
    pub(super) fn reshape(&self) -> Result<Dynamic, OnnxError> {
        let (x, shape) = (self.dynamic(0)?, self.constant(1)?);
        let is_width = |size: f64| x.width.is_some_and(|width| size == width as f64);
        let is_batch = |size: f64| self.batch.is_some_and(|batch| size == batch as f64);
        let shape_is_known = x.rank.is_some();
        let zero_is_kept = self.node.int("allowzero", 0) == 0;
        let (width, rank) = match shape.values[..] {
            [0.0, -1.0] if zero_is_kept && (shape_is_known || x.width.is_none()) => (x.width, 2),
            [0.0, width] if zero_is_kept && is_width(width) => (x.width, 2),
            [-1.0, width] if is_width(width) => (x.width, 2),
            [-1.0, width] if x.width.is_none() && !shape_is_known && width >= 1.0 => {
                (Some(width as usize), 2)
            }
            [batch, width] if is_batch(batch) && (width == -1.0 || is_width(width)) => (x.width, 2),
            [width] if is_batch(1.0) && (width == -1.0 || is_width(width)) => (x.width, 1),
            _ => {
                return self.fail(format!(
                    "it changes the shape to {:?}, expected rows of {} features",
                    shape.values,
                    x.width.map_or_else(|| "the same".into(), |width| width.to_string())
                ));
            }
        };
        Ok(Dynamic { width, rank: Some(rank), ..x })
    }
}
