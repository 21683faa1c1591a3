/** A heat map as ECharts option: cells of a grid, paler for little and stronger for much. Pure. */

import { bucketLabel, formatOf, number } from "./formats.js";

/** @typedef {import("./chart-options.js").Spec} Spec */
/** @typedef {import("./chart-options.js").Theme} Theme */
/** @typedef {import("./chart-options.js").View} View */

const EDGE = { left: 92, right: 12, top: 4, bottom: 28 };
const GAP_PX = 2;
const LABEL_PX = 44;

/**
 * The step of the scale from the smallest to the largest value shown; one value alone is the strongest.
 * @param {number} value @param {number} low @param {number} high @param {number} steps
 */
export function step(value, low, high, steps) {
  if (high <= low) return value ? steps - 1 : 0;
  return Math.min(steps - 1, Math.floor(((value - low) / (high - low)) * steps));
}

/** @param {Spec} spec @param {Theme} theme @param {View} view */
export function heatmap(spec, theme, view) {
  const values = spec.series.flatMap(({ data }) => data.flatMap((value) => number(value) ?? []));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const cells = spec.series.flatMap(({ data }, row) =>
    spec.x.flatMap((_, column) => {
      const value = number(data[column] ?? null);
      const color = value === null ? "" : theme.heat[step(value, low, high, theme.heat.length)];
      return value === null ? [] : [{ value: [column, row, value], itemStyle: { color } }];
    }),
  );
  const size = [(view.width - EDGE.left - EDGE.right) / spec.x.length, (view.height - EDGE.top - EDGE.bottom) / spec.series.length];
  const axis = { type: "category", axisTick: { show: false }, axisLine: { show: false }, splitLine: { show: false } };
  const every = Math.ceil(LABEL_PX / size[0]);
  return {
    grid: { ...EDGE, outerBoundsMode: "none" },
    xAxis: {
      ...axis,
      data: spec.x.map((bucket) => bucketLabel(bucket) ?? bucket),
      axisLabel: { color: theme.faint, interval: (/** @type {number} */ i) => i % every === 0, width: size[0] * every - 4, overflow: "truncate" },
    },
    yAxis: {
      ...axis,
      data: spec.series.map(({ name }) => name),
      inverse: true,
      axisLabel: { color: theme.muted, width: EDGE.left - 12, overflow: "truncate", interval: 0 },
    },
    series: [
      {
        type: "scatter",
        symbol: "rect",
        symbolSize: size.map((side) => Math.max(1, side - GAP_PX)),
        data: cells,
        itemStyle: { opacity: 1 },
        emphasis: { scale: false, itemStyle: { borderColor: theme.text, borderWidth: 1 } },
      },
    ],
  };
}

/** What one cell says. @param {Spec} spec @param {[number, number, number]} cell */
export function cellText(spec, [column, row, value]) {
  const bucket = spec.x[column];
  return { title: `${spec.series[row].name}, ${bucketLabel(bucket) ?? bucket}`, text: formatOf(spec)(value) };
}
