/** A chart as a file: its exact numbers, and a picture with title, period and legend. Made here, without the server. */

import { csvOf, fileName, periodOf } from "./chart-csv.js";

/** @typedef {import("./chart-options.js").Spec} Spec */
/** @typedef {import("./chart-options.js").Theme} Theme */
/** @typedef {{holder: HTMLElement, spec: Spec, shown: Spec, theme: Theme, instance: any}} Drawn */
/** @typedef {{color: string, pattern: number, text: string}} Entry */

const RATIO = 2;
const EDGE = 20;
const LEAST_PX = 440;
const LINE_PX = 20;
const TITLE_PX = 26;

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** @param {Drawn} chart */
function wordsOf({ holder, spec, shown }) {
  const card = holder.closest(".chart-card");
  const { title = "", period = "" } = card instanceof HTMLElement ? card.dataset : {};
  return { title, period: periodOf(shown, period), whole: periodOf(spec, period), card };
}

/** All numbers of the chart, whatever is hidden or zoomed. @param {Drawn} chart */
export function saveNumbers(chart) {
  const { title, whole } = wordsOf(chart);
  // The mark at the beginning tells spreadsheets that it is UTF-8.
  save(new Blob(["\ufeff", csvOf(chart.spec)], { type: "text/csv;charset=utf-8" }), fileName(title, whole, "csv"));
}

/** @param {Drawn} chart */
export function savePicture(chart) {
  const { title, period } = wordsOf(chart);
  picture(chart).toBlob((blob) => blob && save(blob, fileName(title, period, "png")), "image/png");
}

/** What the legend beside the chart says of the series shown. @param {Drawn} chart @returns {Entry[]} */
function entries({ holder, shown, theme }) {
  const items = document.querySelectorAll(`[data-legend="${CSS.escape(holder.id)}"] [data-series][aria-pressed="true"]`);
  return [...items].map((item) => {
    const series = shown.series[Number(/** @type {HTMLElement} */ (item).dataset.series)];
    const text = [series.name, item.querySelector("strong")?.textContent ?? ""].join("  ").trimEnd();
    return { color: theme.series[series.color_index], pattern: series.pattern ?? 0, text };
  });
}

/** @param {CanvasRenderingContext2D} pen @param {Entry} entry @param {number} x @param {number} y @param {Theme} theme */
function swatch(pen, { color, pattern }, x, y, theme) {
  pen.fillStyle = color;
  pen.fillRect(x, y, 10, 10);
  pen.fillStyle = theme.surface;
  const bars = [[], [[2, 0, 2, 10], [6, 0, 2, 10]], [[2, 2, 2, 2], [6, 6, 2, 2]], [[0, 2, 10, 2], [0, 6, 10, 2]]][pattern] ?? [];
  for (const [left, top, width, height] of bars) pen.fillRect(x + left, y + top, width, height);
}

/** Where each entry of the legend goes; the last one says how high it is. @param {CanvasRenderingContext2D} pen @param {Entry[]} list @param {number} width */
function placed(pen, list, width) {
  let [x, y] = [0, 0];
  return list.map((entry) => {
    const room = 16 + pen.measureText(entry.text).width + 16;
    if (x && x + room > width) [x, y] = [0, y + LINE_PX];
    const at = { entry, x, y };
    x += room;
    return at;
  });
}

/** @param {Drawn} chart @returns {HTMLCanvasElement} */
function picture(chart) {
  const { theme, instance } = chart;
  const { title, period, card } = wordsOf(chart);
  const unfinished = chart.shown.partial ? card?.querySelector(".legend-note")?.textContent : "";
  const heat = [...(card?.querySelectorAll(".heat-scale span") ?? [])].map((end) => end.textContent ?? "");
  const canvas = document.createElement("canvas");
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const width = Math.max(LEAST_PX, instance.getWidth());
  pen.font = `12px ${theme.font}`;
  const legend = placed(pen, entries(chart), width);
  const legendHeight = legend.length || heat.length ? (legend.at(-1)?.y ?? 0) + LINE_PX + 8 : 0;
  const top = EDGE + TITLE_PX + LINE_PX + 8;
  canvas.width = (width + 2 * EDGE) * RATIO;
  canvas.height = (top + legendHeight + instance.getHeight() + EDGE) * RATIO;
  pen.scale(RATIO, RATIO);
  pen.fillStyle = theme.surface;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.textBaseline = "top";
  words(pen, title, { x: EDGE, y: EDGE, font: `600 17px ${theme.font}`, color: theme.text, room: width });
  words(pen, [period, unfinished].filter(Boolean).join(", "), { x: EDGE, y: EDGE + TITLE_PX, font: `13px ${theme.font}`, color: theme.muted, room: width });
  pen.font = `12px ${theme.font}`;
  for (const { entry, x, y } of legend) {
    swatch(pen, entry, EDGE + x, top + y + 1, theme);
    words(pen, entry.text, { x: EDGE + x + 16, y: top + y, font: pen.font, color: theme.muted, room: width - 16 });
  }
  if (heat.length) scale(pen, heat, theme, top);
  for (const type of ["hideTip", "downplay"]) instance.dispatchAction({ type, seriesIndex: [...chart.shown.series.keys()] });
  const drawn = instance.renderToCanvas({ pixelRatio: RATIO, backgroundColor: theme.surface });
  pen.drawImage(drawn, EDGE + (width - instance.getWidth()) / 2, top + legendHeight, instance.getWidth(), instance.getHeight());
  return canvas;
}

/** @param {CanvasRenderingContext2D} pen @param {string} text @param {{x: number, y: number, font: string, color: string, room: number}} how */
function words(pen, text, { x, y, font, color, room }) {
  pen.font = font;
  pen.fillStyle = color;
  pen.fillText(text, x, y, room);
}

/** @param {CanvasRenderingContext2D} pen @param {string[]} ends @param {Theme} theme @param {number} y */
function scale(pen, [low, high], theme, y) {
  let x = EDGE;
  words(pen, low, { x, y, font: pen.font, color: theme.muted, room: 120 });
  x += pen.measureText(low).width + 8;
  for (const color of theme.heat) {
    pen.fillStyle = color;
    pen.fillRect(x, y + 1, 20, 10);
    x += 22;
  }
  words(pen, high, { x: x + 6, y, font: pen.font, color: theme.muted, room: 120 });
}
