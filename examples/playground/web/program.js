// The Rust type of a choice, and the program that trains in the same way.

const METHODS = {
  sgd: { type: "Sgd", value: (rate) => `Sgd { lr: ${rate} }` },
  momentum: {
    type: "Momentum",
    value: (rate) => `\n        Momentum { lr: ${rate}, momentum: 0.9, nesterov: false, weight_decay: 0.0 }`,
  },
  adam: { type: "Adam", value: (rate) => `Adam::new(${rate})` },
};

const loss = (kind) => (kind === "classification" ? "BceWithLogits" : "Mse");

/** A float as Rust writes it. */
const float = (value) => (Number.isInteger(value) ? `${value}.0` : String(value));

/** The type that is the headline, in three parts: the network is the one in the middle. */
export function typeOf({ kind, net, batch, method }) {
  if (method === "levenberg-marquardt") return ["LevenbergMarquardt on ", net, `, ${loss(kind)}`];
  return ["Trainer<", net, `, ${METHODS[method].type}, ${batch}, ${loss(kind)}>`];
}

/** The program to copy. `source` is the file of the data set. */
export function program({ task, kind, net, batch, method, rate, seed, steps, added, widths }, source) {
  const isSecondOrder = method === "levenberg-marquardt";
  const layers = net.startsWith("mlp!") ? ["mlp"] : ["Linear", "Sequential", "Tanh"];
  const used = isSecondOrder ? ["LevenbergMarquardt"] : [METHODS[method].type, "Trainer"];
  const imports = ["Zeroed", loss(kind), ...layers, ...used, ...(source ? [] : ["synthetic"])];
  const sorted = imports.sort((a, b) => (a === "mlp" || a === "synthetic") - (b === "mlp" || b === "synthetic") || (a < b ? -1 : 1));
  const traits = source ? "Rng, RngExt, SeedableRng" : isSecondOrder ? "SeedableRng" : "RngExt, SeedableRng";
  const rand = `use rand::{${traits}, rngs::Xoshiro128PlusPlus};`;
  const lines = [
    "// [dependencies]",
    '// constnet = { version = "0.1", default-features = false }',
    ...(source ? ['// libm = "0.2"'] : []),
    '// rand = { version = "0.10", default-features = false }',
    `use constnet::{${sorted.join(", ")}};`,
    rand,
    "",
    `type Net = ${net};`,
    "",
    "fn main() -> Result<(), constnet::Error<f32>> {",
    `    let mut rng = Xoshiro128PlusPlus::seed_from_u64(${seed});`,
    ...data({ task, added }, source),
    ...(isSecondOrder ? secondOrder(kind, steps) : optimizer({ kind, batch, method, rate, steps })),
    "    Ok(())",
    "}",
  ];
  return lines.join("\n") + (source ? "\n\n" + source.replace(/^use .*\n+/, "").trimEnd() : "") + "\n";
}

function data({ task, added }, source) {
  if (!source) {
    return [
      "    let task = synthetic::Task::new(&mut rng);",
      "    let samples: Vec<_> = task.x.into_iter().zip(task.y).collect();",
    ];
  }
  const row = ([...row]) => `([${row.slice(0, -1).map(float).join(", ")}], [${float(row.at(-1))}])`;
  return [
    `    let samples = [(); 200].map(|()| ${task}(&mut rng));`,
    `    let validation = [(); 100].map(|()| ${task}(&mut rng));`,
    ...(added.length
      ? ["    let mut samples = samples.to_vec();", `    samples.extend([${added.map(row).join(", ")}]);`]
      : []),
  ];
}

function evaluate(kind, call, isNotebook) {
  const name = isNotebook ? "samples" : "validation";
  const words = isNotebook ? "training" : "validation";
  return [
    `    let (x, y): (Vec<_>, Vec<_>) = ${name}.into_iter().unzip();`,
    `    println!("${words} loss {:e}", ${call});`,
  ];
}

function optimizer({ kind, batch, method, rate, steps }) {
  return [
    "",
    `    let optimizer = ${METHODS[method].value(float(rate))};`.replace("= \n", "=\n"),
    `    let mut trainer =`,
    `        Trainer::<Net, _, ${batch}, _>::with_loss(Net::ZERO, optimizer, ${loss(kind)});`,
    "    trainer.net.init(&mut rng);",
    "    let mut gradient = Net::ZERO;",
    `    for _ in 0..${steps} {`,
    `        let batch = [(); ${batch}].map(|()| samples[rng.random_range(0..samples.len())]);`,
    "        // `trainer.step` does both at once; for SGD its last digits differ.",
    "        let (x, y) = (batch.map(|(x, _)| x), batch.map(|(_, y)| y));",
    "        trainer.gradient(&x, &y, &mut gradient);",
    "        trainer.update(&gradient)?;",
    "    }",
    "",
    ...evaluate(kind, "trainer.evaluate(&x, &y)?", kind === "notebook"),
  ];
}

function secondOrder(kind, steps) {
  const isNotebook = kind === "notebook";
  return [
    "",
    "    let mut net = Net::ZERO;",
    "    net.init(&mut rng);",
    "    let mut workspace = vec![0.0; LevenbergMarquardt::workspace_len::<Net>()];",
    `    let method = LevenbergMarquardt { max_iterations: ${Math.max(steps, 1)}, ..LevenbergMarquardt::new() };`,
    `    let (x, y): (Vec<_>, Vec<_>) = samples.into_iter().unzip();`,
    ...(isNotebook
      ? ["    let report = method.fit(&mut net, &Mse, &x, &y).run(&mut workspace)?;", '    println!("training loss {:e}", report.loss);']
      : [
          "    let (validation_x, validation_y): (Vec<_>, Vec<_>) = validation.into_iter().unzip();",
          "    let run = method.fit(&mut net, &Mse, &x, &y).validate(&validation_x, &validation_y);",
          "    let report = run.run(&mut workspace)?;",
          '    println!("validation loss {:e}", report.validation_loss.unwrap_or(f32::NAN));',
        ]),
  ];
}
