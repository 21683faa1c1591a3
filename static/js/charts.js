/** Draws every `[data-chart]` of the page, and again when the theme, the size or (by htmx) the page changes. */

import { saveNumbers, savePicture } from "./chart-files.js";
import { chartOption } from "./chart-options.js";
import { listen } from "./chart-selection.js";
import { bucketWords, element, tooltipOption } from "./chart-tooltips.js";
import { addressOf, isOfHours, isOverTime, zoomed, zoomOf, zoomText } from "./chart-zoom.js";
import { formatOf, number } from "./formats.js";

/** @typedef {import("./chart-options.js").Spec} Spec */
/** @typedef {import("./chart-options.js").Theme} Theme */
/** @typedef {import("./chart-zoom.js").Zoom} Zoom */
/**
 * @typedef {{
 *   holder: HTMLElement, canvas: HTMLElement, spec: Spec, shown: Spec, zoom: Zoom | null, theme: Theme,
 *   hidden: Set<number>, instance: any, watcher: ResizeObserver,
 * }} Chart ``shown`` is the part of ``spec`` that ``zoom`` leaves
 */

const SERIES = [...Array(11).keys()];
const HEAT = [...Array(8).keys()];
const FILES = { csv: saveNumbers, png: savePicture };
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @type {Map<HTMLElement, Chart>} */
const charts = new Map();

/** The library is a classic script of the page, loaded before modules run. */
const library = () => /** @type {any} */ (window).echarts;

