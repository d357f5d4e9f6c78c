// The page: choices, the worker's messages, and when to draw. The worker trains; this file never does.

import { colours, drawLoss, drawNetwork, drawPlot, inputsOf, onLine, plane, readColours } from "./draw.js";
import { program, typeOf } from "./program.js";
import { $, NAMES, compilerMessage, count, exact, fill, highlight, notice, number, say, text } from "./text.js";
import { lossesAt, outputAt, parameterText } from "./values.js";

const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
const VALIDATION_DASH = [5, 3];
const LEVENBERG_MARQUARDT = 3;
const MAX_FILE = 1_000_000; // bytes
const RATES = [0.0003, 0.001, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 3, 10];

let native; // what the native build has written: the menu, and hashes
let worker;
let choice; // what is open
let id = 0;
let running = false;
let frame = null; // the last snapshot
let pending = false; // a snapshot is asked for
let stale = true; // the snapshot is older than what the page has asked the worker for
let dirty = true; // what is drawn is older than the snapshot, or the choices
let data = { training: [], validation: [] };
let inputs = new Float32Array(0);
let history = new Map(); // of each method: points of the curves
let speeds = []; // [time, steps] of the last second
let plotCursor = null;
let selected = null;
let lossCursor = null;
let geometry = {};
let runners = []; // the methods that train

// ---- choices

const kindOf = (task) => native.tasks[task].kind;
const model = () => native.models[choice.model];
const method = () => native.methods[choice.method];

function choices({ task, model, method, rate }) {
  const kind = kindOf(task);
  fill($("task"), native.tasks.map(({ name }, index) => [index, name]), task);
  const fitting = native.models.map((one, index) => [index, `${one.net}, batch ${one.batch}`, one]).filter(([, , one]) => one.kind === kind);
  fill($("model"), fitting.map(([index, text]) => [index, text]), model);
  fill($("method"), native.methods.map((name, index) => [index, NAMES[name], index === LEVENBERG_MARQUARDT && kind === "classification"]), method);
  const rates = [...new Set([...RATES, rate])].sort((a, b) => a - b);
  fill($("learning"), rates.map((rate) => [rate, String(rate)]), rate);
  $("learning").disabled = method === LEVENBERG_MARQUARDT;
}

/** Opens a choice: a new data set, a new network. */
function open(changes = {}) {
  const next = { added: [], race: false, ...choice, weights: null, ...changes };
  const kind = kindOf(next.task);
  if (native.models[next.model].kind !== kind) next.model = native.models.findIndex((one) => one.kind === kind);
  if (kind === "classification" && next.method === LEVENBERG_MARQUARDT) next.method = 2;
  if (choice && choice.task !== next.task) next.added = [];
  if (choice?.weights && !next.weights) say("Random weights have replaced those of the file.", true, "file-message");
  const rates = native.models[next.model].rates;
  const isOther = !choice || choice.method !== next.method || choice.model !== next.model;
  if (isOther && changes.rate === undefined) next.rate = rates[next.method];
  next.rates = rates;
  choice = next;
  choices(choice);
  caught(describe());
  Object.assign(data, { training: [], validation: [] });
  frame = null;
  history = new Map();
  speeds = [];
  // Those of the old data may not fit the new network.
  inputs = new Float32Array(0);
  selected = lossCursor = plotCursor = null;
  for (const name of ["plot-text", "net-text", "loss-text"]) $(name).textContent = "\u00a0";
  worker.postMessage({ type: "open", id: ++id, ...choice });
  const isAlone = choice.race && kind === "classification";
  say(isAlone ? "Levenberg–Marquardt minimises squared errors: with cross-entropy it does not compile. The race has three runners." : "", true);
  $("race").setAttribute("aria-pressed", choice.race);
}

/** The number of steps after which hashes are compared. */
const stepsCompared = () => (choice.method === LEVENBERG_MARQUARDT ? native.iterations : native.steps);

/** Shows the command of the native build, which knows neither added points nor loaded weights. */
function hashCommand() {
  const { task, model, rate, seed, added, weights } = choice;
  const program = "cargo run --release --features second-order --bin hash --";
  $("hash-native-build").hidden = added.length > 0 || !!weights;
  $("hash-command").textContent = `cd examples/playground\n${program} ${native.tasks[task].name} ${model} ${method()} ${rate} ${seed} ${stepsCompared()}`;
}

