// Runs the programs as WebAssembly in Node: they import nothing, allocate nothing, and come to
// what the host came to. First `cargo build --release --target wasm32-unknown-unknown`.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const RUNS = 3;

for (const name of ["step", "inference", "adapt", "synthetic"]) {
  const file = new URL(`target/wasm32-unknown-unknown/release/${name}.wasm`, import.meta.url);
  const module = await WebAssembly.compile(await readFile(file));
  // An allocator would be either of these: a function of the host's, or memory that grows.
  assert.deepEqual(WebAssembly.Module.imports(module), [], `${name} imports something`);
  const { run, memory } = (await WebAssembly.instantiate(module)).exports;
  const bytes = memory.buffer.byteLength;
  const results = Array.from({ length: RUNS }, () => run());
  // NaN is how a program says that it failed: `synthetic`, also if the host came to another error.
  results.forEach((result) => assert.ok(Number.isFinite(result), `${name} failed`));
  assert.equal(memory.buffer.byteLength, bytes, `${name} took memory`);
  console.log(`${name}: ${results[0]}`);
}
