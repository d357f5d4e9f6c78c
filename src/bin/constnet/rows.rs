//! Rows of numbers from CSV files.

use std::{fs, path::Path};

/// Reads a row of each line. The first line is skipped if none of its fields is a number: they are names. The error names
/// the file and the line.
pub(crate) fn read(path: &Path) -> Result<Vec<Vec<f32>>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut rows = Vec::new();
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
        rows.push(fields().map(number).collect::<Result<_, _>>()?);
    }
    Ok(rows)
}