let sourceShown = 0;

/** Headline and program. */
async function describe() {
  const { kind, net, batch, widths } = model();
  const [before, middle, after] = typeOf({ kind, net, batch, method: method() });
  const strong = Object.assign(document.createElement("span"), { className: "net", textContent: middle });
  $("type").replaceChildren(before, strong, after);
  $("plot").setAttribute("aria-label", plotLabel(kind));
  $("net").setAttribute("aria-label", `The network ${widths.join("→")}: arrow keys choose a unit, whose exact values are read.`);
  $("loss").setAttribute("aria-label", "Curves of the losses, on a logarithmic scale: arrow keys move along them.");
  const task = native.tasks[choice.task].name;
  const steps = stepsCompared();
  const current = ++sourceShown;
  const source = kind === "notebook" ? "" : await text(`tasks/${task}.rs`);
  if (current !== sourceShown) return;
  highlight($("program"), program({ task, kind, net, batch, widths, method: method(), rate: choice.rate, seed: choice.seed, steps, added: choice.added }, source));
  const isPlane = kind !== "notebook";
  $("adding").style.visibility = isPlane ? "visible" : "hidden";
  $("adding").querySelector(".segmented").style.visibility = isPlane && kind !== "curve" ? "visible" : "hidden";
  $("adding-text").textContent = kind === "curve" ? "Click to add a point." : "Click to add a point:";
  $("class-1").textContent = kind === "surface" ? "target 1" : "class 1";
  $("class-0").textContent = kind === "surface" ? "target −1" : "class 0";
}

const plotLabel = (kind) =>
  kind === "notebook"
    ? "The outputs of the network over their targets."
    : "The data, and the output of the network as colour: arrow keys move a cursor, Enter adds a point.";

// ---- the worker

const handlers = {
  menu(message) {
    native = message.native;
    $("hash-code").textContent = message.simd ? "with SIMD, which adds in another order" : "scalar code";
    open({ task: 1, model: 0, method: 2, seed: 1 });
    if (new URLSearchParams(location.search).has("run")) run();
  },
  opened(message) {
    if (message.id !== id) return;
    Object.assign(data, { training: message.training, validation: message.validation });
    const { kind, widths } = model();
    inputs = inputsOf(kind, data.training, widths);
    $("report").textContent = message.report;
    runners = message.methods;
    legend();
    stale = true;
    say("", false, "hash-verdict");
    $("hash-here").textContent = $("hash-native").textContent = "–";
    dirty = true;
  },
  frame(message) {
    pending = false;
    if (message.id !== id) return;
    frame = message;
    if (frame.firstStep && !performance.getEntriesByName("first-step").length) {
      performance.mark("first-step", { startTime: frame.firstStep - performance.timeOrigin });
    }
    record();
    dirty = true;
  },
  compared({ id: of, expected, hash, steps }) {
    if (of !== id) return;
    $("hash-what").textContent = expected
      ? `The weights after ${count(steps)} steps from seed ${choice.seed}, as a hash.`
      : "Native hashes were recorded for seeds 1 to 3 with the first learning rate, without added points or loaded weights.";
    $("hash-native").textContent = expected ?? "–";
    $("hash-here").textContent = hash ?? "–";
    hashCommand();
    $("compare").hidden = !expected || !!hash;
    const isEqual = expected === hash;
    $("hash-verdict").textContent = !expected || !hash ? "" : isEqual ? "✓ equal, bit for bit" : "✗ they differ";
    $("hash-verdict").className = isEqual ? "verdict good" : "verdict";
  },
  ended({ id: of, text }) {
    if (of !== id) return;
    setRunning(false);
    say(text);
  },
  loaded({ name, error, model: fitting, weights }) {
    if (error) return say(`${name} was not loaded: ${error}. Nothing has changed.`, false, "file-message");
    const task = kindOf(choice.task) === native.models[fitting].kind ? choice.task : native.tasks.findIndex(({ kind }) => kind === native.models[fitting].kind);
    open({ model: fitting, task, weights });
    say(`${name} was loaded: training goes on from its weights.`, true, "file-message");
  },
  file({ name, bytes }) {
    const url = URL.createObjectURL(new Blob([bytes]));
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  },
  failed({ text }) {
    pending = false;
    setRunning(false);
    stale = false; // the next snapshot may fail too
    notice(`The worker has failed: ${text}.`);
  },
};

