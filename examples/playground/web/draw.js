// Drawing: heat maps, the network, curves. Nothing here keeps state but the colours.

export const RANGE = 2.1; // the plane is drawn from −RANGE to RANGE
export const GRID = 36; // cells of a heat map on each side
const FONT = "12px system-ui, sans-serif";

/** The theme's colours, and heat map colours from −1 to 1. */
export let colours;

export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["back", "panel", "ink", "soft", "line", "accent", "one", "zero"];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  const [zero, middle, one] = [colours.zero, colours.panel, colours.one].map((hex) =>
    [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)),
  );
  colours.map = Uint32Array.from({ length: 256 }, (_, index) => {
    const t = (index - 127.5) / 127.5;
    const end = t < 0 ? zero : one;
    const [r, g, b] = middle.map((from, k) => Math.round(from + (end[k] - from) * Math.abs(t) * 0.72));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
  // From a colour-blind-safe set; the dashes differ too.
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  colours.methods = isDark ? ["#62aef0", "#f0c75e", "#ff9a4d", "#4fd6b0"] : ["#1769aa", "#b58900", "#d95f02", "#008f6b"];
}

/** Prepares a canvas for drawing in CSS pixels. */
function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  return { context, width, height };
}

const atlas = document.createElement("canvas");
let pixels = null; // of the atlas

/**
 * Draws heat maps, each of `columns` by `rows` values from −1 to 1, into squares `{ x, y, size, value }`. All are painted on one
 * canvas first, because each copy from a canvas to another takes time.
 */
function heatMaps(context, squares, columns, rows) {
  const height = rows * squares.length;
  if (atlas.width !== columns || atlas.height !== height) {
    Object.assign(atlas, { width: columns, height });
    pixels = new ImageData(columns, height);
  }
  const target = new Uint32Array(pixels.data.buffer);
  const cells = columns * rows;
  squares.forEach(({ value }, place) => {
    for (let cell = 0; cell < cells; cell++) {
      const index = Math.round(127.5 + 127.5 * value(cell));
      target[place * cells + cell] = colours.map[Math.max(0, Math.min(255, index || 0))];
    }
  });
  atlas.getContext("2d", { willReadFrequently: true }).putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = columns === GRID;
  squares.forEach(({ x, y, size }, place) => context.drawImage(atlas, 0, place * rows, columns, rows, x, y, size, size));
}

/** The inputs at which all units are drawn. */
export function inputsOf(kind, training, widths) {
  if (kind === "curve") return Float32Array.from({ length: 121 }, (_, i) => (i / 60 - 1) * RANGE);
  if (kind === "notebook") {
    const [inputs, row] = [widths[0], widths[0] + widths.at(-1)];
    return training.filter((_, index) => index % row < inputs);
  }
  const at = (index) => ((index + 0.5) / GRID - 0.5) * 2 * RANGE;
  return Float32Array.from({ length: 2 * GRID * GRID }, (_, index) => {
    const cell = index >> 1;
    return index % 2 ? -at(Math.floor(cell / GRID)) : at(cell % GRID);
  });
}

const sigmoid = (z) => 1 / (1 + Math.exp(-z));

/** What the colour of an output shows: from −1 to 1. */
const outputColour = (kind) => (kind === "classification" ? (z) => 2 * sigmoid(z) - 1 : (z) => z);

/** Where a point of the plane is on a canvas, and back. */
export const plane = (width, height) => ({
  x: (value) => (value / RANGE / 2 + 0.5) * width,
  y: (value) => (0.5 - value / RANGE / 2) * height,
  back: (x, y) => [(x / width - 0.5) * 2 * RANGE, (0.5 - y / height) * 2 * RANGE],
});

