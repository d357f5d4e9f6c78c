//! Networks from files of both formats.

use std::{fs, io::Read as _};

use constnet::formats::{DenseNetwork, Onnx};

use crate::{Failure, arguments::Arguments, safetensors};

/// The content of a file.
pub(crate) struct File {
    /// `"safetensors"` or `"ONNX"`.
    pub(crate) format: &'static str,
    /// The network, or the reason why there is none.
    pub(crate) net: Result<DenseNetwork, String>,
    /// What of the file is not part of the network, and why.
    pub(crate) unused: Vec<(String, String)>,
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
    if is_onnx
        && (!arguments.prefix.is_empty() || arguments.names.is_some() || arguments.activations.is_some())
    {
        let options = "--prefix, --names and --activation are options for safetensors files";
        return Err(Failure::CommandLine(failed(&options)));
    }
    if !is_onnx && arguments.output.is_some() {
        return Err(Failure::CommandLine(failed(&"--output is an option for ONNX files")));
    }
    let mut read = if is_onnx {
        let onnx = arguments.output.as_deref().map_or(Onnx::new(), |output| Onnx::new().output(output));
        let net = onnx.read_file(path).map_err(|error| failed(&error))?;
        File { format: "ONNX", net: Ok(net), unused: Vec::new() }
    } else {
        let mut bytes = start;
        file.read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        safetensors::read(arguments, &bytes).map_err(|error| failed(&error))?
    };
    read.net = read.net.map_err(|error| failed(&error)).and_then(|mut net| {
        net.double = arguments.double.unwrap_or(net.double);
        let element = if net.double { "f64" } else { "f32" };
        match net.not_finite() {
            None => Ok(net),
            Some((layer, name, value)) => {
                Err(failed(&format!("{name} of layer {layer} has {value}, expected a finite {element}")))
            }
        }
    });
    Ok(read)
}
