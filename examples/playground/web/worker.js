// The worker that trains. The page asks for a snapshot in each of its frames; between two messages the worker trains in
// slices of a few milliseconds, so that neither waits for the other.

import { Module, hasSimd } from "./module.js";

const SLICE = 5; // milliseconds
const LEVENBERG_MARQUARDT = 3;
const MAX_ITERATIONS = 128; // that of `src/method.rs`
const COMPARED_SEEDS = 3;

// A second instance of the scalar module computes the hashes, so that no network is disturbed.
const FILES = { check: "scalar" };
/** The modules by name, each loaded when it is first needed. */
const modules = {};
function load(name) {
  modules[name] ??= Module.load(FILES[name] ?? name).catch((error) => {
    delete modules[name]; // the next request tries again
    throw error;
  });
  return modules[name];
}

const useSimd = hasSimd() && !new URLSearchParams(self.location.search).has("scalar");
let main; // the module that trains by optimisers
let native; // the table of the native build

let choice = null; // what the page has opened
let runners = []; // what is in training: one, or four in a race
let shown = 0; // the place of the network that is drawn
let running = false;
let speed = Infinity; // steps per second
let budget = 0; // steps that the speed allows now
let last = 0; // the time of the last slice
let firstStep = 0; // the time of the first step, in milliseconds since 1970
let opened = 0; // counts calls of `open`, to give up what belongs to an older one

const post = (type, fields = {}, transfer = []) => self.postMessage({ type, ...fields }, transfer);

/** Stops the training, and tells the page why. */
function fail(error) {
  running = false;
  // A module in which Rust has panicked refuses all further calls.
  const isTrap = error instanceof WebAssembly.RuntimeError;
  post("failed", { text: error.message + (isTrap ? "; load the page again" : "") });
}

/** A network in training, in a place of a module. */
class Runner {
  steps = 0;
  time = 0; // milliseconds of training
  batch = 1; // steps of a call
  ended = "";
  constructor(module, place, method) {
    Object.assign(this, { module, place, method });
  }

  /** Makes steps for some milliseconds, at most `most` steps. */
  slice(milliseconds, most) {
    const isSecondOrder = this.method === LEVENBERG_MARQUARDT;
    const start = performance.now();
    let [made, elapsed] = [0, 0];
    while (!this.ended && made < most && elapsed < milliseconds) {
      if (isSecondOrder && made === 1) break;
      const count = Math.min(this.batch, most - made);
      const done = this.module.advance(this.place, count);
      if (done < 0) {
        this.ended = "A loss, a gradient or a weight became infinite, NaN or too large. Choose a smaller learning rate, and reset.";
      } else if (done < count) {
        const iterations = this.steps + made + done;
        this.ended =
          iterations >= MAX_ITERATIONS
            ? `The page computes at most ${MAX_ITERATIONS} iterations.`
            : `The method has ended after ${iterations} iterations.`;
      }
      made += Math.max(0, done);
      elapsed = performance.now() - start;
      if (!isSecondOrder && elapsed < milliseconds / 4) this.batch = Math.min(this.batch * 2, 1 << 14);
    }
    if (made && !isSecondOrder) this.batch = Math.max(1, Math.min(this.batch, made));
    this.steps += made;
    this.time = isSecondOrder ? this.#iterationTime(elapsed) : this.time + elapsed;
    return made;
  }

  /** The time of the iterations so far: the module computes 4, 8, 16, … at once, from the first one. */
  #iterationTime(elapsed) {
    const computed = 2 ** Math.ceil(Math.log2(Math.max(4, this.steps)));
    if (this.computed !== computed) [this.computed, this.each] = [computed, elapsed / computed];
    return Math.max(this.time, this.steps * this.each);
  }
}

async function open(message) {
  const current = ++opened;
  const isSecondOrder = message.race || message.method === LEVENBERG_MARQUARDT;
  const scalar = isSecondOrder ? await load("scalar") : null;
  if (current !== opened) return;
  choice = message;
  runners = [];
  const methods = message.race ? [0, 1, 2, 3] : [message.method];
  main.open(message);
  if (scalar && scalar !== main) scalar.open(message);
  for (const method of methods) {
    const module = method === LEVENBERG_MARQUARDT ? scalar : main;
    const rate = message.race && method !== message.method ? message.rates[method] : message.rate;
    if (module.start(method, { model: message.model, method, rate })) {
      runners.push(new Runner(module, method, method));
    }
  }
  shown = runners.some(({ place }) => place === message.method) ? message.method : 0;
  post("opened", {
    id: message.id,
    training: main.rows(false),
    validation: main.rows(true),
    report: main.report(message.model, message.method),
    simd: useSimd,
    methods: runners.map(({ method }) => method),
  });
  if (message.weights) restore(message.weights);
  // Not awaited: training does not wait for the scalar module.
  compare(current).catch(fail);
}

/** Continues from these weights. */
function restore(weights) {
  for (const runner of runners) {
    runner.module.set(runner.place, weights);
    Object.assign(runner, { steps: 0, ended: "" });
  }
}

const runnerShown = () => runners.find(({ place }) => place === shown);

/**
 * Compares the hash of the scalar module with that of the native build, for the same seed and number of steps. With SIMD, the
 * scalar module is loaded when the page asks.
 */
