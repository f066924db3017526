// Boxes and how they change. A box is [left, top, width, height] in pixels of the picture; a mark is
// {kind, box, score}. Nothing here touches the page.

// Pixels: smaller, and a box could not be taken hold of again.
export const MIN_SIDE = 4;

const tenth = (pixels) => Math.round(pixels * 10) / 10;
const between = (low, value, high) => Math.min(Math.max(value, low), high);

/** Return a box moved by so much, kept within the picture. */
export function moved([left, top, width, height], dx, dy, size) {
  return [
    tenth(between(0, left + dx, Math.max(0, size.width - width))),
    tenth(between(0, top + dy, Math.max(0, size.height - height))),
    width,
    height,
  ];
}

/** Return a box whose edges named by `handle` ("n", "se", …) moved by so much. */
export function sized([left, top, width, height], handle, dx, dy, size) {
  let [right, bottom] = [left + width, top + height];
  if (handle.includes("w")) left = between(0, left + dx, right - MIN_SIDE);
  if (handle.includes("e")) right = between(left + MIN_SIDE, right + dx, size.width);
  if (handle.includes("n")) top = between(0, top + dy, bottom - MIN_SIDE);
  if (handle.includes("s")) bottom = between(top + MIN_SIDE, bottom + dy, size.height);
  return [tenth(left), tenth(top), tenth(right - left), tenth(bottom - top)];
}

/** Return the box between two corners, cut off at the picture's edges. */
export function spanned(one, other, size) {
  const xs = [one.x, other.x].map((x) => between(0, x, size.width)).sort((a, b) => a - b);
  const ys = [one.y, other.y].map((y) => between(0, y, size.height)).sort((a, b) => a - b);
  return [tenth(xs[0]), tenth(ys[0]), tenth(xs[1] - xs[0]), tenth(ys[1] - ys[0])];
}

/** Return whether a box is large enough to be meant. */
export const isMeant = ([, , width, height]) => width >= MIN_SIDE && height >= MIN_SIDE;

/** Return a box around a point, as large as the faces marked already. */
export function placed(marks, centre, size) {
  const widths = marks.filter(({ kind }) => kind === "face").map(({ box }) => box[2]);
  const heights = marks.filter(({ kind }) => kind === "face").map(({ box }) => box[3]);
  // With no face to go by: a tenth of the picture, a little taller than wide as faces are.
  const width = median(widths) ?? size.width / 10;
  const height = median(heights) ?? 1.25 * width;
  return moved([0, 0, tenth(width), tenth(height)], centre.x - width / 2, centre.y - height / 2, size);
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Return the index of the nearest mark from mark `from` in a direction, or `from` if there is none. */
export function towards(marks, from, [dx, dy]) {
  if (!marks.length) return -1;
  if (from < 0) return 0;
  const centre = ({ box: [left, top, width, height] }) => [left + width / 2, top + height / 2];
  const [x, y] = centre(marks[from]);
  let best = from;
  let least = Infinity;
  marks.forEach((mark, index) => {
    const [toX, toY] = centre(mark);
    const ahead = (toX - x) * dx + (toY - y) * dy;
    const aside = Math.abs((toX - x) * dy) + Math.abs((toY - y) * dx);
    // What lies more aside than ahead is another direction's, unless nothing else is left.
    const distance = ahead + 2 * aside;
    if (index !== from && ahead > 0 && distance < least) [best, least] = [index, distance];
  });
  return best;
}

/** The marks of one frame, each state of them, and which one is saved. */
export class History {
  constructor(marks, revision) {
    this.revision = revision;
    this.states = [marks];
    this.at = 0;
    this.saved = 0;
  }

  static restored(kept) {
    return Object.assign(new History([], ""), kept);
  }

  get marks() {
    return this.states[this.at];
  }

  get isChanged() {
    return this.at !== this.saved;
  }

  change(marks) {
    // What was undone is given up; if that was the saved state, no state is.
    if (this.saved > this.at) this.saved = -1;
    this.states = [...this.states.slice(0, this.at + 1), marks];
    this.at += 1;
  }

  undo() {
    if (this.at === 0) return false;
    this.at -= 1;
    return true;
  }

  redo() {
    if (this.at === this.states.length - 1) return false;
    this.at += 1;
    return true;
  }

  confirmed(revision) {
    this.revision = revision;
    this.saved = this.at;
  }
}
