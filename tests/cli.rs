//! The program `constnet`: its output, its exit codes, and the source that it writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use constnet::{
    Elu, He, Linear, Quantized, Relu, Safetensors, Sequential, Standardize, Tanh, Zeroed, mlp, sizes::Memory,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The source that `convert tests/data/onnx/elu.onnx -o elu.rs --name POLICY` wrote.
#[rustfmt::skip]
#[expect(unreachable_pub, reason = "the source is for any module")]
#[path = "data/onnx/elu.rs"]
mod generated;

fn constnet(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_constnet")).args(arguments).output().expect("the program starts")
}

/// The text of a run that must succeed.
#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = constnet(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{error}");
    String::from_utf8(output.stdout).expect("text")
}

/// The error of a run that must fail with this code.
#[track_caller]
fn fails(code: i32, arguments: &[&str]) -> String {
    let output = constnet(arguments);
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.starts_with("constnet: "), "{error}");
    error
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").into()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .expect("a folder")
            .map(|file| file.expect("a file").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_source_of_an_onnx_file_compiles_and_its_self_test_passes() {
    let folder = Folder::new("source");
    let out = folder.file("elu.rs");
    assert_eq!(succeeds(&["convert", "tests/data/onnx/elu.onnx", "-o", &out, "--name", "POLICY"]), "");
    assert_eq!(
        fs::read_to_string(out).expect("a file"),
        fs::read_to_string("tests/data/onnx/elu.rs").expect("a file"),
        "after an intended change, write it anew"
    );
    assert!(generated::policy_self_test());
    // The self-test notices another weight.
    let mut changed = generated::POLICY;
    *changed.layer_mut::<0>().weight_at_mut(3, 2) += 0.01;
    let (x, expected) = &generated::POLICY_EXAMPLE;
    let y: [f32; 3] = changed.predict(x);
    assert!(y.iter().zip(expected).any(|(y, expected)| (y - expected).abs() > 1e-3 * expected.abs()));
}

/// The weights come back bit for bit, with the activations that the file records.
#[test]
fn a_safetensors_file_of_an_onnx_file_is_loaded() {
    let folder = Folder::new("safetensors");
    let out = folder.file("net.safetensors");
    succeeds(&["convert", "tests/data/onnx/elu.onnx", "-o", &out]);
    let mut net: Sequential![Linear<5, 8>, Elu<8>, Linear<8, 3>] = Zeroed::ZERO;
    Safetensors::new().load_file(&mut net, &out).expect("the same layers");
    assert_eq!(net, generated::POLICY);
}

/// From an ONNX file to safetensors to source gives the same source as without the step between, but for the first line,
/// which names the file. Two files start with a layer that is not linear, one has an epsilon, one a slope.
#[test]
fn a_safetensors_file_becomes_the_same_source() {
    let folder = Folder::new("again");
    for name in ["elu", "rsl_rl_large_means", "layer_norm_relu", "activations_everywhere"] {
        let file = &*format!("tests/data/onnx/{name}.onnx");
        let [net, direct, again] = ["net.safetensors", "direct.rs", "again.rs"].map(|name| folder.file(name));
        succeeds(&["convert", file, "-o", &net, "--force"]);
        succeeds(&["convert", file, "-o", &direct, "--force"]);
        succeeds(&["convert", &net, "-o", &again, "--force"]);
        let [direct, again] = [direct, again].map(|file| fs::read_to_string(file).expect("a file"));
        assert_eq!(again.split_once('\n').expect("lines").1, direct.split_once('\n').expect("lines").1);
    }
}

/// The source is that of `Sequential::to_rust_source`, and a self-test.
#[test]
fn a_file_of_pytorch_becomes_the_source_that_the_library_writes() {
    let folder = Folder::new("pytorch");
    let out = folder.file("net.rs");
    succeeds(&["convert", "tests/data/pytorch.safetensors", "-o", &out, "--activation", "Relu"]);
    assert!(fs::read_to_string(out).expect("a file").contains(include_str!("data/pytorch_net.rs")));
}

#[test]
fn names_prefixes_activations_and_types_are_given() {
    let folder = Folder::new("names");
    let net: mlp![3, 4, 2] = StdRng::seed_from_u64(0).sample(He);
    let file = folder.file("named.safetensors");
    let names = |layer: usize, name: &str| format!("{}.{name}", if layer == 0 { "hidden" } else { "out" });
    let mut bytes = Safetensors::new().prefix("pi.").names(&names).save(&net).expect("two names");
    // A file of another program: without the record of the layers.
    let record = bytes.windows(10).position(|w| w == b"\"constnet\"").expect("the record");
    bytes[record + 1] = b'C';
    fs::write(&file, bytes).expect("a file");

    let out = folder.file("net.safetensors");
    let how = ["convert", &file, "-o", &out];
    let run = |more: &[&str]| fails(1, &[&how[..], more].concat());
    assert!(
        run(&["--prefix", "pi."])
            .ends_with("the names of the layers have no order: give it by `--names hidden,out`\n")
    );
    let named = ["--prefix", "pi.", "--names", "hidden,out"];
    assert!(
        run(&named).contains(
            "the file does not record the activations: give them, for example by `--activation Relu`"
        )
    );
    let three = [&named[..], &["--activation", "elu,none,tanh"]].concat();
    assert!(run(&three).ends_with("--activation has 3 names, but the file has 2 linear layers\n"));
    let wrong = ["--prefix", "pi.", "--names", "hidden,last"];
    assert!(run(&wrong).ends_with("the file has no layer `last` of --names, but out\n"));
    assert_eq!(folder.names(), ["named.safetensors"], "a file was written");

    succeeds(&[&how[..], &named, &["--activation", "tanh", "--dtype", "f64"]].concat());
    let mut loaded: Sequential![Linear<3, 4, f64>, Tanh<4, f64>, Linear<4, 2, f64>] = Zeroed::ZERO;
    Safetensors::new().load_file(&mut loaded, &out).expect("the same layers");
    let values =
        |p: constnet::layers::Parameter<'_, f32>| p.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let expected: Vec<f64> = net.parameters().flat_map(values).collect();
    assert!(loaded.parameters().flat_map(|p| p.iter().copied().collect::<Vec<_>>()).eq(expected));
}

#[test]
fn inspect_shows_layers_and_needs() {
    let text = succeeds(&["inspect", "tests/data/onnx/rsl_rl.onnx", "--optimizer", "sgd", "--batch", "2"]);
    // On a pipe: no colour.
    assert!(!text.contains('\x1b'), "{text}");
    for part in [
        "tests/data/onnx/rsl_rl.onnx: ONNX, f32",
        " Linear<12, 32>      12       32         416 ",
        " all                 12        4        1012 ",
        " inference                                   4048           256            960 ",
        " a step with Sgd and batches of 2               0          4572           4992 ",
        "  Sequential![Linear<12, 32>, Elu<32>, Linear<32, 16>, Elu<16>, Linear<16, 4>]",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // The same as the report of the type.
    type Net = Sequential![Linear<12, 32>, Elu<32>, Linear<32, 16>, Elu<16>, Linear<16, 4>];
    let report = constnet::sizes::Report::of::<Net, constnet::Sgd, 2>();
    assert_eq!((report.parameters, report.forward, report.step), (1012, 2 * 960, 4992));
    let batch_norm = constnet(&["inspect", "tests/data/batch_norm.safetensors"]);
    assert_eq!(batch_norm.status.code(), Some(1));
    let (out, error) =
        (String::from_utf8_lossy(&batch_norm.stdout), String::from_utf8_lossy(&batch_norm.stderr));
    assert!(out.contains("  `0.running_mean` [5] F64: it is part of a batch normalisation\n"), "{out}");
    assert!(error.contains("the file has batch normalisation: export the model to ONNX"), "{error}");
}

#[test]
fn a_bad_command_line_is_2() {
    for (arguments, expected) in [
        (&[][..], "there is no command, expected convert or inspect"),
        (&["show"], "the command is `show`, expected convert or inspect"),
        (&["inspect"], "there is no file to read"),
        (&["inspect", "a.onnx", "-o", "b.rs"], "inspect writes no file"),
        (&["convert", "a.onnx"], "there is no file to write: give it by `-o net.rs`"),
        (
            &["convert", "a.onnx", "-o", "b.txt"],
            "-o is `b.txt`, expected a name that ends with .rs or .safetensors",
        ),
        (
            &["convert", "a.onnx", "-o", "b.rs", "--name", "my net"],
            "--name is `my net`, expected the name of a Rust `static`",
        ),
        (&["convert", "a.onnx", "-o", "b.rs", "--name", "_"], "--name is `_`"),
        (
            &["inspect", "a.onnx", "--activation", "Reul"],
            "--activation is `Reul`, expected None or one of Relu, ",
        ),
        (&["inspect", "a.onnx", "--optimizer", "Lion"], "--optimizer is `Lion`, expected Sgd, "),
        (&["inspect", "a.onnx", "--batch", "0"], "--batch is `0`, expected a number from 1 to 1048576"),
        (
            &["inspect", "a.onnx", "--activation", "Relu:3"],
            "--activation is `Relu:3`, expected None or one of Relu, ",
        ),
        (
            &["inspect", "tests/data/onnx/elu.onnx", "--prefix", "a."],
            "--prefix, --names and --activation are options for safetensors files",
        ),
        (
            &["inspect", "tests/data/pytorch.safetensors", "--output", "y"],
            "--output is an option for ONNX files",
        ),
        (&["inspect", "a.onnx", "--dtype", "f16"], "--dtype is `f16`, expected f32 or f64"),
        (&["inspect", "a.onnx", "--colour"], "--colour"),
    ] {
        let error = fails(2, arguments);
        assert!(error.contains(expected), "{error}");
    }
    assert!(succeeds(&["--help"]).starts_with("Converts trained dense networks"));
    assert_eq!(succeeds(&["-V"]), format!("constnet {}\n", env!("CARGO_PKG_VERSION")));
}

/// Each names the file. Nothing is written, and what is there is kept.
#[test]
fn a_bad_file_is_1_and_writes_nothing() {
    let folder = Folder::new("bad");
    let out = folder.file("net.rs");
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.file(name), bytes).expect("a file");
        folder.file(name)
    };
    let elu = fs::read("tests/data/onnx/elu.onnx").expect("a file");
    let weights = fs::read("tests/data/pytorch.safetensors").expect("a file");
    for (file, expected) in [
        (folder.file("none.onnx"), "No such file"),
        (write("cut.onnx", &elu[..300]), "it was cut short, or has another format"),
        (write("cut.safetensors", &weights[..300]), "it was cut short"),
        (write("model.pt", b"PK\x03\x04 a zip archive"), "this is a PyTorch file (.pt)"),
        (write("pickle.pt", b"\x80\x02ctorch._utils"), "this is a Python pickle (.pt)"),
        (folder.file("."), "this is a folder"),
        (write("model.h5", b"\x89HDF\r\n\x1a\n\0\0"), "this is an HDF5 file of Keras"),
        (write("text.txt", b"some text"), "this is not an ONNX file"),
        (write("empty", b""), "this is not an ONNX file"),
        (
            "tests/data/onnx/sklearn_classifier.onnx".into(),
            "the graph has the outputs `label`, `probabilities`, expected one",
        ),
    ] {
        let error = fails(1, &["convert", &file, "-o", &out]);
        assert!(error.contains(&file) && error.contains(expected), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert!(
        !folder.names().iter().any(|name| name.ends_with(".rs") || name.ends_with(".tmp")),
        "{:?}",
        folder.names()
    );

    fs::write(&out, "mine").expect("a file");
    let error = fails(1, &["convert", "tests/data/onnx/elu.onnx", "-o", &out]);
    assert!(error.ends_with("net.rs exists; `--force` replaces it\n"), "{error}");
    assert_eq!(fs::read_to_string(&out).expect("a file"), "mine");
    succeeds(&["convert", "tests/data/onnx/elu.onnx", "-o", &out, "--force"]);
    assert_ne!(fs::read_to_string(&out).expect("a file"), "mine");
}

/// An activation stands where PyTorch's numbers have a gap, else before the next linear layer. A bias of whole numbers and a
/// weight that is no matrix are not read.
#[test]
fn activations_stand_where_the_numbers_have_a_gap() {
    use safetensors::{Dtype, serialize, tensor::TensorView};
    let folder = Folder::new("gaps");
    let (zeros, shapes) = ([0_u8; 64], |rank| if rank == 2 { vec![3, 3] } else { vec![3] });
    let inspect = |tensors: &[(&str, Dtype, usize)], more: &[&str]| {
        let tensors = tensors.iter().map(|(name, dtype, rank)| {
            let shape = shapes(*rank);
            let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
            (*name, TensorView::new(*dtype, shape, &zeros[..bytes]).expect("a tensor"))
        });
        fs::write(folder.file("net.safetensors"), serialize(tensors, None).expect("a file")).expect("a file");
        constnet(&[&["inspect", &folder.file("net.safetensors")], more].concat())
    };
    let f32 = Dtype::F32;
    let linear = |name| (name, f32, 2);
    let norm = [("1.weight", f32, 1), ("1.bias", f32, 1)];
    for (tensors, expected) in [
        (
            vec![linear("0.weight"), norm[0], norm[1], linear("3.weight")],
            "Linear<3, 3>, LayerNorm<3>, Elu<3>, Linear<3, 3>",
        ),
        (
            vec![linear("0.weight"), norm[0], norm[1], linear("2.weight")],
            "Linear<3, 3>, LayerNorm<3>, Elu<3>, Linear<3, 3>",
        ),
        (
            vec![linear("0.weight"), ("2.weight", f32, 1), ("2.bias", f32, 1), linear("3.weight")],
            "Linear<3, 3>, Elu<3>, LayerNorm<3>, Linear<3, 3>",
        ),
        (vec![linear("0.weight"), linear("1.weight")], "Linear<3, 3>, Elu<3>, Linear<3, 3>"),
    ] {
        let output = inspect(&tensors, &["--activation", "elu"]);
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.contains(&format!("Sequential![{expected}]")), "{text}");
    }
    let output = inspect(&[linear("0.weight"), ("0.bias", Dtype::I32, 1)], &[]);
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("tensor `0.bias` has the element type I32, expected F64")
    );
    let output = inspect(&[linear("0.weight"), ("1.weight", f32, 1)], &[]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("`1.weight` [3] F32: a weight of 1 dimension without a bias is not"), "{text}");
    let output = inspect(&[linear("a.0.weight"), linear("b.0.weight")], &["--prefix", "b."]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("`a.0.weight` [3, 3] F32: its name does not start with `b.`"), "{text}");
}

