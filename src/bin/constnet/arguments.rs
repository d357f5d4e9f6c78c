//! The command line.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use constnet::formats::DenseActivation;
use lexopt::{Arg, Parser, ValueExt as _};

const HELP: &str = "\
Converts trained dense networks from safetensors and ONNX files.

usage: constnet convert FILE -o net.rs | net.safetensors [OPTIONS]
       constnet inspect FILE [OPTIONS]

convert writes Rust source, with the type of the network, its weights bit for bit and a self-test, or a
safetensors file with the names of PyTorch's nn.Sequential. inspect shows the layers of a file, and the
memory and the work that they need.

options:
  -o, --out FILE         The file to write: FILE.rs or FILE.safetensors.
      --force            Replace the file if it exists.
      --name NAME        The name of the `static`. [default: NET]
      --int8             Write the network in 8-bit integers, and print how accurate it is.
      --calibrate FILE   For --int8: typical inputs as CSV, a row for each, and perhaps a first line of names. A file that
                         is quantised already, by ONNX Runtime or by this program, needs none: it has its own scales.
      --dtype f32|f64    The element type. [default: that of the file]
      --prefix PREFIX    Read the tensors whose names start with PREFIX (safetensors).
      --names A,B,…      The names of the linear layers in their order (safetensors).
      --activation A,…   The activation between linear layers: Relu, Elu, Tanh, …, or None; or one for each
                         linear layer, separated by commas (safetensors).
      --output NAME      Read the network that computes this output of the graph or of a node (ONNX).
      --optimizer NAME   Sgd, Momentum, RmsProp, Adam or AdamW, for the memory of training. [default: Adam]
      --batch N          The batch size of training. [default: 1]
  -h, --help             Show this text.
  -V, --version          Show the version.

exit status: 0 on success, 1 for a bad file, 2 for a bad command line
";

/// What the command line asks for.
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) file: PathBuf,
    pub(crate) force: bool,
    pub(crate) name: String,
    pub(crate) double: Option<bool>,
    pub(crate) prefix: String,
    pub(crate) names: Option<Vec<String>>,
    /// One for all, or one for each linear layer; `None` is no activation.
    pub(crate) activations: Option<Vec<Option<DenseActivation>>>,
    pub(crate) output: Option<String>,
    /// Whether the network is written in 8-bit integers.
    pub(crate) int8: bool,
    /// The rows with which it is quantised.
    pub(crate) calibrate: Option<PathBuf>,
    pub(crate) optimizer: Optimizer,
    pub(crate) batch: usize,
}

pub(crate) enum Command {
    Convert { output: PathBuf },
    Inspect,
}

