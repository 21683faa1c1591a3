/** Where widgets lie on the twelve columns of a dashboard. The twin of dashboards/boards/grid.py, which says why. */

/** @typedef {{x: number, y: number, w: number, h: number}} Place */
/** @typedef {Map<string, Place>} Layout */

export const COLUMNS = 12;
const TALLEST = 12;
const LOWEST = 1000;

/** @type {Record<string, [number, number]>} */
const STEPS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/** @param {number} value @param {number} low @param {number} high */
const within = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {Place} one @param {Place} other */
const overlaps = (one, other) =>
  one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;

/** @param {Place} place @returns {Place} */
function fitted(place) {
  const w = within(place.w, 1, COLUMNS);
  return { x: within(place.x, 0, COLUMNS - w), y: within(place.y, 0, LOWEST), w, h: within(place.h, 1, TALLEST) };
}

/** As they are read: row by row, from the left. @param {Layout} layout */
export const inOrder = (layout) => [...layout].sort(([, one], [, other]) => one.y - other.y || one.x - other.x).map(([key]) => key);

/** @param {Layout} layout @param {string} key @returns {Place} */
const at = (layout, key) => /** @type {Place} */ (layout.get(key));

/** `place` moved down until it overlaps none of `others`. @param {Place} place @param {Place[]} others @returns {Place} */
function below(place, others) {
  const hit = others.filter((other) => overlaps(other, place));
  return hit.length ? below({ ...place, y: Math.max(...hit.map((other) => other.y + other.h)) }, others) : place;
}

/** `place` moved up until something stops it. @param {Place} place @param {Place[]} others @returns {Place} */
function risen(place, others) {
  let found = place;
  while (found.y && !others.some((other) => overlaps(other, { ...found, y: found.y - 1 }))) found = { ...found, y: found.y - 1 };
  return found;
}

/** The same widgets without an overlap and without a gap, in reading order. @param {Layout} layout @returns {Layout} */
export function settled(layout) {
  /** @type {Layout} */
  const done = new Map();
  for (const key of inOrder(layout)) done.set(key, risen(below(at(layout, key), [...done.values()]), [...done.values()]));
  return new Map(inOrder(done).map((key) => [key, at(done, key)]));
}

/**
 * @param {Layout} layout @param {string} held @param {Place} target
 * @param {(place: Place, others: Place[]) => Place} giveWay
 */
function around(layout, held, target, giveWay) {
  /** @type {Layout} */
  const done = new Map([[held, target]]);
  for (const key of inOrder(layout)) {
    if (key === held) continue;
    const place = at(layout, key);
    const others = [...done].filter(([name]) => name !== held).map(([, other]) => other);
    done.set(key, below(overlaps(place, target) ? giveWay(place, others) : place, [...done.values()]));
  }
  return settled(done);
}

/** @param {Layout} layout @param {string} held @param {number} x @param {number} y */
export function moved(layout, held, x, y) {
  const target = fitted({ ...at(layout, held), x, y });
  return around(layout, held, target, (place, others) => {
    const above = risen(place, others);
    return above.y + above.h <= target.y ? above : { ...place, y: target.y + target.h };
  });
}

/** @param {Layout} layout @param {string} held @param {number} w @param {number} h */
export function resized(layout, held, w, h) {
  const old = at(layout, held);
  const target = { ...old, w: within(w, 1, COLUMNS - old.x), h: within(h, 1, TALLEST) };
  return around(layout, held, target, (place) => ({ ...place, y: target.y + target.h }));
}

/** @param {Layout} layout @param {string} held @param {string} direction */
export function stepped(layout, held, direction) {
  const [across, down] = STEPS[direction];
  const old = at(layout, held);
  const lowest = Math.max(...[...layout.values()].map((place) => place.y + place.h));
  for (let distance = 1; distance <= (down ? lowest : 1); distance += 1) {
    const changed = moved(layout, held, old.x + across * distance, old.y + down * distance);
    const { x, y } = at(changed, held);
    if (x !== old.x || y !== old.y) return changed;
  }
  return new Map(layout);
}

/** @param {Layout} layout @param {string} held @param {string} direction */
export function grown(layout, held, direction) {
  const [across, down] = STEPS[direction];
  const { w, h } = at(layout, held);
  return resized(layout, held, w + across, h + down);
}
