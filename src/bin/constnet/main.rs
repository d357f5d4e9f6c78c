//! Converts trained dense networks from safetensors and ONNX files, and shows what such files hold.

mod arguments;
mod inspect;
mod read;
mod rows;
mod safetensors;

use std::{fmt::Display, fs, path::Path, process::ExitCode};

use constnet::formats::{DenseInt8, Onnx, write_file};

use self::arguments::{Arguments, Command};

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
    let name = &arguments.name;
    let with_test = |net: DenseInt8| net.to_rust_source(name) + &net.to_self_test_source(name);
    if arguments.int8 && arguments.calibrate.is_none() {
        let path = &arguments.file;
        let failed = |error: &dyn Display| format!("{}: {error}", path.display());
        let bytes = fs::read(path).map_err(|error| failed(&error))?;
        let onnx = arguments.output.as_deref().map_or(Onnx::new(), |output| Onnx::new().output(output));
        let net = onnx.read_quantized(&bytes).map_err(|error| {
            failed(&format!(
                "{error}; for a network that is not quantised, give typical inputs by `--calibrate rows.csv`"
            ))
        })?;
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
        if !net.predict(&net.example()).into_iter().all(|y| net.is_finite(y)) {
            let file = arguments.file.display();
            return Err(format!("{file}: the output for the example of the self-test is not finite").into());
        }
        return write(arguments, output, &(net.to_rust_source(name) + &net.to_self_test_source(name)));
    }
    let content = net.to_safetensors().map_err(|error| error.to_string())?;
    write_file(output, content).map_err(|error| error.to_string())?;
    Ok(())
}

/// Writes Rust source, after a line that says where it is from.
fn write(arguments: &Arguments, output: &Path, source: &str) -> Result<(), Failure> {
    // Without line breaks, because it becomes a comment.
    let file = arguments.file.file_name().unwrap_or_default().to_string_lossy().replace(char::is_control, "");
    let version = env!("CARGO_PKG_VERSION");
    let content = format!("// Written by constnet {version} from {file}.\n\n{source}");
    write_file(output, content).map_err(|error| error.to_string())?;
    Ok(())
}