/// An optimiser: its name, the values that it keeps for each parameter, and its own.
#[derive(Clone, Copy)]
pub(crate) struct Optimizer(pub(crate) &'static str, pub(crate) usize, pub(crate) usize);

const OPTIMIZERS: [Optimizer; 5] = [
    Optimizer("Sgd", 0, 1),
    Optimizer("Momentum", 1, 4),
    Optimizer("RmsProp", 1, 4),
    Optimizer("Adam", 2, 5),
    Optimizer("AdamW", 2, 5),
];

const LARGEST_BATCH: usize = 1 << 20;

impl Arguments {
    /// Parses the command line. Returns `None` if it asks for a text, which was printed.
    pub(crate) fn parse() -> Result<Option<Self>, String> {
        parse(Parser::from_env())
    }
}

fn parse(mut parser: Parser) -> Result<Option<Arguments>, String> {
    let mut command = None;
    let (mut file, mut out) = (None, None);
    let mut arguments = Arguments {
        command: Command::Inspect,
        file: PathBuf::new(),
        force: false,
        name: "NET".into(),
        double: None,
        prefix: String::new(),
        names: None,
        activations: None,
        output: None,
        int8: false,
        calibrate: None,
        optimizer: OPTIMIZERS[3],
        batch: 1,
    };
    let text = |parser: &mut Parser| -> Result<String, String> {
        parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
    };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                // A closed pipe is no error.
                let _ = io::stdout().write_all(HELP.as_bytes());
                return Ok(None);
            }
            Arg::Short('V') | Arg::Long("version") => {
                let _ = writeln!(io::stdout(), "constnet {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            Arg::Short('o') | Arg::Long("out") => {
                out = Some(PathBuf::from(parser.value().map_err(|error| error.to_string())?));
            }
            Arg::Long("force") => arguments.force = true,
            Arg::Long("name") => arguments.name = name(text(&mut parser)?)?,
            Arg::Long("dtype") => {
                arguments.double = Some(match &*text(&mut parser)? {
                    "f32" => false,
                    "f64" => true,
                    other => return Err(format!("--dtype is `{other}`, expected f32 or f64")),
                });
            }
            Arg::Long("int8") => arguments.int8 = true,
            Arg::Long("calibrate") => {
                let rows = parser.value().map_err(|error| error.to_string())?;
                arguments.calibrate = Some(PathBuf::from(rows));
            }
            Arg::Long("prefix") => arguments.prefix = text(&mut parser)?,
            Arg::Long("names") => {
                arguments.names = Some(text(&mut parser)?.split(',').map(Into::into).collect());
            }
            Arg::Long("activation") => {
                let names = text(&mut parser)?;
                arguments.activations = Some(names.split(',').map(activation).collect::<Result<_, _>>()?);
            }
            Arg::Long("output") => arguments.output = Some(text(&mut parser)?),
            Arg::Long("optimizer") => {
                let name = text(&mut parser)?;
                let found = OPTIMIZERS.into_iter().find(|optimizer| optimizer.0.eq_ignore_ascii_case(&name));
                arguments.optimizer = found.ok_or_else(|| {
                    format!("--optimizer is `{name}`, expected Sgd, Momentum, RmsProp, Adam or AdamW")
                })?;
            }
            Arg::Long("batch") => {
                let number = text(&mut parser)?;
                let batch = number.parse().ok().filter(|batch| (1..=LARGEST_BATCH).contains(batch));
                arguments.batch = batch.ok_or_else(|| {
                    format!("--batch is `{number}`, expected a number from 1 to {LARGEST_BATCH}")
                })?;
            }
            Arg::Value(value) if command.is_none() => {
                let value = value.to_string_lossy().into_owned();
                if !matches!(&*value, "convert" | "inspect") {
                    return Err(format!("the command is `{value}`, expected convert or inspect"));
                }
                command = Some(value);
            }
            Arg::Value(value) if file.is_none() => file = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let command = command.ok_or("there is no command, expected convert or inspect")?;
    arguments.file = file.ok_or("there is no file to read")?;
    if command == "convert" {
        let output = out.ok_or("there is no file to write: give it by `-o net.rs`")?;
        if !output.extension().is_some_and(|extension| extension == "rs" || extension == "safetensors") {
            return Err(format!(
                "-o is `{}`, expected a name that ends with .rs or .safetensors",
                output.display()
            ));
        }
        if arguments.calibrate.is_some() && !arguments.int8 {
            return Err("`--calibrate` is for `--int8`".into());
        }
        if arguments.int8 && arguments.double.is_some() {
            return Err("`--dtype` is for networks that are not quantised, not for `--int8`".into());
        }
        arguments.command = Command::Convert { output };
    } else if arguments.int8 || arguments.calibrate.is_some() {
        return Err("inspect has no `--int8` and no `--calibrate`".into());
    } else if out.is_some() {
        return Err("inspect writes no file, so that it has no `-o`".into());
    }
    Ok(Some(arguments))
}

/// A name that Rust accepts.
fn name(name: String) -> Result<String, String> {
    const KEYWORDS: [&str; 4] = ["_", "Self", "SELF", "crate"];
    let start = name.chars().next().is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
    let rest = name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    // All keywords but `Self` are in lower case.
    let constant = !name.chars().any(|c| c.is_ascii_lowercase());
    if start && rest && constant && !KEYWORDS.contains(&&*name) {
        return Ok(name);
    }
    Err(format!("--name is `{name}`, expected the name of a Rust `static`, such as NET or POLICY_2"))
}

fn activation(name: &str) -> Result<Option<DenseActivation>, String> {
    if name.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    // `LeakyRelu:20` has a slope of 20 %.
    let found = match name.split_once(':') {
        Some((name, percent)) => match (DenseActivation::from_name(name), percent.parse()) {
            (Some(DenseActivation::LeakyRelu(_)), Ok(percent)) => Some(DenseActivation::LeakyRelu(percent)),
            _ => None,
        },
        None => DenseActivation::from_name(name),
    };
    found.map(Some).ok_or_else(|| {
        let names: Vec<_> = DenseActivation::ALL.iter().map(|activation| activation.name()).collect();
        format!(
            "--activation is `{name}`, expected None or one of {}; LeakyRelu:20 has a slope of 20 %",
            names.join(", ")
        )
    })
}