#[test]
fn an_output_is_chosen() {
    let folder = Folder::new("output");
    let out = folder.file("net.safetensors");
    let file = "tests/data/onnx/sklearn_classifier.onnx";
    succeeds(&["convert", file, "--output", "probabilities", "-o", &out]);
    let error = fails(1, &["convert", file, "--output", "label", "-o", &out, "--force"]);
    assert!(error.contains("choose an output before it by `--output`"), "{error}");
    // Also one within the graph.
    let text = succeeds(&["inspect", "tests/data/onnx/layer_norm_relu.onnx", "--output", "z"]);
    assert!(text.contains("Sequential![Linear<3, 4>]\n"), "{text}");
}

/// The source that `convert tests/data/onnx/elu.onnx -o elu_int8.rs --int8 --calibrate tests/data/onnx/rows.csv` wrote.
#[rustfmt::skip]
#[expect(unreachable_pub, reason = "the source is for any module")]
#[path = "data/onnx/elu_int8.rs"]
mod generated_int8;

#[test]
fn a_network_is_quantised_as_the_library_does_it() {
    let folder = Folder::new("int8");
    let out = folder.file("net.rs");
    let rows = "tests/data/onnx/rows.csv";
    let (file, path) = ("tests/data/onnx/elu.onnx", rows);
    let report = succeeds(&["convert", file, "-o", &out, "--int8", "--calibrate", path]);
    let source = fs::read_to_string(out).expect("a file");
    assert_eq!(
        source,
        fs::read_to_string("tests/data/onnx/elu_int8.rs").expect("a file"),
        "after an intended change, write it anew"
    );
    assert!(generated_int8::net_self_test());

    let rows: Vec<[f32; 5]> = fs::read_to_string(rows)
        .expect("rows")
        .lines()
        .skip(1)
        .map(|line| {
            let mut numbers = line.split(',').map(|number| number.trim().parse().expect("a number"));
            [(); 5].map(|()| numbers.next().expect("five numbers"))
        })
        .collect();
    let (quantized, expected) = Quantized::of(&generated::POLICY, &rows).expect("a quantised network");
    assert_eq!(generated_int8::NET, quantized);
    assert!(source.contains(&quantized.to_rust_source("NET").to_string()));
    assert_eq!(report, format!("{expected}\n"));

    // The same as a file, which the library loads, and which is converted and shown.
    let out = folder.file("net.safetensors");
    succeeds(&["convert", file, "-o", &out, "--int8", "--calibrate", path]);
    let mut loaded = Quantized::<Sequential![Linear<5, 8>, Elu<8>, Linear<8, 3>]>::ZERO;
    loaded.load_safetensors(&fs::read(&out).expect("a file")).expect("the same network");
    assert_eq!(loaded, quantized);
    assert_eq!(fs::read(&out).expect("a file"), quantized.to_safetensors().expect("a file"));
    let again = folder.file("again.rs");
    succeeds(&["convert", &out, "-o", &again, "--int8"]);
    let lines = |text: &str| text.lines().skip(1).map(String::from).collect::<Vec<_>>();
    assert_eq!(lines(&fs::read_to_string(again).expect("a file")), lines(&source));
    let text = succeeds(&["inspect", &out]);
    assert!(text.contains("net.safetensors: safetensors, 8-bit integers\n"), "{text}");
    assert!(text.contains("Quantized<Sequential![Linear<5, 8>, Elu<8>, Linear<8, 3>]>\n"), "{text}");
    assert_eq!(sums(&text), Quantized::<Sequential![Linear<5, 8>, Elu<8>, Linear<8, 3>]>::MEMORY, "{text}");
    let params = quantized.output_params();
    let row = text.lines().find(|line| line.trim().starts_with("output")).expect("the output");
    assert!(row.contains(&format!("{:e}", params.scale)), "{text}");
    assert!(row.contains(&params.zero_point.to_string()), "{text}");
}

