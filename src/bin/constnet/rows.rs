//! Rows of numbers from CSV files.

use std::{fs, path::Path};

use constnet::{
    DataError,
    formats::{DenseInt8, DenseInt8Error, DenseNetwork},
    quantized::{QuantizationReport, QuantizeError, Range},
};

/// Rows of numbers.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) numbers: Vec<Vec<f32>>,
    /// The line of each row in the file, counted from 1.
    lines: Vec<usize>,
}

/// Reads a row of each line. The first line is skipped if none of its fields is a number: they are names. The error names
/// the file and the line.
pub(crate) fn read(path: &Path) -> Result<Rows, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // Excel starts its files with a byte-order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut rows = Rows::default();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields = || line.split([',', ';', '\t']).map(str::trim);
        if index == 0 && fields().all(|field| field.parse::<f32>().is_err()) {
            continue;
        }
        let number = |field: &str| {
            field
                .parse()
                .map_err(|_| format!("{}: line {}: `{field}` is not a number", path.display(), index + 1))
        };
        rows.numbers.push(fields().map(number).collect::<Result<_, _>>()?);
        rows.lines.push(index + 1);
    }
    Ok(rows)
}

impl Rows {
    /// Quantises a network with the rows of this file. The error names the file whose content is wrong, and the line.
    pub(crate) fn quantize(
        &self,
        net: &DenseNetwork,
        file: &Path,
        rows: &Path,
    ) -> Result<(DenseInt8, QuantizationReport<Vec<Range>>), String> {
        net.quantize(&self.numbers).map_err(|error| {
            let in_line = |row: usize, text: String| {
                let line = self.lines.get(row).copied().unwrap_or_default();
                format!("{}: line {line}: {text}", rows.display())
            };
            match error {
                DenseInt8Error::Row { row, expected, found } => {
                    in_line(row, format!("it has {found} numbers, expected {expected}"))
                }
                DenseInt8Error::Quantize(QuantizeError::Rows(DataError::Input {
                    sample,
                    feature,
                    value,
                })) => in_line(sample, format!("input {feature} is {value}: expected a finite number")),
                DenseInt8Error::Quantize(QuantizeError::Value { layer, row, output, value }) => in_line(
                    row,
                    format!(
                        "output {output} of layer {layer} is {value} for this row: expected a finite number"
                    ),
                ),
                DenseInt8Error::Quantize(QuantizeError::Rows(_) | QuantizeError::NoRange) => {
                    format!("{}: {error}", rows.display())
                }
                _ => format!("{}: {error}", file.display()),
            }
        })
    }
}
