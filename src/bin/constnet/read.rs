//! Networks from files of both formats.

use std::{fs, io::Read as _};

use constnet::formats::{DenseInt8, DenseNetwork, Onnx, OnnxError};

use crate::{Failure, arguments::Arguments, safetensors};

/// The content of a file.
pub(crate) struct File {
    /// `"safetensors"` or `"ONNX"`.
    pub(crate) format: &'static str,
    /// The network, or the reason why there is none.
    pub(crate) net: Result<Net, String>,
    /// What of the file is not part of the network, and why.
    pub(crate) unused: Vec<(String, String)>,
}

/// A network of a file.
pub(crate) enum Net {
    Dense(DenseNetwork),
    /// One that is quantised already.
    Int8(DenseInt8),
}

/// Reads a file. The error names it.
pub(crate) fn read(arguments: &Arguments) -> Result<File, Failure> {
    let path = &arguments.file;
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if fs::metadata(path).map_err(|error| failed(&error))?.is_dir() {
        return Err(failed(&"this is a folder").into());
    }
    let mut start = Vec::new();
    let mut file = fs::File::open(path).map_err(|error| failed(&error))?;
    (&mut file).take(9).read_to_end(&mut start).map_err(|error| failed(&error))?;
    // A safetensors file starts with the length of the header, in eight bytes, and `{`. The reader of safetensors also knows
    // the formats that start with the others.
    let others = [&b"PK"[..], b"\x89HDF", b"\x80"];
    let is_onnx = start.get(8) != Some(&b'{') && !others.iter().any(|other| start.starts_with(other));
    let has_options =
        !arguments.prefix.is_empty() || arguments.names.is_some() || arguments.activations.is_some();
    if is_onnx && has_options {
        let options = "--prefix, --names and --activation are options for safetensors files";
        return Err(Failure::CommandLine(failed(&options)));
    }
    if !is_onnx && arguments.output.is_some() {
        return Err(Failure::CommandLine(failed(&"--output is an option for ONNX files")));
    }
    let mut read = if is_onnx {
        let onnx = arguments.output.as_deref().map_or(Onnx::new(), |output| Onnx::new().output(output));
        let net = match onnx.read_file(path) {
            Err(OnnxError::Quantized) => {
                let bytes = fs::read(path).map_err(|error| failed(&error))?;
                Net::Int8(onnx.read_quantized(&bytes).map_err(|error| failed(&error))?)
            }
            net => Net::Dense(net.map_err(|error| failed(&error))?),
        };
        File { format: "ONNX", net: Ok(net), unused: Vec::new() }
    } else {
        let mut bytes = start;
        file.read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        safetensors::read(arguments, &bytes).map_err(|error| failed(&error))?
    };
    if matches!(read.net, Ok(Net::Int8(_))) {
        let problem = match arguments.double {
            Some(_) => Some("`--dtype` is for networks that are not quantised"),
            None if has_options => {
                Some("a quantised network records its layers: omit `--prefix`, `--names` and `--activation`")
            }
            None => None,
        };
        if let Some(problem) = problem {
            return Err(Failure::CommandLine(failed(&problem)));
        }
    }
    read.net = read.net.map_err(|error| failed(&error)).and_then(|net| {
        let Net::Dense(mut net) = net else { return Ok(net) };
        net.double = arguments.double.unwrap_or(net.double);
        let element = if net.double { "f64" } else { "f32" };
        match net.not_finite() {
            None => Ok(Net::Dense(net)),
            Some((layer, name, value)) => {
                Err(failed(&format!("{name} of layer {layer} has {value}, expected a finite {element}")))
            }
        }
    });
    Ok(read)
}
