// The WebAssembly modules, and their functions with JavaScript's types.

// A function with one instruction of simd128, i8x16.splat: browsers without SIMD refuse it.
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
);

export const hasSimd = () => WebAssembly.validate(SIMD);

const decoder = new TextDecoder();

/** A module that has been loaded: `simd`, `scalar` or `files`. */
export class Module {
  static async load(name) {
    const response = await fetch(`${name}.wasm`);
    if (!response.ok) throw new Error(`${name}.wasm could not be loaded: ${response.status}`);
    const { instance } = await WebAssembly.instantiate(await response.arrayBuffer());
    return new Module(instance.exports);
  }

  constructor(exports) {
    this.exports = exports;
  }

  #write(bytes) {
    // The address first: the memory may grow, and then its old buffer is detached.
    const address = this.exports.input(bytes.length);
    new Uint8Array(this.exports.memory.buffer, address, bytes.length).set(bytes);
  }

  #writeNumbers(numbers) {
    this.#write(new Uint8Array(Float32Array.from(numbers).buffer));
  }

  #read(length) {
    return new Uint8Array(this.exports.memory.buffer, this.exports.output(), length).slice();
  }

  #text(length) {
    return decoder.decode(this.#read(length));
  }

  #numbers(length) {
    return new Float32Array(this.#read(length).buffer);
  }

  /** Draws the data of a task, and removes all networks. */
  open({ task, seed, added }) {
    this.exports.open(task, seed);
    for (const row of added) this.add(row);
  }

  add(row) {
    this.#writeNumbers(row);
    this.exports.add();
  }

  /** Puts a new network in a place. Returns whether the method fits it. */
  start(place, { model, method, rate }) {
    return this.exports.start(place, model, method, rate) !== 0;
  }

  /** Makes up to so many steps. Returns their number, or −1 if a number was not finite. */
  advance(place, count) {
    return this.exports.advance(place, count);
  }

  rows(validation) {
    return this.#numbers(this.exports.rows(validation));
  }

  losses(place) {
    return this.#numbers(this.exports.losses(place));
  }

  weights(place) {
    return this.#numbers(this.exports.weights(place));
  }

  gradient(place) {
    return this.#numbers(this.exports.gradient(place));
  }

  /** The values of all units for each input, row by row. */
  values(place, inputs) {
    this.#writeNumbers(inputs);
    return this.#numbers(this.exports.values(place));
  }

  hash(place) {
    return (this.exports.hash(place) >>> 0).toString(16).padStart(8, "0");
  }

  set(place, weights) {
    this.#writeNumbers(weights);
    this.exports.set(place);
  }

  restart(place) {
    this.exports.restart(place);
  }

  report(model, method) {
    return this.#text(this.exports.report(model, method));
  }

  /** Loads a safetensors file. Returns a sentence if it does not fit; then nothing has changed. */
  load(place, bytes) {
    this.#write(bytes);
    return this.#text(this.exports.load(place));
  }

  save(place) {
    return this.#read(this.exports.save(place));
  }

  source(place) {
    return this.#text(this.exports.source(place));
  }
}
