/** Pure: our chart spec (core/charts.py) and a theme in, an ECharts option out. No page, no clock. */

import { heatmap } from "./chart-heatmap.js";
import { ROOM_PX, markTexts, overlay } from "./chart-marks.js";
import { isOverTime } from "./chart-zoom.js";
import { axisFormatOf, bucketLabel, formatOf, number } from "./formats.js";

/**
 * @typedef {{name: string, color_index: number, data: (number | string | null)[], pattern?: number, dashed?: boolean}} Series
 * @typedef {{
 *   kind: "stacked-area" | "stacked-bar" | "line" | "bar" | "donut" | "ranking" | "heatmap",
 *   unit: import("./formats.js").Unit,
 *   x: string[],
 *   series: Series[],
 *   total?: number | string | null,
 *   partial?: boolean,
 *   money?: import("./formats.js").Money,
 *   unsummed?: boolean,
 *   marks?: import("./chart-marks.js").Mark[],
 * }} Spec
 * @typedef {{text: string, muted: string, faint: string, border: string, surface: string, hover: string, font: string, series: string[], heat: string[]}} Theme
 * @typedef {{hidden: ReadonlySet<number>, still: boolean, width: number, height: number}} View
 * @typedef {{name: string, color: string, value: number | null, pattern: number, dashed: boolean, index: number}} Row
 */

const MAX_ROWS = 10;
const ANIMATION_MS = 120;
const LABEL_PX = 72;

// What tells series of one hue apart (core.charts.Look): stripes of a filled shape, dashes of a line; the first is plain.
const STRIPES = [
  null,
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4 },
  { symbol: "circle", symbolSize: 0.7, dashArrayX: [[6, 6], [0, 6, 6, 0]], dashArrayY: [6, 0] },
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [3, 3], rotation: Math.PI / 2 },
];
const DASHES = [null, [8, 3], [2, 3], [8, 3, 2, 3]];

/** @param {number | undefined} pattern @param {Theme} theme */
function decal(pattern, theme) {
  const stripes = STRIPES[pattern ?? 0];
  return stripes ? { ...stripes, color: theme.surface } : undefined;
}

/** @param {Spec} spec @param {Theme} theme @param {View} view @returns {object} */
export function chartOption(spec, theme, view) {
  const option = (KINDS[spec.kind] ?? cartesian)(spec, theme, view);
  return {
    animation: !view.still,
    animationDuration: ANIMATION_MS,
    animationDurationUpdate: ANIMATION_MS,
    textStyle: { fontFamily: theme.font, fontSize: 11.5, color: theme.muted },
    ...option,
  };
}

/** Bars over names lie down, so that the names are read. @param {Spec} spec */
const isLying = (spec) => (spec.kind === "bar" || spec.kind === "stacked-bar") && !isOverTime(spec);

/**
 * Indexes of the buckets that carry a label: midnights when days are shown in hours, else evenly spread.
 * @param {string[]} x @param {number} width pixels
 * @returns {Set<number>}
 */
export function labelled(x, width) {
  const most = Math.max(2, Math.floor(width / LABEL_PX));
  const midnights = x.flatMap((bucket, index) => (/T00:00/.test(bucket) ? [index] : []));
  const candidates = midnights.length > 2 ? midnights : [...x.keys()];
  const step = Math.ceil(candidates.length / most);
  return new Set(candidates.filter((_, place) => place % step === 0));
}

/** The axis is short of room: a time of day, or the day at midnight. @param {string} bucket */
export function axisLabel(bucket) {
  const label = bucketLabel(bucket) ?? bucket;
  const [day, time] = label.split(", ");
  return time && time !== "00:00" ? time : day;
}

