/** A part of a chart's time: what is chosen by dragging or by keys, and the chart and the page's address for it. Pure. */

import { bucketLabel } from "./formats.js";

/** @typedef {import("./chart-options.js").Spec} Spec */
/** @typedef {{from: string, to: string}} Zoom the first and the last bucket shown */

const HOUR_MS = 3_600_000;
const RANGE_FIELDS = ["range", "from", "to", "since", "until", "seen", "before"];

/** Bars, lines and areas whose buckets are times. @param {Spec} spec */
export function isOverTime(spec) {
  const hasTimeAxis = ["stacked-area", "stacked-bar", "line", "bar"].includes(spec.kind);
  return hasTimeAxis && spec.x.length > 0 && spec.x.every((bucket) => bucketLabel(bucket) !== null);
}

/** The buckets between two places, whichever comes first. @param {Spec} spec @param {number} one @param {number} other @returns {Zoom} */
export function zoomOf(spec, one, other) {
  return { from: spec.x[Math.min(one, other)], to: spec.x[Math.max(one, other)] };
}

/** The spec of the part; the whole where the part is not in it (any more). @param {Spec} spec @param {Zoom | null} zoom @returns {Spec} */
export function zoomed(spec, zoom) {
  const first = zoom ? spec.x.indexOf(zoom.from) : -1;
  const last = zoom ? spec.x.indexOf(zoom.to) : -1;
  if (first < 0 || last < first) return spec;
  const x = spec.x.slice(first, last + 1);
  return {
    ...spec,
    x,
    series: spec.series.map((series) => ({ ...series, data: series.data.slice(first, last + 1) })),
    partial: spec.partial && last === spec.x.length - 1,
    marks: spec.marks?.filter((mark) => x.includes(mark.bucket)),
  };
}

/** @param {Zoom} zoom */
export function zoomText({ from, to }) {
  const [first, last] = [bucketLabel(from) ?? from, bucketLabel(to) ?? to];
  return first === last ? first : `${first} – ${last}`;
}

/** @param {Zoom} zoom */
export const isOfHours = ({ from }) => from.includes("T");

/**
 * The page's address with the zoom as its range: whole days, or moments where buckets are hours.
 * @param {string} address @param {Zoom} zoom
 */
export function addressOf(address, zoom) {
  const url = new URL(address);
  for (const field of RANGE_FIELDS) url.searchParams.delete(field);
  const { from, to } = zoom;
  const range = isOfHours(zoom) ? { since: from, until: new Date(Date.parse(to) + HOUR_MS).toISOString() } : { from, to };
  for (const [name, value] of Object.entries(range)) url.searchParams.set(name, value);
  url.hash = "";
  return url.href;
}

/**
 * Where a key takes the reading place and the other end of a selection; null when the key means nothing here.
 * @param {string} key @param {boolean} selects with Shift
 * @param {{place: number | null, anchor: number | null, count: number}} now
 * @returns {{place: number, anchor: number | null} | null}
 */
export function moved(key, selects, { place, anchor, count }) {
  const last = count - 1;
  const target = { ArrowLeft: (place ?? count) - 1, ArrowRight: (place ?? -1) + 1, Home: 0, End: last }[key];
  if (target === undefined) return null;
  const next = Math.max(0, Math.min(last, target));
  return { place: next, anchor: selects ? (anchor ?? place ?? next) : null };
}
