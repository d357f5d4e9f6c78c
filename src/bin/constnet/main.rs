//! Converts trained dense networks from safetensors and ONNX files, and shows what such files hold.

mod arguments;
mod inspect;
mod read;
mod rows;

use std::{fmt::Display, fs, path::Path, process::ExitCode};

use constnet::formats::{DenseInt8, Onnx, write_file};

use self::arguments::{Arguments, Command};

/// The exit codes for a bad file and for a bad command line.
const BAD_FILE: u8 = 1;
const BAD_COMMAND_LINE: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::parse() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("constnet: {error}\nTry `constnet --help`.");
            return ExitCode::from(BAD_COMMAND_LINE);
        }
    };
    let result = match &arguments.command {
        Command::Convert { output } => convert(&arguments, output),
        Command::Inspect => inspect::inspect(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("constnet: {error}");
            ExitCode::from(BAD_FILE)
        }
    }
}

/// Writes the network of a file as Rust source or as a safetensors file.
fn convert(arguments: &Arguments, output: &Path) -> Result<(), String> {
    if !arguments.force && fs::symlink_metadata(output).is_ok() {
        return Err(format!("{} exists; `--force` replaces it", output.display()));
    }
    let name = &arguments.name;
    let with_test = |net: DenseInt8| net.to_rust_source(name) + &net.to_self_test_source(name);
    if arguments.int8 && arguments.calibrate.is_none() {
        let path = &arguments.file;
        let failed = |error: &dyn Display| format!("{}: {error}", path.display());
        let bytes = fs::read(path).map_err(|error| failed(&error))?;
        let onnx = arguments.output.as_deref().map_or(Onnx::new(), |output| Onnx::new().output(output));
        let net = onnx.read_quantized(&bytes).map_err(|error| failed(&error))?;
        return write(arguments, output, &with_test(net));
    }
    let read = read::read(arguments)?;
    for (what, why) in &read.unused {
        eprintln!("constnet: {}: not used: {what}: {why}", arguments.file.display());
    }
    let net = read.net?;
    if let Some(rows) = &arguments.calibrate {
        let net = net.quantize(&rows::read(rows)?).map_err(|error| format!("{}: {error}", rows.display()))?;
        return write(arguments, output, &with_test(net));
    }
    if output.extension().is_some_and(|extension| extension == "rs") {
        return write(arguments, output, &(net.to_rust_source(name) + &net.to_self_test_source(name)));
    }
    let content = net.to_safetensors().map_err(|error| error.to_string())?;
    write_file(output, content).map_err(|error| error.to_string())
}

/// Writes Rust source, after a line that says where it is from.
fn write(arguments: &Arguments, output: &Path, source: &str) -> Result<(), String> {
    let file = arguments.file.file_name().unwrap_or_default().display();
    let version = env!("CARGO_PKG_VERSION");
    let content = format!("// Written by constnet {version} from {file}.\n\n{source}");
    write_file(output, content).map_err(|error| error.to_string())
}