/** Shows an error of a promise that nothing waits for. */
const caught = (promise) => promise.catch((error) => notice(`${error.message}.`));

/** Adds the losses of a snapshot to the curves. */
function record() {
  for (const { method, steps, time, losses } of frame.race) {
    let points = history.get(method);
    if (!points || (points.length && points.at(-1).steps > steps)) history.set(method, (points = []));
    if (points.length && points.at(-1).steps === steps) continue;
    points.push({ steps, time, training: losses[0], validation: losses[1] });
    if (points.length > 300) history.set(method, points.filter((_, index) => index % 2 === 0 || index === points.length - 1));
  }
  const now = performance.now();
  if (speeds.length && speeds.at(-1)[1] > frame.steps) speeds = [];
  speeds.push([now, frame.steps]);
  while (speeds.length > 2 && now - speeds[0][0] > 1000) speeds.shift();
}

// ---- drawing

function animate() {
  requestAnimationFrame(animate);
  if (!native || !choice) return;
  if (!pending && inputs.length && (running || stale)) {
    [pending, stale] = [true, false];
    const gradient = document.querySelector("[name=view]:checked").value === "gradient";
    worker.postMessage({ type: "snapshot", inputs, gradient });
  }
  if (dirty) {
    dirty = false;
    draw();
  }
}

function draw() {
  const { kind, widths } = model();
  const units = widths.slice(1).reduce((a, b) => a + b, 0);
  const values = frame && frame.values.length === (inputs.length / widths[0]) * units ? frame.values : null;
  drawPlot($("plot"), { kind, ...data, values, units, widths, cursor: plotCursor });
  const shown = frame?.gradient ?? frame?.weights;
  geometry.net = drawNetwork($("net"), { kind, values, inputs, shown, widths, selected });
  const { race } = choice;
  const series = [...history].flatMap(([method, points]) => {
    const of = (key) => points.map((one) => [race ? one.time : one.steps, one[key]]);
    if (race) return [{ points: of("training"), colour: colours.methods[method], dash: DASHES[method], thick: true }];
    const lines = [{ points: of("training"), colour: colours.one, dash: [], thick: true }];
    if (data.validation.length) lines.push({ points: of("validation"), colour: colours.zero, dash: VALIDATION_DASH });
    return lines;
  });
  geometry.loss = drawLoss($("loss"), { series, isTime: race, cursor: lossCursor });
  figures();
}

let figuresAt = 0;

function figures() {
  const now = performance.now();
  if (running && now - figuresAt < 100) return;
  figuresAt = now;
  const own = frame?.race.find(({ method }) => method === choice.method) ?? frame?.race[0];
  $("steps").textContent = count(own?.steps ?? 0);
  for (const [index, name] of ["training", "validation"].entries()) {
    const loss = own?.losses[index] ?? NaN;
    $(name).textContent = number(loss);
    $(name).title = exact(loss);
  }
  const [[start, from], [end, to]] = [speeds[0] ?? [0, 0], speeds.at(-1) ?? [0, 0]];
  if (running) $("rate").textContent = end - start > 150 ? count(((to - from) / (end - start)) * 1000) : "–";
  if (frame) $("hash-now").textContent = frame.hash;
  if (plotCursor) plotText();
  if (selected) netText();
}

/** The background of a line with the dashes of a curve. */
function dashed(dash) {
  let at = 0;
  const stops = dash.map((length, index) => `${index % 2 ? "transparent" : "currentColor"} ${at}px ${(at += length)}px`);
  return stops.length ? `repeating-linear-gradient(90deg, ${stops.join(", ")})` : "currentColor";
}

