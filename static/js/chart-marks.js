/** What is laid over a chart's time: marks of things that happened, and a veil over the bucket that is not over. Pure. */

/** @typedef {import("./chart-options.js").Spec} Spec */
/** @typedef {import("./chart-options.js").Theme} Theme */
/** @typedef {{bucket: string, kind: "insight" | "price", text: string, href: string}} Mark */

export const ROOM_PX = 26; // above the plot, for the signs
const TOLD = 3; // in a tooltip
const VEIL = { silent: true, animation: false, z: 5 };
/** @type {Record<Mark["kind"], string>} */
const WORDS = { insight: "Insight", price: "Price" };
/** @type {Record<Mark["kind"], string>} */
const SIGNS = { insight: "◆", price: "▲" };

/** Marks by bucket, in the order of time. @param {Spec} spec @returns {Map<string, Mark[]>} */
export function marksByBucket(spec) {
  const marks = spec.marks ?? [];
  const found = spec.x.map((bucket) => /** @type {[string, Mark[]]} */ ([bucket, marks.filter((mark) => mark.bucket === bucket)]));
  return new Map(found.filter(([, ofBucket]) => ofBucket.length));
}

/** What the tooltip of a bucket adds; the table has all of it. @param {Spec} spec @param {number} place */
export function markTexts(spec, place) {
  const marks = (spec.marks ?? []).filter((mark) => mark.bucket === spec.x[place]);
  const texts = marks.slice(0, TOLD).map(({ kind, text }) => `${WORDS[kind]}: ${text}`);
  return marks.length > TOLD ? [...texts, `and ${marks.length - TOLD} more, below the table`] : texts;
}

/** What stands above a line: a sign for each kind of mark, and how many there are. @param {Mark[]} marks */
export function sign(marks) {
  const signs = Object.entries(SIGNS).filter(([kind]) => marks.some((mark) => mark.kind === kind));
  return signs.map(([, text]) => text).join("") + (marks.length > 1 ? ` ${marks.length}` : "");
}

/** One line a bucket, for all its marks. @param {Spec} spec @param {Theme} theme */
function lines(spec, theme) {
  return [...marksByBucket(spec)].map(([bucket, marks]) => ({
    xAxis: bucket,
    name: bucket,
    label: { formatter: sign(marks), position: "end", distance: 1, color: theme.text, fontSize: 11, padding: [4, 6], borderRadius: 4, backgroundColor: theme.hover },
  }));
}

/** @param {Spec} spec @param {Theme} theme @returns {object[]} a series without numbers, or none */
export function overlay(spec, theme) {
  const marks = lines(spec, theme);
  const isLine = spec.kind === "line" || spec.kind === "stacked-area";
  const veiled = isLine && spec.partial && spec.x.length > 1;
  if (!marks.length && !veiled) return [];
  const [before, last] = spec.x.slice(-2);
  const line = { color: theme.muted, type: [3, 3], width: 1 };
  return [
    {
      type: "line",
      data: [],
      markLine: { data: marks, symbol: "none", lineStyle: line, emphasis: { lineStyle: line }, animation: false, z: 6 },
      markArea: veiled && { ...VEIL, data: [[{ xAxis: before }, { xAxis: last }]], itemStyle: { color: theme.surface, opacity: 0.55 } },
    },
  ];
}