export function drawPlot(canvas, { kind, training, validation, values, units, widths, cursor }) {
  const { context, width, height } = prepare(canvas);
  const { x, y } = plane(width, height);
  if (kind === "notebook") return drawTargets(context, width, height, { training, values, units, widths });
  context.fillStyle = colours.panel;
  context.fillRect(0, 0, width, height);
  if (kind !== "curve" && values) {
    const colour = outputColour(kind);
    const value = (cell) => colour(values[cell * units + units - 1]);
    heatMaps(context, [{ x: 0, y: 0, size: width, value }], GRID, GRID);
  }
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  line(context, [[x(0), 0], [x(0), height]]);
  line(context, [[0, y(0)], [width, y(0)]]);
  const row = widths[0] + 1;
  for (const [rows, isTraining] of [[validation, false], [training, true]]) {
    for (let at = 0; at < rows.length; at += row) {
      if (kind === "curve") {
        point(context, x(rows[at]), y(rows[at + 1]), true, isTraining, colours.one);
      } else {
        const target = rows[at + 2];
        const isOne = kind === "classification" ? target > 0.5 : target > 0;
        point(context, x(rows[at]), y(rows[at + 1]), isOne, isTraining, isOne ? colours.one : colours.zero);
      }
    }
  }
  if (kind === "curve" && values) {
    const count = values.length / units;
    context.strokeStyle = colours.zero;
    context.lineWidth = 2.5;
    line(context, Array.from({ length: count }, (_, i) => [(i / (count - 1)) * width, y(values[i * units + units - 1])]));
  }
  if (cursor) {
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.5;
    context.strokeRect(x(cursor[0]) - 5, y(cursor[1]) - 5, 10, 10);
  }
}

/** The notebook's outputs over their targets. */
function drawTargets(context, width, height, { training, values, units, widths }) {
  const [inputs, outputs] = [widths[0], widths.at(-1)];
  const targets = training.filter((_, index) => index % (inputs + outputs) >= inputs);
  const limit = 1.1 * Math.max(1, ...targets.map(Math.abs));
  const at = (value, size) => (value / limit / 2 + 0.5) * size;
  context.strokeStyle = colours.line;
  context.lineWidth = 1.5;
  line(context, [[0, height], [width, 0]]);
  const marks = [colours.one, colours.zero, colours.soft];
  for (let index = 0; values && index < targets.length; index++) {
    const output = index % outputs;
    const value = values[Math.floor(index / outputs) * units + units - outputs + output];
    point(context, at(targets[index], width), height - at(value, height), output !== 1, true, marks[output % 3]);
  }
  context.fillStyle = colours.soft;
  context.textAlign = "right";
  context.fillText("target", width - 6, height - 8);
  context.textAlign = "left";
  context.fillText("output", 6, 16);
}

/** A point: a disc or a square; of validation data small. */
function point(context, x, y, isRound, isTraining, colour) {
  const size = isTraining ? 4 : 2.2;
  context.beginPath();
  if (isRound) context.arc(x, y, size, 0, 2 * Math.PI);
  else context.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
  context.globalAlpha = isTraining ? 1 : 0.6;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
  if (!isTraining) return;
  context.strokeStyle = colours.panel;
  context.lineWidth = 1.2;
  context.stroke();
}

function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

/** Where the units of a network are drawn, and its weights: `index` counts in PyTorch's order. */
export function layout(widths, width, height) {
  const labels = 18;
  const most = Math.max(...widths);
  const size = Math.max(5, Math.min(36, (height - labels - 8) / most - (most > 20 ? 0 : 5), (width / widths.length) * 0.6));
  const units = widths.flatMap((count, layer) => {
    const x = 4 + size / 2 + (layer / (widths.length - 1)) * (width - size - 8);
    const pitch = Math.min((height - labels) / count, size * 1.9);
    return Array.from({ length: count }, (_, unit) => {
      return { layer, unit, x, y: labels + (height - labels) / 2 + (unit - (count - 1) / 2) * pitch };
    });
  });
  const first = widths.map((_, layer) => widths.slice(0, layer).reduce((a, b) => a + b, 0));
  const weights = [];
  let index = 0;
  for (let layer = 1; layer < widths.length; layer++) {
    for (let to = 0; to < widths[layer]; to++) {
      for (let from = 0; from < widths[layer - 1]; from++) {
        weights.push({ layer, from: units[first[layer - 1] + from], to: units[first[layer] + to], index: index++ });
      }
    }
    for (let to = 0; to < widths[layer]; to++) units[first[layer] + to].bias = index++;
  }
  return { units, weights, size, widths };
}

