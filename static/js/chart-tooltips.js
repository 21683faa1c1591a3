/** The boxes that charts show under the pointer. */

import { cellText } from "./chart-heatmap.js";
import { tooltip } from "./chart-options.js";
import { formatOf, number, percent } from "./formats.js";

/** @typedef {import("./chart-options.js").Spec} Spec */
/** @typedef {import("./chart-options.js").Theme} Theme */
/** @typedef {{name: string, color: string, pattern: number, text: string}} Line */

/** @param {string} tag @param {string} text @param {string} [className] */
export function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** @param {Line} line */
function row({ name, color, pattern, text }) {
  const made = document.createElement("div");
  const swatch = element("span", "", `swatch pattern-${pattern}`);
  swatch.style.backgroundColor = color;
  made.append(swatch, element("span", name), element("b", text));
  return made;
}

/** @param {(HTMLElement | string)[]} parts */
function box(...parts) {
  const made = element("div", "", "chart-tooltip");
  made.append(...parts);
  return made;
}

/** @param {Spec} spec @param {Theme} theme @param {number} place @param {ReadonlySet<number>} hidden */
export function bucketBox(spec, theme, place, hidden) {
  const { title, total, rows, more, marks } = tooltip(spec, theme, place, hidden);
  const head = document.createElement("header");
  head.append(element("span", title), element("strong", total));
  const made = box(head, ...rows.map(row), ...(more ? [element("footer", `and ${more} more`)] : []));
  made.append(...marks.map((text) => element("div", text, "chart-tooltip-mark")));
  return made;
}

/** The same for people who listen. @param {Spec} spec @param {Theme} theme @param {number} place @param {ReadonlySet<number>} hidden */
export function bucketWords(spec, theme, place, hidden) {
  const { title, total, rows, marks } = tooltip(spec, theme, place, hidden);
  const values = rows.map(({ name, text }) => `${name} ${text}`);
  return [total ? `${title}: ${total}` : title, ...values, ...marks].join(", ");
}

/** A slice with its part of the whole. @param {Spec} spec @param {any} hit */
function sliceBox(spec, hit) {
  const text = `${formatOf(spec)(number(hit.value))} · ${percent(hit.percent / 100)}`;
  return box(row({ name: hit.name, color: hit.color, pattern: spec.series[hit.data.index].pattern ?? 0, text }));
}

/** @param {Spec} spec @param {any} hit */
function barBox(spec, hit) {
  return box(row({ name: hit.name, color: hit.color, pattern: hit.data.pattern, text: formatOf(spec)(number(hit.value)) }));
}

/** @param {Spec} spec @param {any} hit */
function cellBox(spec, hit) {
  const { title, text } = cellText(spec, hit.value);
  return box(row({ name: title, color: hit.color, pattern: 0, text }));
}

/** Kinds whose tooltip is of one shape and not of a bucket. @type {Partial<Record<Spec["kind"], (spec: Spec, hit: any) => HTMLElement>>} */
const OF_ONE = { donut: sliceBox, ranking: barBox, heatmap: cellBox };

/** @param {Spec} spec @param {Theme} theme @param {ReadonlySet<number>} hidden */
export function tooltipOption(spec, theme, hidden) {
  const ofOne = OF_ONE[spec.kind];
  const bars = spec.kind.endsWith("bar");
  return {
    trigger: ofOne ? "item" : "axis",
    confine: true,
    transitionDuration: 0,
    backgroundColor: theme.surface,
    borderColor: theme.border,
    borderWidth: 1,
    padding: [8, 10],
    axisPointer: bars
      ? { type: "shadow", shadowStyle: { color: theme.faint, opacity: 0.1 } }
      : { type: "line", lineStyle: { color: theme.faint, type: "solid", width: 1 } },
    formatter: (/** @type {any} */ hit) => (ofOne ? ofOne(spec, hit) : bucketBox(spec, theme, hit[0]?.dataIndex ?? 0, hidden)),
  };
}