/** Custom properties hold light-dark(); only a property in use says which it is. @param {HTMLElement} place @returns {Theme} */
function themeOf(place) {
  const probe = document.createElement("span");
  place.append(probe);
  const color = (/** @type {string} */ name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const theme = {
    text: color("text"),
    muted: color("text-muted"),
    faint: color("text-faint"),
    border: color("border"),
    surface: color("surface"),
    hover: color("surface-hover"),
    font: getComputedStyle(place).fontFamily,
    series: SERIES.map((index) => color(`series-${index}`)),
    heat: HEAT.map((index) => color(`heat-${index}`)),
  };
  probe.remove();
  return theme;
}

/** @param {Chart} chart */
function draw(chart) {
  chart.theme = themeOf(chart.canvas);
  chart.shown = zoomed(chart.spec, chart.zoom);
  if (chart.shown === chart.spec) chart.zoom = null;
  const { shown, theme, hidden, canvas } = chart;
  const view = { hidden, still: still.matches, width: canvas.clientWidth, height: canvas.clientHeight };
  chart.instance.setOption({ ...chartOption(shown, theme, view), tooltip: tooltipOption(shown, theme, hidden) }, { notMerge: true });
}

/** @param {Chart} chart @param {string} text */
function say(chart, text) {
  const place = document.getElementById(`${chart.holder.id}-spoken`);
  if (place) place.textContent = text;
}

/** @param {Chart} chart @param {Zoom | null} zoom */
function zoomTo(chart, zoom) {
  const had = chart.zoom;
  chart.zoom = zoom;
  draw(chart);
  tellZoom(chart);
  if (zoom) say(chart, `${zoomText(zoom)} shown`);
  else if (had) say(chart, "Everything shown");
}

/** Says beside the title which part is shown, and leads to the page about that part. @param {Chart} chart */
function tellZoom({ holder, zoom, shown }) {
  const bar = holder.closest(".chart-card")?.querySelector(".chart-zoom");
  const [words, link] = bar?.children ?? [];
  if (!(bar instanceof HTMLElement) || !(link instanceof HTMLAnchorElement)) return;
  bar.hidden = !zoom;
  holder.closest(".chart-card")?.querySelector(".legend-note")?.toggleAttribute("hidden", !shown.partial);
  tellTotals(holder, shown, Boolean(zoom));
  if (!zoom) return;
  words.textContent = zoomText(zoom);
  link.hidden = !document.querySelector("#filters [name=from]");
  link.href = addressOf(location.href, zoom);
  link.textContent = isOfHours(zoom) ? "Show only these hours" : "Show only these days";
}

/** The legend's sums are of what is shown; those of the whole came with the page. @param {HTMLElement} holder @param {Spec} shown @param {boolean} isPart */
function tellTotals(holder, shown, isPart) {
  for (const item of document.querySelectorAll(`[data-legend="${CSS.escape(holder.id)}"] [data-series]`)) {
    const total = item.querySelector("strong");
    if (!total) continue;
    total.dataset.whole ??= total.textContent ?? "";
    const { data } = shown.series[Number(/** @type {HTMLElement} */ (item).dataset.series)];
    const sum = data.reduce((/** @type {number} */ all, value) => all + (number(value) ?? 0), 0);
    total.textContent = isPart ? formatOf(shown)(sum) : total.dataset.whole;
  }
}

/** @param {HTMLElement} holder @returns {Promise<Spec | null>} */
async function specOf(holder) {
  const source = document.getElementById(holder.dataset.chart ?? "");
  if (source) return JSON.parse(source.textContent ?? "null");
  if (!holder.dataset.src) return null;
  const answer = await fetch(holder.dataset.src, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`chart data: ${answer.status}`);
  return answer.json();
}

/** @param {HTMLElement} holder */
async function start(holder) {
  holder.dataset.started = "true";
  const spec = await specOf(holder);
  if (!spec || !holder.isConnected) return;
  const canvas = document.createElement("div");
  canvas.className = "chart-canvas";
  holder.append(canvas);
  const instance = library().init(canvas, null, { renderer: "canvas" });
  const watcher = new ResizeObserver(() => resize(chart));
  /** @type {Chart} */
  const chart = { holder, canvas, spec, shown: spec, zoom: null, theme: themeOf(canvas), hidden: new Set(), instance, watcher };
  charts.set(holder, chart);
  draw(chart);
  watcher.observe(canvas);
  follow(chart);
  ready(holder);
}

/** What people do with the canvas, which outlives its holder. @param {Chart} chart */
function follow(chart) {
  chart.instance.on("click", (/** @type {any} */ hit) => hit.componentType === "markLine" && openMark(chart, hit.name));
  if (!isOverTime(chart.spec)) return;
  listen(chart.canvas, {
    canvas: chart.canvas,
    instance: chart.instance,
    count: () => chart.shown.x.length,
    choose: (one, other) => zoomTo(chart, zoomOf(chart.shown, one, other)),
    back: () => zoomTo(chart, null),
    read: (place) => say(chart, bucketWords(chart.shown, chart.theme, place, chart.hidden)),
  });
}

/** One mark leads to its page, several to their list below the table. @param {Chart} chart @param {string} bucket */
function openMark({ holder, spec }, bucket) {
  const marks = (spec.marks ?? []).filter((mark) => mark.bucket === bucket);
  if (marks.length === 1) location.assign(marks[0].href);
  const table = holder.closest(".chart-card")?.querySelector(".chart-table");
  if (marks.length < 2 || !(table instanceof HTMLDetailsElement)) return;
  table.open = true;
  table.querySelector(".chart-marks")?.scrollIntoView({ block: "nearest" });
}

/** @param {HTMLElement} holder */
function ready(holder) {
  holder.classList.add("is-ready");
  holder.closest(".chart-card")?.querySelector("[data-files]")?.removeAttribute("hidden");
}

/** @param {Chart} chart */
function resize(chart) {
  const { clientWidth: width, clientHeight: height } = chart.canvas;
  if (!width || !height) return; // hidden behind its table
  if (width === chart.instance.getWidth() && height === chart.instance.getHeight()) return;
  chart.instance.resize();
  draw(chart);
}

/** @param {HTMLElement} holder */
function fail(holder) {
  const words = element("p", "The chart could not be drawn. Reload the page, or open its table.", "chart-message");
  holder.replaceChildren(words);
}

function dropGone() {
  for (const [holder, chart] of charts) {
    if (holder.isConnected) continue;
    chart.watcher.disconnect();
    chart.instance.dispose();
    charts.delete(holder);
  }
}

/** Whether two specs show the same series, so that hidden ones stay hidden. @param {Spec} a @param {Spec} b */
const sameSeries = (a, b) => a.series.length === b.series.length && a.series.every(({ name }, place) => name === b.series[place].name);

/**
 * A page that refreshes itself keeps its canvas: the new numbers are drawn where the old ones were, without a blink.
 * @param {Chart} chart @param {HTMLElement} gone @param {HTMLElement} holder @param {Spec} spec
 */
function adopt(chart, gone, holder, spec) {
  holder.dataset.started = "true";
  if (!sameSeries(chart.spec, spec)) chart.hidden.clear();
  chart.spec = spec;
  chart.holder = holder;
  charts.delete(gone);
  charts.set(holder, chart);
  holder.append(chart.canvas);
  ready(holder);
  for (const index of chart.hidden) {
    document.querySelector(`[data-legend="${CSS.escape(holder.id)}"] [data-series="${index}"]`)?.setAttribute("aria-pressed", "false");
  }
  const wasTable = gone.closest(".chart-card")?.querySelector("details")?.open;
  if (wasTable) holder.closest(".chart-card")?.querySelector("details")?.setAttribute("open", "");
  draw(chart);
  tellZoom(chart);
}

function adoptAll() {
  for (const [gone, chart] of [...charts]) {
    const holder = gone.isConnected ? null : document.getElementById(gone.id);
    const source = holder && document.getElementById(holder.dataset.chart ?? "");
    if (holder && source && !holder.dataset.started) adopt(chart, gone, holder, JSON.parse(source.textContent ?? ""));
  }
}

/** htmx gives an element that keeps its id the classes of the answer when it settles, which know nothing of the canvas. */
function keepReady() {
  for (const holder of charts.keys()) if (holder.querySelector("canvas")) holder.classList.add("is-ready");
}

async function startAll() {
  dropGone();
  // Labels are measured when they are drawn, so the font comes first; a font that never comes may not stop a chart.
  await document.fonts.load("12px 'Space Grotesk'").catch(() => undefined);
  for (const holder of document.querySelectorAll("[data-chart]:not([data-started])")) {
    if (holder instanceof HTMLElement && holder.querySelector(".chart-skeleton")) start(holder).catch(() => fail(holder));
  }
}

/** @param {Event} event @returns {[Chart, number, HTMLElement] | null} */
function legendItem(event) {
  const item = event.target instanceof Element ? event.target.closest("[data-series]") : null;
  const legend = item?.closest("[data-legend]");
  const holder = legend && document.getElementById(legend.getAttribute("data-legend") ?? "");
  const chart = holder ? charts.get(holder) : undefined;
  return chart && item instanceof HTMLElement ? [chart, Number(item.dataset.series), item] : null;
}

/** @param {Chart} chart */
function downplay(chart) {
  for (const seriesIndex of chart.spec.series.keys()) chart.instance.dispatchAction({ type: "downplay", seriesIndex });
}

/** @param {Event} event */
function toggle(event) {
  const hit = legendItem(event);
  if (!hit) return;
  const [chart, index, item] = hit;
  if (!chart.hidden.delete(index)) chart.hidden.add(index);
  item.setAttribute("aria-pressed", String(!chart.hidden.has(index)));
  downplay(chart); // the pointer is still on the legend, and what it highlighted may be gone
  draw(chart);
}

/** @param {"highlight" | "downplay"} type */
const emphasize = (type) => (/** @type {Event} */ event) => {
  const hit = legendItem(event);
  if (!hit) return;
  const [chart, index] = hit;
  if (type === "highlight" && chart.hidden.has(index)) return;
  const target = chart.spec.kind === "donut" ? { seriesIndex: 0, name: chart.spec.series[index].name } : { seriesIndex: index };
  chart.instance.dispatchAction({ type, ...target });
};

/** @param {EventTarget | null} target @param {string} selector */
function chartOf(target, selector) {
  const found = target instanceof Element ? target.closest(selector) : null;
  const holder = found?.matches(".chart") ? found : found?.closest(".chart-card")?.querySelector(".chart");
  return holder instanceof HTMLElement ? charts.get(holder) : undefined;
}

/** @param {MouseEvent} event */
function press(event) {
  const reset = chartOf(event.target, ".chart-zoom-reset");
  if (reset) {
    zoomTo(reset, null);
    reset.holder.focus();
  }
  const chart = chartOf(event.target, "[data-file]");
  const item = event.target instanceof Element ? event.target.closest("[data-file]") : null;
  if (!chart || !(item instanceof HTMLElement)) return;
  FILES[/** @type {"csv" | "png"} */ (item.dataset.file)](chart);
  const menu = item.closest("details");
  menu?.removeAttribute("open");
  menu?.querySelector("summary")?.focus();
}

/** Keys belong to the holder, which has the focus. @param {KeyboardEvent} event */
function type(event) {
  if (!(event.target instanceof Element) || !event.target.matches(".chart")) return;
  chartOf(event.target, ".chart")?.canvas.dispatchEvent(new CustomEvent("chart:keydown", { detail: event }));
}

/** @param {FocusEvent} event */
function leave(event) {
  if (!(event.target instanceof Element) || !event.target.matches(".chart")) return;
  chartOf(event.target, ".chart")?.canvas.dispatchEvent(new CustomEvent("chart:leave"));
}

/** Paper is white: charts are drawn for it at once, and back when it is printed. */
const root = document.documentElement;
let screenTheme = root.getAttribute("data-theme");

function toPaper() {
  screenTheme = root.getAttribute("data-theme");
  root.setAttribute("data-theme", "light");
  redrawAll();
  for (const { instance } of charts.values()) instance.getZr().flush();
}

function toScreen() {
  if (screenTheme) root.setAttribute("data-theme", screenTheme);
  else root.removeAttribute("data-theme");
  redrawAll();
}

function redrawAll() {
  for (const chart of charts.values()) draw(chart);
}

document.addEventListener("click", toggle);
document.addEventListener("click", press);
document.addEventListener("keydown", type);
document.addEventListener("focusout", leave);
addEventListener("beforeprint", toPaper);
addEventListener("afterprint", toScreen);
document.addEventListener("mouseover", emphasize("highlight"));
document.addEventListener("mouseout", emphasize("downplay"));
document.addEventListener("htmx:afterSwap", adoptAll); // at once; "load" comes a frame later
document.addEventListener("htmx:afterSettle", keepReady);
document.addEventListener("htmx:load", () => void startAll());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
new MutationObserver(redrawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
void startAll();
