/** Choosing a part of a chart's time: by dragging over it, or with the arrow keys and Shift. */

import { moved } from "./chart-zoom.js";
import { element } from "./chart-tooltips.js";

/** @typedef {import("./chart-options.js").Spec} Spec */
/**
 * @typedef {{
 *   canvas: HTMLElement, instance: any, count: () => number,
 *   choose: (one: number, other: number) => void, back: () => void, read: (place: number) => void,
 * }} Part how a chart is drawn, and what it does when somebody chooses, leaves or reads
 */

const DRAG_PX = 6;

/** @param {Part} part @param {number} x pixels from the left of the canvas */
function placeAt(part, x) {
  const place = Math.round(part.instance.convertFromPixel({ xAxisIndex: 0 }, x));
  return Math.max(0, Math.min(part.count() - 1, place));
}

/** The middle of a bucket. @param {Part} part @param {number} place */
const middle = (part, place) => part.instance.convertToPixel({ xAxisIndex: 0 }, place);

/** @param {Part} part @param {HTMLElement} box @param {number} one @param {number} other */
function cover(part, box, one, other) {
  const band = part.count() > 1 ? Math.abs(middle(part, 1) - middle(part, 0)) : part.canvas.clientWidth / 2;
  const left = middle(part, Math.min(one, other)) - band / 2;
  const right = middle(part, Math.max(one, other)) + band / 2;
  box.style.insetBlock = "0 24px";
  box.style.left = `${Math.max(0, left)}px`;
  box.style.width = `${Math.min(part.canvas.clientWidth, right) - Math.max(0, left)}px`;
  if (!box.isConnected) part.canvas.append(box);
}

/** @param {Part} part */
function byDragging(part) {
  const box = element("div", "", "chart-selection");
  /** @type {{x: number, place: number} | null} */
  let from = null;
  const xOf = (/** @type {PointerEvent} */ event) => event.clientX - part.canvas.getBoundingClientRect().left;
  const stop = () => {
    from = null;
    box.remove();
  };
  part.canvas.addEventListener("pointerdown", (event) => {
    const x = xOf(event);
    const y = event.clientY - part.canvas.getBoundingClientRect().top;
    if (event.button === 0 && part.instance.containPixel("grid", [x, y])) from = { x, place: placeAt(part, x) };
  });
  part.canvas.addEventListener("pointermove", (event) => {
    if (!from || (!box.isConnected && Math.abs(xOf(event) - from.x) < DRAG_PX)) return;
    part.canvas.setPointerCapture(event.pointerId);
    cover(part, box, from.place, placeAt(part, xOf(event)));
  });
  part.canvas.addEventListener("pointerup", (event) => {
    const chosen = from && box.isConnected ? from.place : null;
    stop();
    if (chosen !== null) part.choose(chosen, placeAt(part, xOf(event)));
  });
  part.canvas.addEventListener("pointercancel", stop);
}

/** @param {Part} part @param {number} place */
function point(part, place) {
  part.instance.dispatchAction({ type: "showTip", x: middle(part, place), y: part.canvas.clientHeight / 3 });
}

/** @param {Part} part */
function byKeys(part) {
  const box = element("div", "", "chart-selection");
  /** @type {{place: number | null, anchor: number | null}} */
  let now = { place: null, anchor: null };
  const leave = () => {
    now = { place: null, anchor: null };
    box.remove();
    part.instance.dispatchAction({ type: "hideTip" });
  };
  /** @param {KeyboardEvent} event @returns {boolean} whether the key meant something */
  const press = (event) => {
    const next = moved(event.key, event.shiftKey, { ...now, count: part.count() });
    if (next) {
      now = next;
      point(part, next.place);
      part.read(next.place);
      if (next.anchor === null) box.remove();
      else cover(part, box, next.anchor, next.place);
      return true;
    }
    const { place, anchor } = now;
    if (event.key === "Enter" && place !== null && anchor !== null) {
      leave();
      part.choose(anchor, place);
      return true;
    }
    if (event.key !== "Escape") return false;
    leave();
    if (anchor === null) part.back();
    return true;
  };
  return { press, leave };
}

/** Lets ``holder``'s chart be dragged over and driven by keys. @param {HTMLElement} canvas @param {Part} part */
export function listen(canvas, part) {
  byDragging(part);
  const keys = byKeys(part);
  canvas.addEventListener("chart:keydown", (event) => {
    const pressed = /** @type {CustomEvent<KeyboardEvent>} */ (event).detail;
    if (keys.press(pressed)) pressed.preventDefault();
  });
  canvas.addEventListener("chart:leave", keys.leave);
}
