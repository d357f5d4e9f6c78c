// Runs the programs as WebAssembly in Node, and checks that they import nothing, allocate nothing, and that
// `synthetic` reaches the result of the host. Build them before:
// `cargo build --release --target wasm32-unknown-unknown`.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const RUNS = 3;
const folder = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("target", import.meta.url));

for (const name of ["step", "inference", "inference-int8", "digits-int8", "layers-int8", "adapt", "synthetic", "lm"]) {
  const file = `${folder}/wasm32-unknown-unknown/release/${name}.wasm`;
  const module = await WebAssembly.compile(await readFile(file));
  // An allocator would need one of these: a function of the host, or memory that grows.
  assert.deepEqual(WebAssembly.Module.imports(module), [], `${name} imports something`);
  const { run, memory } = (await WebAssembly.instantiate(module)).exports;
  const bytes = memory.buffer.byteLength;
  const results = Array.from({ length: RUNS }, () => run());
  // A program that fails returns NaN, also `synthetic` if its result differs from that of the host.
  results.forEach((result) => assert.ok(Number.isFinite(result), `${name} failed`));
  assert.equal(memory.buffer.byteLength, bytes, `${name} took memory`);
  console.log(`${name}: ${results[0]}`);
}
