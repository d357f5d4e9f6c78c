//! Draws the text of a terminal, with its colours, as SVG: standard input to standard output. `pictures/make` uses it.

use std::io::{self, Read as _};

fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    print!("{}", anstyle_svg::Term::new().render_svg(&text));
    Ok(())
}
