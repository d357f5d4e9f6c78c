// Compiles programs that the page shows, and compares the hashes of their weights with those of the page.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { choose, open, target, text, until } from "./page.mjs";

const CHOICES = [
  ["spirals", 2],
  ["circles", 0],
  ["curve", 3],
  ["surface", 1],
  ["notebook", 2],
  ["notebook", 3],
];

/** The hash of the page, from the parameters of a network of the program. */
const HASH = (net) => `
    let values = ${net}.parameters().flat_map(|parameter| parameter.iter().copied().collect::<Vec<f32>>());
    let bytes = values.flat_map(|value| value.to_bits().to_le_bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    println!("{hash:08x}");
    Ok(())
}`;

export async function checkPrograms(browser, address) {
  const page = await open(browser, address);
  await until(page, "hash-native", "[0-9a-f]{8}");
  await page.click("#compare");
  const folder = `${target}/programs`;
  await mkdir(`${folder}/src/bin`, { recursive: true });
  const library = new URL("../../..", import.meta.url).pathname;
  await writeFile(
    `${folder}/Cargo.toml`,
    `[package]
name = "programs"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
constnet = { path = "${library}", default-features = false }
libm = "0.2"
rand = { version = "0.10", default-features = false }

[profile.dev]
debug = false
`,
  );
  const expected = [];
  for (const [task, method] of CHOICES) {
    await choose(page, "task", task);
    await choose(page, "method", method);
    const source = task === "notebook" ? "synthetic::Task" : `fn ${task}\\(`;
    await until(page, "program", source);
    await until(page, "hash-verdict", "equal");
    const program = await text(page, "program");
    const name = `${task}-${method}`;
    await writeFile(`${folder}/src/bin/${name}.rs`, program.replace(/\n    Ok\(\(\)\)\n}/, HASH(method === 3 ? "net" : "trainer.net")));
    expected.push([name, await text(page, "hash-here")]);
  }
  // With added points it compiles too.
  await choose(page, "task", "spirals");
  await page.click("#plot", { position: { x: 50, y: 80 } });
  await until(page, "program", "samples\\.extend");
  await writeFile(`${folder}/src/bin/added.rs`, await text(page, "program"));
  const cargo = (...parts) =>
    execFileSync("cargo", [...parts, "--quiet", "--manifest-path", `${folder}/Cargo.toml`, "--target-dir", `${folder}/target`], {
      encoding: "utf8",
      env: { ...process.env, RUSTFLAGS: "-D warnings" },
    });
  cargo("build");
  for (const [name, hash] of expected) {
    const printed = cargo("run", "--bin", name);
    assert.equal(printed.trim().split("\n").at(-1), hash, `${name} printed ${printed}`);
  }
  await page.context().close();
}