function legend() {
  const item = (colour, dash, text) => {
    const mark = Object.assign(document.createElement("i"), { className: "line" });
    Object.assign(mark.style, { color: colour, background: dashed(dash) });
    const whole = document.createElement("span");
    whole.append(mark, ` ${text}`);
    return [whole];
  };
  const items = choice.race
    ? runners.flatMap((method) => item(colours.methods[method], DASHES[method], NAMES[native.methods[method]]))
    : [...item(colours.one, [], "training"), ...(data.validation.length ? item(colours.zero, VALIDATION_DASH, "validation") : [])];
  $("loss-legend").replaceChildren(...items);
}

// ---- exact values

/** Shows the value at the cursor. */
function plotText() {
  if (plotCursor && frame?.values.length) $("plot-text").textContent = outputAt(plotCursor, model(), frame);
}

/** Shows the exact values of the selected unit or weight. */
function netText() {
  if (selected && frame) $("net-text").textContent = parameterText(selected, model(), geometry.net, frame);
}

/** Shows the losses under the cursor. */
function lossText(pixel) {
  lossCursor = pixel;
  dirty = true;
  if (pixel === null || !geometry.loss) return;
  $("loss-text").textContent = lossesAt(geometry.loss.back(pixel), history, choice.race, native.methods);
}

const pointOf = (event) => [event.offsetX, event.offsetY];

$("plot").addEventListener("pointermove", (event) => {
  const { clientWidth, clientHeight } = $("plot");
  plotCursor = plane(clientWidth, clientHeight).back(...pointOf(event));
  plotText();
  dirty = true;
});
$("plot").addEventListener("pointerleave", () => {
  plotCursor = null;
  dirty = true;
});
$("plot").addEventListener("click", (event) => {
  const { clientWidth, clientHeight } = $("plot");
  add(plane(clientWidth, clientHeight).back(...pointOf(event)));
});
$("plot").addEventListener("keydown", (event) => {
  const step = event.shiftKey ? 0.5 : 0.1;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  const move = moves[event.key];
  if (move) plotCursor = (plotCursor ?? [0, 0]).map((value, axis) => Math.max(-2, Math.min(2, value + move[axis])));
  else if (event.key === "Enter" && plotCursor) add(plotCursor);
  else return;
  event.preventDefault();
  plotText();
  dirty = true;
});

/** Adds a training point. */
function add([x, y]) {
  const { kind } = model();
  if (kind === "notebook" || !data.training.length) return;
  const isOne = document.querySelector("[name=class]:checked").value === "1";
  const target = kind === "classification" ? Number(isOne) : isOne ? 1 : -1;
  const row = (kind === "curve" ? [x, y] : [x, y, target]).map((value) => Number(Math.fround(value).toFixed(3)));
  choice.added = [...choice.added, row];
  data.training = Float32Array.from([...data.training, ...row]);
  worker.postMessage({ type: "add", row });
  stale = true;
  handlers.compared({ id, expected: null });
  caught(describe());
  dirty = true;
  const added = choice.added.length;
  say(`${added} ${added === 1 ? "point" : "points"} added: ${data.training.length / row.length} training points.`, true);
}

$("net").addEventListener("pointermove", (event) => {
  const [x, y] = pointOf(event);
  const { units, weights, size } = geometry.net ?? { units: [], weights: [] };
  selected = units.find((unit) => Math.abs(unit.x - x) <= size / 2 && Math.abs(unit.y - y) <= size / 2) ?? null;
  if (!selected) {
    let nearest = 6;
    for (const weight of weights) {
      const { from, to } = weight;
      const t = (x - from.x - size / 2) / (to.x - from.x - size);
      if (t < 0 || t > 1) continue;
      const distance = Math.abs(onLine(weight, size, t)[1] - y);
      if (distance < nearest) [nearest, selected] = [distance, weight];
    }
  }
  netText();
  dirty = true;
});
$("net").addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  const { widths } = model();
  const { layer, unit } = selected?.unit === undefined ? { layer: 1, unit: -1 } : selected;
  const next = Math.max(0, Math.min(widths.length - 1, layer + move[0]));
  selected = { layer: next, unit: Math.max(0, Math.min(widths[next] - 1, unit + move[1])) };
  netText();
  dirty = true;
});
$("loss").addEventListener("pointermove", (event) => lossText(event.offsetX));
$("loss").addEventListener("pointerleave", () => lossText(null));
$("loss").addEventListener("keydown", (event) => {
  const move = { ArrowLeft: -10, ArrowRight: 10 }[event.key];
  if (!move) return;
  event.preventDefault();
  lossText(Math.max(38, Math.min($("loss").clientWidth - 8, (lossCursor ?? 38) + move)));
});

