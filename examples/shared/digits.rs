//! The images of `examples/data/digits.txt`.

/// Parses a line of the file: 64 pixels from 0 to 16, each a digit of base 17, a space, and the digit that they show.
pub(crate) fn parse(line: &str) -> Option<([f32; 64], usize)> {
    let (pixels, digit) = line.split_once(' ')?;
    let pixels: Option<Vec<f32>> = pixels.chars().map(|c| Some(c.to_digit(17)? as f32 / 16.0)).collect();
    Some((pixels?.try_into().ok()?, digit.parse().ok().filter(|digit| *digit < 10)?))
}
