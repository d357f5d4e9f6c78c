//! What a pass hands from layer to layer.

/// What a pass hands from layer to layer: the instruction set, whether it is a training pass, and the index of
/// the layer.
#[derive(Clone, Copy, Debug)]
pub struct Context<S> {
    /// The token of the instruction set.
    pub token: S,
    /// Whether the pass is one of training.
    pub mode: Mode,
    /// The index of the layer in its network, counted from 0.
    pub layer: u32,
}

/// Whether a pass is one of training, as set by PyTorch's `model.train()` and `model.eval()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
#[repr(u32)]
pub enum Mode {
    /// Inference.
    #[default]
    Eval = 0,
    /// Training.
    Train {
        /// The seed from which [`Dropout`](crate::Dropout) draws its masks.
        seed: u32,
        /// The number of the training pass.
        pass: u32,
    },
}

impl<S> Context<S> {
    /// The context of the first layer.
    #[inline(always)]
    pub const fn new(token: S, mode: Mode) -> Self {
        Self { token, mode, layer: 0 }
    }

    /// The context of the layer that follows after `layers` layers.
    #[must_use]
    #[inline(always)]
    pub fn after(self, layers: usize) -> Self {
        Self { layer: self.layer.wrapping_add(layers as u32), ..self }
    }
}