/** A point of a weight's line. */
export const onLine = ({ from, to }, size, t) => {
  const [x0, x1] = [from.x + size / 2, to.x - size / 2];
  const s = t * t * (3 - 2 * t);
  return [x0 + (x1 - x0) * t, from.y + (to.y - from.y) * s];
};

export function drawNetwork(canvas, { kind, values, inputs, shown, widths, selected }) {
  const { context, width, height } = prepare(canvas);
  const net = layout(widths, width, height);
  if (!values) return net;
  const { size } = net;
  const largest = widths.slice(1).map((_, index) => {
    const sizes = net.weights.filter(({ layer }) => layer === index + 1).map((weight) => Math.abs(shown[weight.index]));
    return Math.max(1e-30, ...sizes);
  });
  for (const weight of net.weights) {
    const value = shown[weight.index];
    const part = Math.abs(value) / largest[weight.layer - 1];
    if (part < 0.02) continue;
    const { from, to } = weight;
    const [x0, x1] = [from.x + size / 2, to.x - size / 2];
    const middle = (x0 + x1) / 2;
    const isDense = widths[weight.layer] * widths[weight.layer - 1] > 100;
    context.beginPath();
    context.moveTo(x0, from.y);
    context.bezierCurveTo(middle, from.y, middle, to.y, x1, to.y);
    context.globalAlpha = isDense ? 0.08 + 0.72 * part * part : 0.18 + 0.75 * part;
    context.strokeStyle = value < 0 ? colours.zero : colours.one;
    context.lineWidth = (isDense ? 0.4 : 0.6) + (isDense ? 1.8 : 4) * part;
    context.stroke();
  }
  context.globalAlpha = 1;
  const count = widths.slice(1).reduce((a, b) => a + b, 0);
  const total = values.length / count;
  let place = 0;
  const squares = net.units.map(({ layer, unit, x, y }) => {
    const [stride, from, offset] = layer ? [count, values, place++] : [widths[0], inputs, unit];
    const isOutput = layer === widths.length - 1;
    const value = scaled((cell) => from[cell * stride + offset], total, isOutput && kind === "classification");
    return { x: x - size / 2, y: y - size / 2, size, value };
  });
  if (kind === "curve") squares.forEach((square) => drawCurve(context, square, total));
  else if (kind === "notebook") heatMaps(context, squares, 5, Math.ceil(total / 5));
  else heatMaps(context, squares, GRID, GRID);
  for (const { layer, unit, x, y } of net.units) {
    const isSelected = selected && selected.layer === layer && selected.unit === unit;
    context.strokeStyle = isSelected ? colours.ink : colours.soft;
    context.lineWidth = isSelected ? 2.5 : size < 10 ? 0.4 : 1;
    context.strokeRect(x - size / 2, y - size / 2, size, size);
  }
  context.fillStyle = colours.soft;
  for (const [layer, units] of widths.entries()) {
    const { x } = net.units.find((unit) => unit.layer === layer);
    context.textAlign = layer === 0 ? "left" : layer === widths.length - 1 ? "right" : "center";
    const shift = layer === 0 ? -size / 2 : layer === widths.length - 1 ? size / 2 : 0;
    const word = layer === 0 ? "input" : layer === widths.length - 1 ? "output" : "hidden";
    context.fillText(`${units} ${word}${units > 1 && word !== "hidden" ? "s" : ""}`, x + shift, 12);
  }
  return net;
}

