/** Draws every `[data-chart]` of the page, and again when the theme, the size or (by htmx) the page changes. */

import { chartOption, number, tooltip } from "./chart-options.js";
import { formatOf, percent } from "./formats.js";

/** @typedef {import("./chart-options.js").Spec} Spec */
/** @typedef {import("./chart-options.js").Theme} Theme */
/** @typedef {{canvas: HTMLElement, spec: Spec, hidden: Set<number>, instance: any, watcher: ResizeObserver}} Chart */

const SERIES = [...Array(11).keys()];
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
  };
  probe.remove();
  return theme;
}

/** @param {string} tag @param {string} text */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** @param {Chart} chart @param {Theme} theme @param {number} place */
function tooltipBox(chart, theme, place) {
  const { title, total, rows, more } = tooltip(chart.spec, theme, place, chart.hidden);
  const box = document.createElement("div");
  box.className = "chart-tooltip";
  const head = document.createElement("header");
  head.append(element("span", title), element("strong", total));
  box.append(head, ...rows.map((row) => tooltipRow(row)));
  if (more) box.append(element("footer", `and ${more} more`));
  return box;
}

/** @param {{name: string, color: string, pattern: number, text: string}} row */
function tooltipRow(row) {
  const line = document.createElement("div");
  const swatch = document.createElement("span");
  swatch.className = `swatch pattern-${row.pattern}`;
  swatch.style.backgroundColor = row.color;
  line.append(swatch, element("span", row.name), element("b", row.text));
  return line;
}

/** @param {Chart} chart @param {{name: string, value: number, percent: number, color: string, data: {index: number}}} slice */
function sliceBox(chart, slice) {
  const box = document.createElement("div");
  box.className = "chart-tooltip";
  const share = percent(slice.percent / 100);
  const pattern = chart.spec.series[slice.data.index].pattern ?? 0;
  box.append(tooltipRow({ name: slice.name, color: slice.color, pattern, text: `${formatOf(chart.spec)(number(slice.value))} · ${share}` }));
  return box;
}

/** @param {Chart} chart @param {Theme} theme */
function tooltipOption(chart, theme) {
  const donut = chart.spec.kind === "donut";
  const bars = chart.spec.kind.endsWith("bar");
  return {
    trigger: donut ? "item" : "axis",
    confine: true,
    transitionDuration: 0,
    backgroundColor: theme.surface,
    borderColor: theme.border,
    borderWidth: 1,
    padding: [8, 10],
    axisPointer: bars
      ? { type: "shadow", shadowStyle: { color: theme.faint, opacity: 0.1 } }
      : { type: "line", lineStyle: { color: theme.faint, type: "solid", width: 1 } },
    formatter: (/** @type {any} */ hit) => (donut ? sliceBox(chart, hit) : tooltipBox(chart, theme, hit[0]?.dataIndex ?? 0)),
  };
}

/** @param {Chart} chart */
function draw(chart) {
  const theme = themeOf(chart.canvas);
  const view = { hidden: chart.hidden, still: still.matches, width: chart.canvas.clientWidth };
  chart.instance.setOption({ ...chartOption(chart.spec, theme, view), tooltip: tooltipOption(chart, theme) }, { notMerge: true });
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
  /** @type {Chart} */
  const chart = { canvas, spec, hidden: new Set(), instance, watcher: new ResizeObserver(() => resize(chart)) };
  charts.set(holder, chart);
  draw(chart);
  chart.watcher.observe(canvas);
  holder.classList.add("is-ready");
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
  const words = element("p", "The chart could not be drawn. Reload the page, or open its table.");
  words.className = "chart-message";
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
  charts.delete(gone);
  charts.set(holder, chart);
  holder.append(chart.canvas);
  holder.classList.add("is-ready");
  for (const index of chart.hidden) {
    document.querySelector(`[data-legend="${CSS.escape(holder.id)}"] [data-series="${index}"]`)?.setAttribute("aria-pressed", "false");
  }
  const wasTable = gone.closest(".chart-card")?.querySelector("details")?.open;
  if (wasTable) holder.closest(".chart-card")?.querySelector("details")?.setAttribute("open", "");
  draw(chart);
}

function adoptAll() {
  for (const [gone, chart] of [...charts]) {
    const holder = gone.isConnected ? null : document.getElementById(gone.id);
    const source = holder && document.getElementById(holder.dataset.chart ?? "");
    if (holder && source && !holder.dataset.started) adopt(chart, gone, holder, JSON.parse(source.textContent ?? ""));
  }
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

function redrawAll() {
  for (const chart of charts.values()) draw(chart);
}

document.addEventListener("click", toggle);
document.addEventListener("mouseover", emphasize("highlight"));
document.addEventListener("mouseout", emphasize("downplay"));
document.addEventListener("htmx:afterSwap", adoptAll); // at once; "load" comes a frame later
document.addEventListener("htmx:load", () => void startAll());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
new MutationObserver(redrawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
void startAll();
