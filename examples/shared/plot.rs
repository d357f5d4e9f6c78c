//! The style of all plots that the examples draw as SVG files.

#![allow(dead_code, reason = "each example uses a part of this")]

use std::{error::Error, fs, ops::Range, path::Path};

use plotters::{
    coord::{
        Shift,
        ranged1d::{AsRangedCoord, ValueFormatter},
        types::RangedCoordf32,
    },
    prelude::*,
};

// Okabe and Ito's colours, which people who are colour-blind can tell apart.
pub(crate) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(crate) const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREY: RGBColor = RGBColor(110, 110, 110);
const GRID: RGBColor = RGBColor(225, 225, 225);

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(crate) type Chart<'a, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf32, Y>>;
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// An empty white picture, in a folder that is made if it does not exist.
pub(crate) fn picture(file: &Path, size: (u32, u32)) -> Result<Area<'_>> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let area = SVGBackend::new(file, size).into_drawing_area();
    area.fill(&WHITE)?;
    Ok(area)
}

/// Axes with names and a grid. For a logarithmic axis, `y` is `(low..high).log_scale()`.
pub(crate) fn chart<'a, Y>(
    area: &Area<'a>,
    title: &str,
    [x_name, y_name]: [&str; 2],
    x: Range<f32>,
    y: impl AsRangedCoord<CoordDescType = Y, Value = f32>,
) -> Result<Chart<'a, Y>>
where
    Y: Ranged<ValueType = f32> + ValueFormatter<f32>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18, &GREY))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(58)
        .build_cartesian_2d(x, y)?;
    let text = ("sans-serif", 13, &GREY);
    chart
        .configure_mesh()
        .x_desc(x_name)
        .y_desc(y_name)
        .label_style(text)
        .axis_desc_style(text)
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .x_labels(8)
        .y_labels(8)
        .axis_style(GREY)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    Ok(chart)
}

/// Short, and the same number of digits along an axis: `1e-4`, `0.25`, `97.5`.
fn number(value: &f32) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        0.01..1e4 => format!("{}", (value * 1e3).round() / 1e3),
        _ => format!("{value:.0e}"),
    }
}

/// A curve, with a name for [`legend`]; no name if it is empty.
pub(crate) fn curve<Y: Ranged<ValueType = f32>>(
    chart: &mut Chart<'_, Y>,
    name: &str,
    color: RGBColor,
    points: impl IntoIterator<Item = (f32, f32)>,
) -> Result {
    let series = chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
    if !name.is_empty() {
        series
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    Ok(())
}

/// A dashed line from one point to another: a goal, or where predictions equal measurements.
pub(crate) fn goal<Y: Ranged<ValueType = f32>>(
    chart: &mut Chart<'_, Y>,
    name: &str,
    line: [(f32, f32); 2],
) -> Result {
    chart
        .draw_series(DashedLineSeries::new(line, 5, 4, GREY.stroke_width(1)))?
        .label(name)
        .legend(|(x, y)| plotters::element::DashedPathElement::new([(x, y), (x + 18, y)], 5, 4, GREY));
    Ok(())
}

/// The names of curves and goals, in a corner.
pub(crate) fn legend<Y: Ranged<ValueType = f32>>(
    chart: &mut Chart<'_, Y>,
    corner: SeriesLabelPosition,
) -> Result {
    chart
        .configure_series_labels()
        .position(corner)
        .background_style(WHITE.mix(0.85))
        .label_font(("sans-serif", 13, &GREY))
        .draw()?;
    Ok(())
}
