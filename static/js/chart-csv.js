/** A chart's exact numbers as CSV; the same rules for text as core/spreadsheets.py, and a test compares the two. Pure. */

import { isOverTime } from "./chart-zoom.js";

/** @typedef {import("./chart-options.js").Spec} Spec */

const FORMULA = /^[=+\-@\t\r]/;
const QUOTED = /[",\r\n]/;
const LONGEST_NAME = 100;
/** @type {Record<import("./formats.js").Unit, string>} */
const UNITS = {
  usd: "USD",
  tokens: "tokens",
  count: "count",
  ms: "ms",
  percent: "fraction of 1",
  mb: "MB",
  tokens_per_s: "tokens/s",
};

/** A text that no spreadsheet takes for a formula. @param {string} cell */
export const plain = (cell) => (FORMULA.test(cell) ? `'${cell}` : cell);

/** One line (RFC 4180) of cells that are ready as they are. @param {string[]} cells */
export const csvLine = (cells) => `${cells.map((cell) => (QUOTED.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\r\n`;

/** Every digit there is; unknown is an empty cell and not zero. @param {number | string | null} value */
const exact = (value) => (value === null ? "" : String(value));

/** @param {Spec} spec */
const unitOf = (spec) => spec.money?.code ?? UNITS[spec.unit];

/** @param {Spec} spec */
export function csvOf(spec) {
  return rowsOf(spec).map(csvLine).join("");
}

/** @param {Spec} spec @returns {string[][]} */
function rowsOf(spec) {
  const unit = unitOf(spec);
  if (spec.kind === "donut" || spec.kind === "ranking") {
    return [["Name", `Value (${unit})`], ...spec.series.map(({ name, data }) => [plain(name), exact(data[0])])];
  }
  const isTime = isOverTime(spec);
  const isPartial = isTime && spec.partial;
  const head = [isTime ? "Time" : "Name", ...spec.series.map(({ name }) => plain(`${name} (${unit})`))];
  const rows = spec.x.map((bucket, place) => {
    const numbers = spec.series.map(({ data }) => exact(data[place] ?? null));
    return [plain(bucket), ...numbers, ...(isPartial ? [place === spec.x.length - 1 ? "no" : "yes"] : [])];
  });
  return [[...head, ...(isPartial ? ["Complete"] : [])], ...rows];
}

/** The days a chart is about, for titles and names of files. @param {Spec} spec @param {string} given by the page */
export function periodOf(spec, given) {
  if (given || !isOverTime(spec)) return given;
  const [first, last] = [spec.x[0].slice(0, 10), spec.x[spec.x.length - 1].slice(0, 10)];
  return first === last ? first : `${first} to ${last}`;
}

/** "cost-over-time-2026-07-08-to-2026-07-14.csv" @param {string} title @param {string} period @param {string} ending */
export function fileName(title, period, ending) {
  const words = `${title} ${period}`.normalize("NFC").toLowerCase().replace(/[^\p{L}\p{N}\p{M}]+/gu, "-");
  const name = words.replace(/^-+|-+$/g, "").slice(0, LONGEST_NAME);
  return `${name || "chart"}.${ending}`;
}
