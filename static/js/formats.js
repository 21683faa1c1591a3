/** How numbers and times read; the same words as core/formats.py, and a test compares the two. */

export const UNKNOWN = "–";
const NBSP = "\u00a0";
const MINUS = "−";
const SUFFIXES = ["", "K", "M", "B", "T"];
const MEMORY = ["MB", "GB", "TB"];
const SMALLEST = 1e-12;
const DOLLARS = { sign: "$", digits: 2 };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** @typedef {"usd" | "tokens" | "count" | "ms" | "percent" | "mb" | "tokens_per_s"} Unit */
/** @typedef {{code: string, sign: string, digits: number}} Money a currency, and how its amounts are written */
/** @typedef {{sign: string, digits: number}} Style */

/** Decimals arrive as strings. @param {number | string | null} value */
export const number = (value) => (value === null ? null : Number(value));

/**
 * Rounds half away from zero on the shortest decimal form, as Python's Decimal does.
 * @param {number} value
 * @param {number} decimals
 * @param {number} [least]
 */
function fixed(value, decimals, least = decimals) {
  const format = new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: decimals });
  return format.format(/** @type {any} */ (String(value)));
}

/** @param {number} value */
const sign = (value) => (value < 0 ? MINUS : "");

/** @param {number} size */
const oneIfBelow100 = (size) => (size < 99.95 ? 1 : 0);

/** @param {number} size */
function compact(size) {
  let step = 0;
  while (size >= 999.5 && step < SUFFIXES.length - 1) {
    size /= 1000;
    step += 1;
  }
  const decimals = step ? oneIfBelow100(size) : 0;
  return fixed(size, decimals) + (step ? NBSP + SUFFIXES[step] : "");
}

/** @param {number | null} value @param {Style} style */
export function money(value, style) {
  if (value === null) return UNKNOWN;
  const size = Math.abs(value);
  if (size > 0 && size < SMALLEST) return `<${style.sign}0.000000000001`;
  const least = size >= 100 || !size ? style.digits : Math.max(style.digits, 2);
  const exponent = Number(size.toExponential().split("e")[1]);
  const decimals = size >= 1 || !size ? least : Math.max(2 - exponent, least);
  return `${sign(value)}${style.sign}${fixed(size, decimals, least)}`;
}

/** @param {number | null} value @param {Style} style */
export function moneyCompact(value, style) {
  if (value === null) return UNKNOWN;
  if (Math.abs(value) >= 10_000) return `${sign(value)}${style.sign}${compact(Math.abs(value))}`;
  return money(value, style).replace(/\.0+$/, "");
}

/** @param {number | null} value */
export const usd = (value) => money(value, DOLLARS);

/** @param {number | null} value */
export const usdCompact = (value) => moneyCompact(value, DOLLARS);

/** @param {number | null} value */
export const tokens = (value) => (value === null ? UNKNOWN : sign(value) + compact(Math.abs(value)));

/** @param {number | null} value */
export const count = (value) => (value === null ? UNKNOWN : sign(value) + fixed(Math.abs(value), 0));

/** @param {number} value */
const twoDigits = (value) => String(value).padStart(2, "0");

/** @param {number} size */
function duration(size) {
  if (size < 999.5) return `${fixed(size, size > 0 && size < 9.95 ? 1 : 0)}${NBSP}ms`;
  const seconds = size / 1000;
  if (seconds < 59.95) return `${fixed(seconds, seconds < 9.995 ? 2 : 1)}${NBSP}s`;
  const whole = Number(fixed(seconds, 0).replaceAll(",", ""));
  if (whole < 3600) return `${Math.floor(whole / 60)}${NBSP}m${NBSP}${twoDigits(whole % 60)}${NBSP}s`;
  return `${fixed(Math.floor(whole / 3600), 0)}${NBSP}h${NBSP}${twoDigits(Math.floor((whole % 3600) / 60))}${NBSP}m`;
}