// ---- controls

function setRunning(value) {
  running = value;
  if (value) speeds = [];
  // A screen reader would read every number of every frame.
  for (const element of document.querySelectorAll(".exact")) element.ariaLive = value ? "off" : "polite";
  stale = true;
  $("run").querySelector(".label").textContent = value ? "Pause" : "Run";
  $("run").firstElementChild.textContent = value ? "❚❚" : "▶";
  dirty = true;
}

function run() {
  $("notice").hidden = true;
  setRunning(true);
  worker.postMessage({ type: "run", speed: Number($("speed").value) });
}

function pause() {
  setRunning(false);
  worker.postMessage({ type: "pause" });
}

$("run").addEventListener("click", () => (running ? pause() : run()));
$("step").addEventListener("click", () => {
  setRunning(false);
  worker.postMessage({ type: "step" });
  stale = true;
});
$("reset").addEventListener("click", () => {
  pause();
  open({ added: [] });
});
$("race").addEventListener("click", () => {
  pause();
  open({ race: !choice.race, weights: choice.weights });
  if (choice.race) run();
});
for (const key of ["task", "model", "method"]) {
  $(key).addEventListener("change", () => {
    const wasRunning = running;
    open({ [key]: Number($(key).value), weights: key === "method" ? choice.weights : null });
    if (wasRunning) run();
  });
}
$("learning").addEventListener("change", () => open({ rate: Number($("learning").value), weights: choice.weights }));
$("seed").addEventListener("change", () => {
  const seed = Math.max(0, Math.min(2 ** 32 - 1, Math.trunc(Number($("seed").value)) || 0));
  $("seed").value = String(seed);
  open({ seed });
});
$("speed").addEventListener("change", () => worker.postMessage({ type: "speed", speed: Number($("speed").value) }));
for (const input of document.querySelectorAll("[name=view]")) input.addEventListener("change", () => (stale = true));

$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("program").textContent);
  } catch {
    return say("The browser does not let this page copy: select the program, and copy it by the keyboard.");
  }
  $("copy").textContent = "Copied";
  setTimeout(() => ($("copy").textContent = "Copy"), 1500);
});
$("compare").addEventListener("click", () => worker.postMessage({ type: "compare" }));
$("save").addEventListener("click", () => worker.postMessage({ type: "save" }));
$("source").addEventListener("click", () => worker.postMessage({ type: "source" }));

async function load(file) {
  if (!file) return;
  const refuse = (reason) => say(`${file.name} was not loaded: ${reason}. Nothing has changed.`, false, "file-message");
  if (file.size > MAX_FILE) return refuse(`it has ${count(file.size)} bytes, and a file of these networks has less than ${count(MAX_FILE)}`);
  const bytes = await file.arrayBuffer().catch(() => null);
  if (!bytes) return refuse("it cannot be read; a folder has no bytes");
  worker.postMessage({ type: "load", name: file.name, bytes }, [bytes]);
}
$("open").addEventListener("change", () => {
  load($("open").files[0]);
  $("open").value = "";
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  load(event.dataTransfer.files[0]);
});

// ---- start

function start() {
  if (typeof WebAssembly !== "object") return notice("This browser has no WebAssembly, which this page needs to train.");
  if (typeof Worker !== "function") return notice("This browser has no web workers, which this page needs to train.");
  readColours();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    if (choice) legend();
    dirty = true;
  });
  addEventListener("resize", () => (dirty = true));
  worker = window.trainer;
  worker.onmessage = ({ data }) => handlers[data.type](data);
  worker.postMessage({ type: "menu" });
  worker.onerror = () => handlers.failed({ text: "it could not start, because this browser may be too old" });
  if (worker.failed) worker.onerror();
  caught(compilerMessage());
  requestAnimationFrame(animate);
}

start();
