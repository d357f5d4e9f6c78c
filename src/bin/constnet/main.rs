//! Converts trained dense networks from safetensors and ONNX files, and shows what such files hold.

mod arguments;
mod inspect;
mod read;
mod rows;

use std::{fs, path::Path, process::ExitCode};

use constnet::formats::write_file;

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
    let read = read::read(arguments)?;
    for (what, why) in &read.unused {
        eprintln!("constnet: {}: not used: {what}: {why}", arguments.file.display());
    }
    let net = read.net?;
    let content = if output.extension().is_some_and(|extension| extension == "rs") {
        let file = arguments.file.file_name().unwrap_or_default().display();
        let name = &arguments.name;
        let version = env!("CARGO_PKG_VERSION");
        let header = format!("// Written by constnet {version} from {file}.\n\n");
        let source = if let Some(rows) = &arguments.calibrate {
            let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", rows.display());
            let net = net.quantize(&rows::read(rows)?).map_err(|error| failed(&error))?;
            net.to_rust_source(name) + &net.to_self_test_source(name)
        } else {
            net.to_rust_source(name) + &net.to_self_test_source(name)
        };
        (header + &source).into_bytes()
    } else {
        net.to_safetensors().map_err(|error| error.to_string())?
    };
    write_file(output, content).map_err(|error| error.to_string())
}
