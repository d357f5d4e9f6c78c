// Numbers as text, and elements that hold text.

export const $ = (id) => document.getElementById(id);
export const NAMES = { sgd: "SGD", momentum: "SGD with momentum", adam: "Adam", "levenberg-marquardt": "Levenberg–Marquardt" };

export const count = (value) => Math.round(value).toLocaleString("en-US");
export const exact = (value) => (Number.isNaN(value) ? "–" : Number(value.toPrecision(6)).toString());
export const number = (value) => (Number.isNaN(value) ? "–" : value === 0 ? "0" : value >= 0.001 ? value.toFixed(4) : value.toExponential(2));

export function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = false;
}

export function say(text, good = false, where = "message") {
  $(where).textContent = text;
  $(where).classList.toggle("good", good);
}

const texts = {};
/** The text of a file. */
export function text(path) {
  texts[path] ??= fetchText(path).catch((error) => {
    delete texts[path]; // the next request tries again
    throw error;
  });
  return texts[path];
}

async function fetchText(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} could not be loaded: ${response.status}`);
  return response.text();
}

/** Shows Rust source, with comments, strings and keywords coloured. */
export function highlight(element, source) {
  const words = /(\/\/.*)|("(?:[^"\\]|\\.)*")|\b(use|fn|let|mut|for|in|if|else|type|pub|impl|return|move|as)\b/g;
  const parts = [];
  let end = 0;
  for (const match of source.matchAll(words)) {
    parts.push(source.slice(end, match.index));
    const className = match[1] ? "comment" : match[2] ? "string" : "keyword";
    parts.push(Object.assign(document.createElement("span"), { className, textContent: match[0] }));
    end = match.index + match[0].length;
  }
  element.replaceChildren(...parts, source.slice(end));
}

/** Fills a menu with options `[key, text, isDisabled]`. */
export function fill(select, options, value) {
  select.replaceChildren(...options.map(([key, text, disabled]) => Object.assign(new Option(text, key), { disabled: !!disabled })));
  select.value = String(value);
}

/** Shows the compiler's message for shapes that do not fit. */
export async function compilerMessage() {
  highlight($("mistake"), await text("mistake.rs"));
  const message = await text("mistake.stderr");
  const parts = message.split(/^(error.*|.*\^+.*)$/m).map((part, index) => {
    if (index % 2 === 0) return part;
    return Object.assign(document.createElement(part.startsWith("error") ? "b" : "i"), { textContent: part });
  });
  $("error").replaceChildren(...parts);
}