async function compare(current, asked = false) {
  const { task, model, method, seed, rate, added, rates } = choice;
  const name = `${native.tasks[task].name} ${model} ${native.methods[method]} ${seed}`;
  const expected = native.hashes[name];
  if (!expected || added.length || rate !== rates[method] || choice.weights) {
    post("compared", { id: choice.id, expected: null });
    return;
  }
  const steps = method === LEVENBERG_MARQUARDT ? native.iterations : native.steps;
  if (!asked && !modules.scalar && !modules.check) {
    post("compared", { id: choice.id, expected, hash: null, steps });
    return;
  }
  const own = await load("check");
  if (current !== opened) return;
  own.open(choice);
  own.start(0, choice);
  own.advance(0, steps);
  post("compared", { id: choice.id, expected, hash: own.hash(0), steps });
}

function snapshot({ inputs, gradient }) {
  const runner = runnerShown();
  if (!runner) return;
  const { module, place } = runner;
  const fields = {
    id: choice.id,
    steps: runner.steps,
    firstStep,
    ended: runner.ended,
    hash: module.hash(place),
    weights: module.weights(place),
    values: module.values(place, inputs),
    gradient: gradient ? module.gradient(place) : null,
    race: runners.map((one) => ({
      method: one.method,
      steps: one.steps,
      time: one.time,
      ended: one.ended,
      losses: one.module.losses(one.place),
    })),
  };
  post("frame", fields, [fields.weights.buffer, fields.values.buffer]);
}

/** The number of steps that the speed allows now. */
function allowed(now) {
  if (speed === Infinity) return Infinity;
  // At most those of a tenth of a second, if the worker was busy.
  budget = Math.min(budget + ((now - last) / 1000) * speed, Math.max(1, speed / 10));
  last = now;
  return Math.floor(budget);
}

/** Trains for one slice, then lets messages in. */
const channel = new MessageChannel();
let ticking = false;
channel.port1.onmessage = () => {
  ticking = false;
  try {
    if (running) trainSlice();
  } catch (error) {
    fail(error);
  }
};

function trainSlice() {
  const now = performance.now();
  const most = allowed(now);
  if (most > 0) {
    let made = 0;
    for (const runner of runners) made = Math.max(made, runner.slice(SLICE / runners.length, most));
    budget -= made;
    if (made && !firstStep) firstStep = performance.timeOrigin + performance.now();
  }
  if (!runners.length) {
    setTimeout(tick, 4); // a choice is being opened
  } else if (runners.every(({ ended }) => ended)) {
    running = false;
    post("ended", { id: choice.id, text: runnerShown()?.ended ?? "" });
  } else if (most > 0) {
    tick();
  } else {
    setTimeout(tick, 4);
  }
}

function tick() {
  if (running && !ticking) {
    ticking = true;
    channel.port2.postMessage(0);
  }
}

/** The module of files, with the present weights in its first place. */
async function files() {
  const module = await load("files");
  module.open(choice);
  module.start(0, { ...choice, method: 0 });
  const runner = runnerShown();
  module.set(0, runner.module.weights(runner.place));
  return module;
}

const actions = {
  menu: () => post("menu", { native, simd: useSimd }),
  open,
  compare: () => compare(opened, true),
  snapshot,
  run(message) {
    running = true;
    budget = 0;
    last = performance.now();
    if (message.speed) speed = message.speed;
    tick();
  },
  pause() {
    running = false;
  },
  speed(message) {
    speed = message.speed;
    budget = 0;
    last = performance.now();
  },
  step() {
    running = false;
    for (const runner of runners) runner.slice(Infinity, 1);
  },
  add({ row }) {
    choice.added.push(row);
    for (const module of new Set(runners.map((runner) => runner.module))) module.add(row);
    // The method of Levenberg and Marquardt starts again on the new data, from the present weights.
    for (const runner of runners) {
      if (runner.method === LEVENBERG_MARQUARDT) {
        runner.module.restart(runner.place);
        Object.assign(runner, { steps: 0, ended: "" });
      }
    }
  },
  async save() {
    const module = await files();
    post("file", { name: "net.safetensors", bytes: module.save(0) });
  },
  async source() {
    const module = await files();
    post("file", { name: "net.rs", bytes: new TextEncoder().encode(module.source(0)) });
  },
  /** Loads a file into the network that it fits: the present one, or another of the menu. */
  async load({ bytes, name }) {
    const module = await files();
    const file = new Uint8Array(bytes);
    const error = module.load(0, file);
    if (!error) return post("loaded", { name, model: choice.model, weights: module.weights(0) });
    const fitting = native.models.findIndex((_, model) => {
      return model !== choice.model && module.start(1, { model, method: 0, rate: 1 }) && !module.load(1, file);
    });
    if (fitting < 0) post("loaded", { name, error });
    else post("loaded", { name, model: fitting, weights: module.weights(1) });
  },
};

// Messages that arrive before the module is loaded are handled after it.
const ready = (async () => {
  const table = fetch("native.json").then((response) => {
    if (!response.ok) throw new Error(`native.json could not be loaded: ${response.status}`);
    return response.json();
  });
  [native, main] = await Promise.all([table, load(useSimd ? "simd" : "scalar")]);
})();
let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  queue = queue.then(() => ready).then(() => actions[data.type](data)).catch(fail);
};