/// The sums of a table of `inspect`.
fn sums(text: &str) -> Memory {
    let all = text.lines().find(|line| line.trim().starts_with("all")).expect("the sums");
    let mut sums = all.split_whitespace().filter_map(|sum| sum.parse().ok());
    Memory { flash: sums.next().expect("flash"), ram: sums.next().expect("RAM") }
}

/// Also with numbers of weights that are no multiples of 4, and inputs that are standardised.
#[test]
fn inspect_shows_the_memory_of_a_quantised_network() {
    type Net = Sequential![Standardize<3>, Linear<3, 5>, Tanh<5>, Linear<5, 3>, Relu<3>];
    let folder = Folder::new("int8_memory");
    let mut net = Net::ZERO;
    net.layer_mut::<0>().deviation = [1.0; 3];
    let (quantized, _) = Quantized::of(&net, &[[1.0, 2.0, 3.0]]).expect("a quantised network");
    let file = folder.file("net.safetensors");
    fs::write(&file, quantized.to_safetensors().expect("a file")).expect("a file");
    let text = succeeds(&["inspect", &file]);
    assert_eq!(sums(&text), Quantized::<Net>::MEMORY, "{text}");
}

/// An ONNX file that is quantised already keeps its scales.
#[test]
fn a_quantised_network_is_converted() {
    let folder = Folder::new("quantised");
    let out = folder.file("net.rs");
    let file = "tests/data/onnx/int8/qdq.onnx";
    succeeds(&["convert", file, "-o", &out, "--int8"]);
    let source = fs::read_to_string(out).expect("a file");
    let net =
        constnet::formats::Onnx::new().read_quantized(&fs::read(file).expect("a file")).expect("a network");
    assert!(source.contains(&net.to_rust_source("NET")) && source.contains(&net.to_self_test_source("NET")));
    let out = folder.file("net.safetensors");
    succeeds(&["convert", file, "-o", &out, "--int8"]);
    let loaded = constnet::formats::DenseInt8::from_safetensors(&fs::read(out).expect("a file"));
    assert_eq!(loaded.expect("the same network"), net);
    let text = succeeds(&["inspect", file]);
    assert!(text.contains("Quantized<Sequential![Linear<5, 8>, Relu<8>, Linear<8, 3>]>\n"), "{text}");
}

