//! A curve in the terminal that grows while a network is trained.

#![allow(dead_code, reason = "each example uses a part of this")]

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape};

/// The time between two drawings.
const PAUSE: Duration = Duration::from_millis(50);

/// The logarithm of the loss as a curve, above a progress bar. It is drawn on standard error, if that is a terminal;
/// else nothing is drawn.
pub(crate) struct Live {
    bar: ProgressBar,
    points: Vec<(f32, f32)>,
    drawn: Instant,
}

impl Live {
    /// For a number of epochs. The name stands before the bar.
    pub(crate) fn new(name: String, epochs: usize) -> Self {
        let style = ProgressStyle::with_template("{msg}\n{prefix}{bar:40}  epoch {pos} of {len}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(epochs as u64).with_style(style).with_prefix(name);
        Self { bar, points: Vec::new(), drawn: Instant::now() }
    }

    /// Adds the loss of an epoch. To keep training fast, the epochs between two drawings are left out.
    pub(crate) fn add(&mut self, epoch: usize, loss: f32) {
        if !self.bar.is_hidden() && self.drawn.elapsed() >= PAUSE {
            self.points.push((epoch as f32, loss));
            self.bar.set_message(log_curve(&self.points));
            self.bar.set_position(epoch as u64 + 1);
            self.drawn = Instant::now();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Losses of epochs as a curve of letters, with a logarithmic scale. Two points at least are needed.
pub(crate) fn log_curve(points: &[(f32, f32)]) -> String {
    let [(first, _), .., (last, _)] = *points else { return String::new() };
    let logarithms: Vec<_> = points.iter().map(|(epoch, loss)| (*epoch, loss.log10())).collect();
    let shape = Shape::Lines(&logarithms);
    let mut chart = Chart::new(120, 40, first, last);
    let chart = chart
        .lineplot(&shape)
        .x_label_format(LabelFormat::Custom(Box::new(|epoch| format!("{epoch:.0}"))))
        .y_label_format(LabelFormat::Custom(Box::new(|log| format!("{:.1e}", 10_f32.powf(log)))));
    chart.borders();
    chart.axis();
    chart.figures();
    format!("loss over epochs, logarithmic\n{chart}")
}