/** @param {Spec} spec @param {Theme} theme @param {View} view */
function cartesian(spec, theme, view) {
  const ranking = isLying(spec);
  const shown = labelled(spec.x, view.width - 64);
  const names = {
    type: "category",
    data: spec.x,
    inverse: ranking,
    boundaryGap: spec.kind === "bar" || spec.kind === "stacked-bar",
    axisTick: { show: false },
    axisLine: { show: !ranking, lineStyle: { color: theme.border } },
    axisLabel: ranking
      ? { color: theme.muted, width: 120, overflow: "truncate", formatter: axisLabel }
      : { color: theme.faint, margin: 10, interval: (/** @type {number} */ i) => shown.has(i), formatter: axisLabel, alignMinLabel: "left" },
  };
  const values = {
    type: "value",
    max: spec.unit === "percent" ? percentTop(spec) : spec.unit === "mb" ? memoryTop(spec) : undefined,
    splitNumber: ranking ? 3 : 4,
    interval: spec.unit === "mb" ? memoryStep(spec) : undefined,
    minInterval: spec.unit === "count" || spec.unit === "tokens" ? 1 : undefined,
    axisLabel: { color: theme.faint, formatter: axisFormatOf(spec) },
    splitLine: { lineStyle: { color: theme.border } },
  };
  return {
    grid: { left: 8, right: ranking ? 24 : 12, top: spec.marks?.length ? ROOM_PX : 12, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: ranking ? values : names,
    yAxis: ranking ? names : values,
    series: [
      ...spec.series.map((series, index) => drawn(spec, series, theme, view.hidden.has(index), view.width / spec.x.length)),
      ...(isOverTime(spec) ? overlay(spec, theme) : []),
    ],
  };
}

/** The largest amount of memory shown, at least 1. @param {Spec} spec */
const mostMemory = (spec) => Math.max(1, ...spec.series.flatMap((series) => series.data.map((value) => number(value) ?? 0)));

/** A whole number of steps, with a little room above the highest line. @param {Spec} spec */
const memoryTop = (spec) => memoryStep(spec) * Math.ceil((mostMemory(spec) * 1.02) / memoryStep(spec));

/** Memory is counted in powers of two: 512 MB, 1 GB, and never "1,000 MB". @param {Spec} spec */
export function memoryStep(spec) {
  return 2 ** Math.ceil(Math.log2(mostMemory(spec) / 4));
}

/** A share's axis ends at 100 %, unless all shares are small. @param {Spec} spec */
function percentTop(spec) {
  const top = Math.max(0, ...spec.series.flatMap((series) => series.data.map((value) => number(value) ?? 0)));
  return top > 0.5 ? 1 : undefined;
}

/** @param {Spec} spec @param {Series} series @param {Theme} theme @param {boolean} hidden @param {number} room pixels a bucket */
function drawn(spec, series, theme, hidden, room) {
  const color = theme.series[series.color_index] ?? theme.series[0];
  const data = hidden ? [] : series.data.map(number);
  // Silent: the pointer reads a bucket and dims nothing; the legend still highlights its series.
  const common = { name: series.name, data, color, silent: true, emphasis: { focus: "series" }, blur: { itemStyle: { opacity: 0.25 } } };
  // A limit or an earlier period lies across the layers and is no part of them.
  if (spec.kind === "line" || series.dashed) return line(common, series);
  const stripes = decal(series.pattern, theme);
  if (spec.kind === "stacked-area") return { ...area(common, theme, spec.series.filter((other) => !other.dashed).length), itemStyle: { decal: stripes } };
  const drawn = bar(common, spec, theme, hidden, room);
  return { ...drawn, itemStyle: { ...drawn.itemStyle, decal: stripes } };
}

/** A point between gaps makes no line, so it is a dot. @param {{data: (number | null)[]}} common @param {Series} series */
function line(common, series) {
  const { data } = common;
  const alone = data.some((value, place) => value !== null && (data[place - 1] ?? null) === null && (data[place + 1] ?? null) === null);
  const dashes = DASHES[series.pattern ?? 0];
  const plain = dashes ? { width: 2, type: dashes } : { width: 2 };
  const lineStyle = series.dashed ? { width: 1.5, type: [6, 4] } : plain;
  return { ...common, type: "line", showSymbol: alone, symbol: "circle", symbolSize: 6, lineStyle, blur: { lineStyle: { opacity: 0.2 } } };
}

/** @param {{color: string}} common @param {Theme} theme @param {number} layers */
function area(common, theme, layers) {
  const solo = layers === 1;
  return {
    ...common,
    type: "line",
    stack: "all",
    showSymbol: false,
    symbol: "circle",
    symbolSize: 6,
    lineStyle: { width: solo ? 2 : 1, color: solo ? common.color : theme.surface },
    areaStyle: { color: common.color, opacity: solo ? 0.16 : 0.86 },
    blur: { areaStyle: { opacity: 0.2 } },
  };
}

/** @param {{data: (number | null)[]}} common @param {Spec} spec @param {Theme} theme @param {boolean} hidden @param {number} room */
function bar(common, spec, theme, hidden, room) {
  const stacked = spec.kind === "stacked-bar";
  const ranking = isLying(spec);
  return {
    ...common,
    data: spec.partial && !hidden ? lastUnfinished(common.data) : common.data,
    type: "bar",
    stack: stacked ? "all" : undefined,
    barMaxWidth: ranking ? 14 : 28,
    barCategoryGap: ranking ? "36%" : spec.x.length > 60 ? "12%" : "24%",
    barGap: "12%",
    itemStyle: {
      borderRadius: stacked ? 0 : ranking ? [0, 3, 3, 0] : [3, 3, 0, 0],
      borderColor: stacked ? theme.surface : undefined,
      borderWidth: stacked && room > 16 ? 0.75 : 0,
    },
  };
}

/** The running bucket is drawn paler: it is not over. @param {(number | null)[]} data */
function lastUnfinished(data) {
  return data.map((value, index) => (index === data.length - 1 ? { value, itemStyle: { opacity: 0.5 } } : value));
}

/** @param {Spec} spec @param {Theme} theme @param {View} view */
function donut(spec, theme, view) {
  const slices = spec.series.flatMap((series, index) => {
    const color = theme.series[series.color_index] ?? theme.series[0];
    return view.hidden.has(index) ? [] : [{ name: series.name, value: number(series.data[0]) ?? 0, index, itemStyle: { color, decal: decal(series.pattern, theme) } }];
  });
  const total = spec.total ?? slices.reduce((sum, slice) => sum + slice.value, 0);
  return {
    title: {
      text: roundTotal(spec, number(total)),
      left: "center",
      top: "middle",
      textStyle: { color: theme.text, fontFamily: theme.font, fontSize: view.width < 200 ? 15 : 18, fontWeight: 500 },
    },
    series: [
      {
        type: "pie",
        radius: ["70%", "94%"],
        data: slices,
        label: { show: false },
        padAngle: slices.length > 1 ? 1 : 0,
        itemStyle: { borderRadius: 3 },
        emphasis: { scaleSize: 3 },
      },
    ],
  };
}

/** One bar a series, its value at its end. @param {Spec} spec @param {Theme} theme @param {View} view */
function ranking(spec, theme, view) {
  const shown = spec.series.filter((_, index) => !view.hidden.has(index));
  const format = formatOf(spec);
  const bars = shown.map(({ color_index, pattern, data }) => ({
    value: number(data[0]),
    pattern: pattern ?? 0,
    itemStyle: { color: theme.series[color_index] ?? theme.series[0], decal: decal(pattern, theme) },
  }));
  return {
    grid: { left: 8, right: 76, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { type: "value", splitNumber: 3, axisLabel: { color: theme.faint, hideOverlap: true, formatter: axisFormatOf(spec) }, splitLine: { lineStyle: { color: theme.border } } },
    yAxis: {
      type: "category",
      inverse: true,
      data: shown.map(({ name }) => name),
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: { color: theme.muted, width: Math.min(160, view.width * 0.35), overflow: "truncate", interval: 0 },
    },
    series: [
      {
        type: "bar",
        data: bars,
        barMaxWidth: 16,
        barCategoryGap: "30%",
        itemStyle: { borderRadius: [0, 3, 3, 0] },
        label: { show: true, position: "right", color: theme.muted, formatter: (/** @type {{value: number | null}} */ hit) => format(hit.value) },
      },
    ],
  };
}

/** Kinds with an option of their own. @type {Partial<Record<Spec["kind"], (spec: Spec, theme: Theme, view: View) => object>>} */
const KINDS = { donut, ranking, heatmap };

/** The middle of a donut has room for seven characters: no cents from a thousand on. @param {Spec} spec @param {number | null} total */
function roundTotal(spec, total) {
  return axisFormatOf(spec)(spec.unit === "usd" && total !== null && total >= 1000 ? Math.round(total) : total);
}

/**
 * What the tooltip lists for one bucket: largest first, zeros left out, the tail as one line.
 * @param {Spec} spec @param {Theme} theme @param {number} place @param {ReadonlySet<number>} hidden
 * @returns {{title: string, total: string, rows: {name: string, color: string, pattern: number, text: string}[], more: number, marks: string[]}}
 */
export function tooltip(spec, theme, place, hidden) {
  const all = rowsAt(spec, theme, place, hidden);
  const rows = all.filter((row) => row.value !== 0 || all.length === 1);
  if (spec.kind !== "line" && spec.kind !== "bar") rows.sort((a, b) => Number(a.dashed) - Number(b.dashed) || (b.value ?? 0) - (a.value ?? 0));
  const format = formatOf(spec);
  const stacked = spec.kind.startsWith("stacked") && all.length > 1;
  const sum = all.reduce((total, row) => total + (row.dashed ? 0 : (row.value ?? 0)), 0);
  const unfinished = spec.partial && place === spec.x.length - 1 ? " so far" : "";
  return {
    title: (bucketLabel(spec.x[place] ?? "") ?? spec.x[place] ?? "") + unfinished,
    total: stacked ? format(sum) : "",
    rows: rows.slice(0, MAX_ROWS).map(({ name, color, pattern, value }) => ({ name, color, pattern, text: format(value) })),
    more: Math.max(0, rows.length - MAX_ROWS),
    marks: markTexts(spec, place),
  };
}

/** @param {Spec} spec @param {Theme} theme @param {number} place @param {ReadonlySet<number>} hidden @returns {Row[]} */
function rowsAt(spec, theme, place, hidden) {
  return spec.series.flatMap((series, index) => {
    const color = theme.series[series.color_index] ?? theme.series[0];
    const value = number(series.data[place] ?? null);
    return hidden.has(index) ? [] : [{ name: series.name, color, value, pattern: series.pattern ?? 0, dashed: series.dashed ?? false, index }];
  });
}
