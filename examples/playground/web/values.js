// The exact values under the mouse, or at the place that the arrow keys have chosen, as text.

import { GRID, RANGE } from "./draw.js";
import { NAMES, count, exact } from "./text.js";

/** The output at a point of the plane. */
export function outputAt([x, y], { kind, widths }, { values }) {
  const units = widths.slice(1).reduce((a, b) => a + b, 0);
  const output = (cell) => values[cell * units + units - 1];
  if (kind === "curve") {
    const cell = Math.max(0, Math.min(120, Math.round((x / RANGE + 1) * 60)));
    return `x = ${x.toFixed(3)}: output ${exact(output(cell))}`;
  }
  if (kind === "notebook") return "\u00a0";
  const cell = (value) => Math.max(0, Math.min(GRID - 1, Math.floor((value / RANGE / 2 + 0.5) * GRID)));
  const z = output(cell(-y) * GRID + cell(x));
  const probability = `, probability of class 1: ${(1 / (1 + Math.exp(-z))).toFixed(4)}`;
  return `(${x.toFixed(3)}, ${y.toFixed(3)}): output ${exact(z)}${kind === "classification" ? probability : ""}`;
}

/** The values of a unit or a weight: those of the network, or their gradient. */
export function parameterText(selected, { widths }, { units, weights }, { gradient, weights: values }) {
  const word = gradient ? "gradient of " : "";
  const value = (index) => exact((gradient ?? values)[index]);
  const { layer, unit, index } = selected;
  if (index !== undefined) {
    const { from, to } = selected;
    return `${word}${2 * (layer - 1)}.weight[${to.unit}, ${from.unit}] = ${value(index)}`;
  }
  if (layer === 0) return `input ${unit}`;
  const own = units.find((one) => one.layer === layer && one.unit === unit);
  const row = weights.filter(({ to }) => to === own).map((weight) => value(weight.index));
  const listed = row.length > 8 ? [...row.slice(0, 8), "…"] : row;
  const where = layer === widths.length - 1 ? "output" : `hidden layer ${layer}, unit`;
  return `${where} ${unit}: ${word}bias ${value(own.bias)}, weights ${listed.join(", ")}`;
}

/** The losses at a place of the curves: after so many steps, in a race after so many milliseconds. */
export function lossesAt(at, history, isRace, methods) {
  const key = isRace ? "time" : "steps";
  const parts = [...history].map(([method, points]) => {
    if (!points.length) return "";
    const near = points.reduce((best, one) => (Math.abs(one[key] - at) < Math.abs(best[key] - at) ? one : best));
    const { steps, time, training, validation } = near;
    if (isRace) return `${NAMES[methods[method]]}: ${exact(training)} after ${time.toFixed(1)} ms, ${count(steps)} steps`;
    const other = Number.isNaN(validation) ? "" : `, validation ${exact(validation)}`;
    return `step ${count(steps)}: training ${exact(training)}${other}`;
  });
  return parts.join("; ");
}