/** @param {number | null} value milliseconds */
export const durationMs = (value) => (value === null ? UNKNOWN : sign(value) + duration(Math.abs(value)));

/** @param {number} size */
function memory(size) {
  let step = 0;
  while (size >= 1023.5 && step < MEMORY.length - 1) {
    size /= 1024;
    step += 1;
  }
  return `${fixed(size, oneIfBelow100(size), 0)}${NBSP}${MEMORY[step]}`;
}

/** @param {number | null} value */
export const megabytes = (value) => (value === null ? UNKNOWN : sign(value) + memory(Math.abs(value)));

/** @param {number} size */
function speed(size) {
  if (size > 0 && size < 0.05) return "<0.1";
  return size < 999.5 ? fixed(size, size ? oneIfBelow100(size) : 0) : compact(size);
}

/** @param {number | null} value */
export const tokensPerSecond = (value) => (value === null ? UNKNOWN : `${sign(value)}${speed(Math.abs(value))}${NBSP}tokens/s`);

/** @param {number | null} fraction */
export function percent(fraction) {
  if (fraction === null) return UNKNOWN;
  // Scaled in decimal, not binary: 0.145 is 14.5 and not 14.499999999999998.
  const size = Number(fixed(Math.abs(fraction), 18, 0).replaceAll(",", "") + "e2");
  if (!size) return "0%";
  if (size < 0.05) return "<0.1%";
  return `${sign(fraction)}${fixed(size, oneIfBelow100(size))}%`;
}

/**
 * @param {Date} moment
 * @param {Date} now
 */
export function relativeTime(moment, now) {
  const seconds = Math.trunc((now.getTime() - moment.getTime()) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  /** @type {[number, number, string][]} */
  const steps = [[60, 1, "s"], [3600, 60, "min"], [86_400, 3600, "h"], [30 * 86_400, 86_400, "d"]];
  const step = steps.find(([limit]) => size < limit);
  if (!step) return null;
  const text = `${Math.floor(size / step[1])}${NBSP}${step[2]}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/**
 * A bucket's label. Buckets carry the organization's wall clock, so no zone is applied: what is written is shown.
 * @param {string} bucket "2026-07-12" or "2026-07-12T14:00…"
 * @returns {string | null} null when it is a plain label
 */
export function bucketLabel(bucket) {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d).*)?$/.exec(bucket);
  if (!match) return null;
  const day = `${Number(match[3])} ${MONTHS[Number(match[2]) - 1]}`;
  return match[4] ? `${day}, ${match[4]}` : day;
}

/** @type {Record<Unit, (value: number | null) => string>} */
export const FORMATS = { usd, tokens, count, ms: durationMs, percent, mb: megabytes, tokens_per_s: tokensPerSecond };

/** An axis counts in round steps: "80 M" and not "80.0 M". @param {(value: number | null) => string} format */
const short = (format) => (/** @type {number | null} */ value) => format(value).replace(/\.0+(?!\d)|(\.\d*[1-9])0+(?!\d)/, "$1");

/** @type {Record<Unit, (value: number | null) => string>} */
export const AXIS_FORMATS = {
  usd: usdCompact,
  tokens: short(tokens),
  count: short(tokens),
  ms: short(durationMs),
  percent: short(percent),
  mb: megabytes,
  tokens_per_s: short((value) => tokensPerSecond(value).replace(/tokens/, "tok")),
};

/** How a chart's numbers are written: in its currency when that is not the dollar. @param {{unit: Unit, money?: Money}} spec */
export function formatOf(spec) {
  const style = spec.money;
  return style ? (/** @type {number | null} */ value) => money(value, style) : FORMATS[spec.unit];
}

/** The same for axes. @param {{unit: Unit, money?: Money}} spec */
export function axisFormatOf(spec) {
  const style = spec.money;
  return style ? (/** @type {number | null} */ value) => moneyCompact(value, style) : AXIS_FORMATS[spec.unit];
}
