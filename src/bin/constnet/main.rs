//! Converts trained dense networks from safetensors and ONNX files, and shows what such files hold.

mod arguments;
mod inspect;
mod read;
mod rows;
mod safetensors;

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use constnet::formats::{DenseInt8, DenseNetwork, write_file};

use self::{
    arguments::{Arguments, Command},
    read::Net,
};

/// The exit codes for a bad file and for a bad command line.
const BAD_FILE: u8 = 1;
const BAD_COMMAND_LINE: u8 = 2;

/// What went wrong, for the user.
pub(crate) enum Failure {
    File(String),
    CommandLine(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::File(text)
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::File(error)) => {
            eprintln!("constnet: {error}");
            ExitCode::from(BAD_FILE)
        }
        Err(Failure::CommandLine(error)) => {
            eprintln!("constnet: {error}\nTry `constnet --help`.");
            ExitCode::from(BAD_COMMAND_LINE)
        }
    }
}

fn run() -> Result<(), Failure> {
    let Some(arguments) = Arguments::parse().map_err(Failure::CommandLine)? else { return Ok(()) };
    match &arguments.command {
        Command::Convert { output } => convert(&arguments, output),
        Command::Inspect => inspect::inspect(&arguments),
    }
}

/// Writes the network of a file as Rust source or as a safetensors file.
fn convert(arguments: &Arguments, output: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(output) {
        Ok(there) if there.is_dir() => return Err(format!("{} is a folder", output.display()).into()),
        Ok(_) if !arguments.force => {
            return Err(format!("{} exists; `--force` replaces it", output.display()).into());
        }
        _ => {}
    }
    let read = read::read(arguments)?;
    for (what, why) in &read.unused {
        eprintln!("constnet: {}: not used: {what}: {why}", arguments.file.display());
    }
    let file = arguments.file.display();
    match (read.net?, &arguments.calibrate, arguments.int8) {
        (Net::Dense(net), Some(rows), _) => {
            let (net, report) = rows::read(rows)?.quantize(&net, &arguments.file, rows)?;
            write_int8(arguments, output, &net)?;
            // A closed pipe is no error.
            let _ = writeln!(io::stdout(), "{report}");
            Ok(())
        }
        (Net::Dense(_), None, true) => Err(format!(
            "{file}: the network is not quantised: give typical inputs by `--calibrate rows.csv`"
        )
        .into()),
        (Net::Dense(net), None, false) => write_dense(arguments, output, &net),
        (Net::Int8(net), None, true) => write_int8(arguments, output, &net),
        (Net::Int8(_), Some(_), _) => {
            Err(format!("{file}: the network is quantised already, with its own scales: omit `--calibrate`")
                .into())
        }
        (Net::Int8(_), None, false) => {
            Err(format!("{file}: the network is quantised: `--int8` writes it in 8-bit integers").into())
        }
    }
}

fn is_source(output: &Path) -> bool {
    output.extension().is_some_and(|extension| extension == "rs")
}

fn write_dense(arguments: &Arguments, output: &Path, net: &DenseNetwork) -> Result<(), Failure> {
    if is_source(output) {
        if !net.predict(&net.example()).into_iter().all(|y| net.is_finite(y)) {
            let file = arguments.file.display();
            return Err(format!("{file}: the output for the example of the self-test is not finite").into());
        }
        let name = &arguments.name;
        return write_source(arguments, output, &(net.to_rust_source(name) + &net.to_self_test_source(name)));
    }
    write(output, net.to_safetensors().map_err(|error| error.to_string())?)
}

fn write_int8(arguments: &Arguments, output: &Path, net: &DenseInt8) -> Result<(), Failure> {
    if is_source(output) {
        let name = &arguments.name;
        return write_source(arguments, output, &(net.to_rust_source(name) + &net.to_self_test_source(name)));
    }
    write(output, net.to_safetensors().map_err(|error| error.to_string())?)
}

fn write(output: &Path, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    Ok(write_file(output, content).map_err(|error| error.to_string())?)
}

/// Writes Rust source, after a line that says where it is from.
fn write_source(arguments: &Arguments, output: &Path, source: &str) -> Result<(), Failure> {
    // Without line breaks, because it becomes a comment.
    let file = arguments.file.file_name().unwrap_or_default().to_string_lossy().replace(char::is_control, "");
    let version = env!("CARGO_PKG_VERSION");
    write(output, format!("// Written by constnet {version} from {file}.\n\n{source}"))
}