#[test]
fn what_cannot_be_quantised_is_refused() {
    let folder = Folder::new("int8_errors");
    let (out, rows) = (folder.file("net.rs"), folder.file("rows.csv"));
    let run = |text: &str, file: &str| {
        fs::write(&rows, text).expect("a file");
        let error = fails(1, &["convert", file, "-o", &out, "--int8", "--calibrate", &rows]);
        assert_eq!(folder.names(), ["rows.csv"], "a file was written");
        error
    };
    let elu = "tests/data/onnx/elu.onnx";
    assert!(
        run("", elu)
            .ends_with("rows.csv: calibration rows: the data set is empty: expected at least 1 sample\n")
    );
    assert!(run("a,b\n1,2,3,4,5\n1,2\n", elu).ends_with("rows.csv: line 3: it has 2 numbers, expected 5\n"));
    assert!(run("a,b\n1,2,3,x,5\n", elu).ends_with("rows.csv: line 2: `x` is not a number\n"));
    // After a byte-order mark and a blank line.
    assert!(
        run("\u{feff}1,2,3,4,5\n\n1,2,3,4,inf\n", elu)
            .ends_with("rows.csv: line 3: input 4 is inf: expected a finite number\n")
    );
    // All signs: one of them overflows.
    let large = |signs: u32| {
        let sign = |bit: u32| if signs >> bit & 1 == 0 { "" } else { "-" };
        (0..5).map(|bit| sign(bit).to_owned() + "3.4e38").collect::<Vec<_>>().join(",")
    };
    let large: Vec<String> = (0..32).map(large).collect();
    let error = run(&large.join("\n"), elu);
    assert!(error.contains("rows.csv: line ") && error.contains("inf for this row: expected a"), "{error}");
    assert!(
        run("0,0,0,0,0\n", elu).contains("rows.csv: calibration rows: all inputs that become bytes are 0")
    );
    assert!(run("1,2,3,4,5\n", "tests/data/onnx/hardsigmoid.onnx").contains(
        "hardsigmoid.onnx: `Hardsigmoid<8>` has no eight-bit form; a quantised network is made of `Linear`"
    ));

    let error = fails(2, &["convert", elu, "-o", &out, "--calibrate", &rows]);
    assert!(error.contains("`--calibrate` is for `--int8`"), "{error}");
    let error = fails(1, &["convert", elu, "-o", &out, "--int8"]);
    assert!(error.ends_with("is not quantised: give typical inputs by `--calibrate rows.csv`\n"), "{error}");
    let quantized = "tests/data/onnx/int8/qdq.onnx";
    let error = fails(1, &["convert", quantized, "-o", &out, "--int8", "--calibrate", &rows]);
    assert!(error.ends_with("is quantised already, with its own scales: omit `--calibrate`\n"), "{error}");
    let error = fails(1, &["convert", quantized, "-o", &out]);
    assert!(error.ends_with("is quantised: `--int8` writes it in 8-bit integers\n"), "{error}");
    let error = fails(2, &["convert", elu, "-o", &out, "--int8", "--calibrate", &rows, "--dtype", "f64"]);
    assert!(error.contains("`--dtype` is for networks that are not quantised"), "{error}");
    let error = fails(2, &["inspect", quantized, "--dtype", "f64"]);
    assert!(error.contains("`--dtype` is for networks that are not quantised"), "{error}");
    let saved = folder.file("net.safetensors");
    succeeds(&["convert", quantized, "-o", &saved, "--int8"]);
    for option in ["--prefix", "--names", "--activation"] {
        let error = fails(2, &["convert", quantized, "-o", &out, "--int8", option, "Relu"]);
        assert!(error.contains("are options for safetensors files"), "{error}");
        let error = fails(2, &["convert", &saved, "-o", &out, "--int8", option, "Relu"]);
        assert!(error.contains("omit `--prefix`, `--names` and `--activation`"), "{error}");
    }
    assert_eq!(folder.names(), ["net.safetensors", "rows.csv"]);
    let error = fails(2, &["inspect", elu, "--calibrate", &rows]);
    assert!(error.contains("inspect has no `--int8` and no `--calibrate`"), "{error}");
}