/** The values of a unit from −1 to 1: of an output that is a logit the probability, else divided by the largest. */
function scaled(value, total, isLogit) {
  if (isLogit) return (cell) => 2 * sigmoid(value(cell)) - 1;
  let largest = 1e-6;
  for (let cell = 0; cell < total; cell++) largest = Math.max(largest, Math.abs(value(cell)));
  return (cell) => value(cell) / largest;
}

/** A unit of a network with one input. */
function drawCurve(context, { x, y, size, value }, total) {
  context.fillStyle = colours.panel;
  context.fillRect(x, y, size, size);
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.4;
  const points = Array.from({ length: 25 }, (_, i) => {
    const cell = Math.round((i / 24) * (total - 1));
    return [x + (i / 24) * size, y + size / 2 - value(cell) * (size / 2 - 2)];
  });
  line(context, points);
}

const superscript = (power) => `10${String(power).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻")}`;
const short = (value) => (value >= 1e6 ? `${+(value / 1e6).toFixed(1)}M` : value >= 1e3 ? `${+(value / 1e3).toFixed(1)}k` : `${+value.toPrecision(2)}`);

/** Curves of losses on a logarithmic scale. Each series has points `[x, y]`, a colour and dashes. */
export function drawLoss(canvas, { series, isTime, cursor }) {
  const { context, width, height } = prepare(canvas);
  const isShown = ([x, y]) => y > 0 && y < 1e30 && (!isTime || x > 0);
  const all = series.flatMap(({ points }) => points).filter(isShown);
  const [left, right, top, bottom] = [38, 8, 6, 34];
  let [low, high, start, end] = [1e-3, 1, isTime ? 0.01 : 0, isTime ? 10 : 100];
  if (all.length) {
    low = Math.min(0.1, ...all.map(([, y]) => y));
    high = Math.max(1, ...all.map(([, y]) => y));
    end = Math.max(end, ...all.map(([x]) => x));
    start = isTime ? Math.min(...all.map(([x]) => x)) : 0;
  }
  [low, high] = [Math.max(-16, Math.floor(Math.log10(low))), Math.ceil(Math.log10(high))];
  const scaleX = isTime ? (x) => Math.log(x / start) / Math.log(end / start) : (x) => x / end;
  const x = (value) => left + scaleX(value) * (width - left - right);
  const y = (value) => top + ((high - Math.log10(value)) / (high - low)) * (height - top - bottom);
  context.fillStyle = colours.soft;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.textAlign = "right";
  const every = Math.ceil((high - low) / 6);
  for (let power = low; power <= high; power++) {
    if ((high - power) % every) continue;
    line(context, [[left, y(10 ** power)], [width - right, y(10 ** power)]]);
    context.fillText(superscript(power), left - 6, y(10 ** power) + 4);
  }
  context.textAlign = "left";
  context.fillText(isTime ? short(start) : "0", left, height - 18);
  context.textAlign = "right";
  context.fillText(short(end), width - right, height - 18);
  context.textAlign = "center";
  context.fillText(isTime ? "milliseconds of training" : "steps", left + (width - left - right) / 2, height - 4);
  for (const { points, colour, dash, thick } of series) {
    context.strokeStyle = colour;
    context.lineWidth = thick ? 2.4 : 1.8;
    context.setLineDash(dash);
    line(context, points.filter(isShown).map(([at, value]) => [x(at), y(Math.max(value, 1e-16))]));
  }
  context.setLineDash([]);
  if (cursor !== null && cursor !== undefined) {
    context.strokeStyle = colours.soft;
    context.lineWidth = 1;
    line(context, [[cursor, top], [cursor, height - bottom]]);
  }
  const back = (pixel) => {
    const t = (pixel - left) / (width - left - right);
    return isTime ? start * (end / start) ** t : t * end;
  };
  return { back, x };
}
