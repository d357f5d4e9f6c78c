// A static server, the browser, and what a test does on the page.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";

export const target = process.env.TARGET;
export const site = `${target}/site`;
const { chromium } = createRequire(`${target}/node/`)("playwright-core");

const TYPES = { html: "text/html", js: "text/javascript", css: "text/css", wasm: "application/wasm", json: "application/json" };

/** Serves the page, and returns its address. */
export async function serve() {
  const server = createServer(async ({ url }, response) => {
    const path = new URL(url, "http://localhost").pathname.replace(/\/$/, "/index.html");
    try {
      const body = await readFile(site + path);
      response.writeHead(200, { "content-type": TYPES[path.split(".").at(-1)] ?? "text/plain" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, address: `http://127.0.0.1:${server.address().port}/` };
}

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });

/** Opens the page. Messages on the console and failed requests are collected in `problems`; loaded files in `loaded`. */
export async function open(browser, address, { query = "", script, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.problems = [];
  page.loaded = new Map();
  page.on("console", (message) => page.problems.push(message.text()));
  page.on("pageerror", (error) => page.problems.push(error.message));
  page.on("requestfailed", (request) => page.problems.push(request.url()));
  context.on("request", (request) => {
    if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) page.problems.push(`loads ${request.url()}`);
  });
  context.on("response", async (response) => {
    const path = new URL(response.url()).pathname.replace(/\/$/, "/index.html");
    page.loaded.set(path, await readFile(site + path).catch(() => Buffer.alloc(0)));
  });
  if (script) await page.addInitScript(script);
  await page.goto(address + query);
  return page;
}

/** The bytes of all loaded files, and those after gzip. */
export const sizes = (page) => [...page.loaded.values()].reduce(([all, zipped], bytes) => [all + bytes.length, zipped + gzipSync(bytes, { level: 9 }).length], [0, 0]);

export const text = (page, id) => page.textContent(`#${id}`);
export const value = async (page, id) => Number(await page.getAttribute(`#${id}`, "title"));
export const steps = async (page) => Number((await text(page, "steps")).replaceAll(",", ""));
export const choose = (page, id, option) => page.selectOption(`#${id}`, typeof option === "number" ? { index: option } : { label: option });

/** Waits until an element has a text that fits. */
export const until = (page, id, pattern, timeout = 30_000) =>
  page.waitForFunction(([id, pattern]) => new RegExp(pattern).test(document.getElementById(id).textContent), [id, pattern], { timeout });

/** Waits until there are at least so many steps. */
export const untilSteps = (page, count, timeout = 60_000) =>
  page.waitForFunction((count) => Number(document.getElementById("steps").textContent.replaceAll(",", "")) >= count, count, { timeout });

/** The number of colours in a canvas, at most 50. */
export const colours = (page, id) =>
  page.evaluate((id) => {
    const canvas = document.getElementById(id);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let at = 0; at < data.length && found.size < 50; at += 4) found.add(`${data[at]},${data[at + 1]},${data[at + 2]},${data[at + 3]}`);
    return found.size;
  }, id);
