// The picture with its boxes: drawn as SVG in the picture's own pixels, and changed with the mouse.
import { isMeant, moved, sized, spanned } from "./boxes.mjs";

const SVG = "http://www.w3.org/2000/svg";
// Screen pixels.
const HANDLE = 10;
const TAG = 13;
const SMALL = 44; // a box with a side below it has handles at its corners only
const SLIP = 3; // a press that moves less was a click
const ZOOM_STEP = 1.25;
const MOST_ZOOM = 12;

const HANDLES = { nw: [0, 0], ne: [1, 0], sw: [0, 1], se: [1, 1], n: [0.5, 0], s: [0.5, 1], w: [0, 0.5], e: [1, 0.5] };

export class Stage {
  /**
   * @param parts {stage, sheet, picture, marks, zoom}: elements of the page.
   * @param told {chosen(index), changed(index, box), added(box)}: what the mouse did.
   */
  constructor(parts, told) {
    Object.assign(this, parts);
    this.told = told;
    this.size = { width: 16, height: 9 };
    this.zoomed = 1;
    this.shown = { marks: [], chosen: -1 };
    this.drag = null;
    this.marks.addEventListener("pointerdown", (event) => this.#press(event));
    this.marks.addEventListener("pointermove", (event) => this.#pull(event));
    this.marks.addEventListener("pointerup", (event) => this.#release(event));
    this.marks.addEventListener("pointercancel", () => this.cancel());
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.#fit()).observe(this.stage);
  }

  /** Show another picture, whole. */
  take(size) {
    this.size = size;
    this.marks.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    this.zoomed = 1;
    this.drag = null;
    this.#fit();
  }

  /** Show the bytes of a picture, and forget the ones before. */
  async display(blob, isOpened, alt) {
    URL.revokeObjectURL(this.picture.src);
    this.picture.src = URL.createObjectURL(blob);
    this.picture.alt = alt;
    this.marks.dataset.opened = isOpened;
    await this.picture.decode();
  }

  clear() {
    URL.revokeObjectURL(this.picture.src);
    this.picture.removeAttribute("src");
    this.marks.dataset.opened = false;
  }

  draw(marks, chosen) {
    this.shown = { marks, chosen };
    const scale = this.#scale();
    const byArea = marks.map((mark, index) => ({ ...mark, index }));
    // The smallest on top, so that a face within a region can be taken hold of.
    byArea.sort((a, b) => b.box[2] * b.box[3] - a.box[2] * a.box[3]);
    this.marks.replaceChildren(...byArea.map((mark) => this.#group(mark, mark.index === chosen, scale)));
  }

  /** Return the middle of what is in sight, in pixels of the picture. */
  middle() {
    const view = this.stage.getBoundingClientRect();
    return this.#inPicture({ clientX: view.left + view.width / 2, clientY: view.top + view.height / 2 });
  }

  zoomBy(factor, around = null) {
    const before = around ? this.#inPicture(around) : this.middle();
    this.zoomed = Math.min(Math.max(this.zoomed * factor, 1), MOST_ZOOM);
    this.#fit();
    const sheet = this.marks.getBoundingClientRect();
    const at = around ?? this.#middleOfView();
    this.stage.scrollLeft += sheet.left + (before.x / this.size.width) * sheet.width - at.clientX;
    this.stage.scrollTop += sheet.top + (before.y / this.size.height) * sheet.height - at.clientY;
  }

  zoomIn = () => this.zoomBy(ZOOM_STEP);
  zoomOut = () => this.zoomBy(1 / ZOOM_STEP);
  zoomToFit = () => this.zoomBy(0);

  /** Show dark pictures brighter, or as they are; return whether brighter. */
  toggleBrighter() {
    const isBrighter = this.picture.dataset.brighter !== "true";
    this.picture.dataset.brighter = isBrighter;
    return isBrighter;
  }

  /** Let go of what is being dragged; return whether anything was. */
  cancel() {
    const wasDragging = this.drag !== null;
    this.drag = null;
    this.draw(this.shown.marks, this.shown.chosen);
    return wasDragging;
  }

  reveal(index) {
    this.marks.querySelector(`[data-index="${index}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #group(mark, isChosen, scale) {
    const group = element("g", { class: `${mark.kind}${isChosen ? " chosen" : ""}` });
    const [x, y, width, height] = mark.box;
    for (const part of ["area", "halo", "edge"]) {
      const rect = element("rect", { class: part, x, y, width, height });
      if (part === "area") rect.dataset.index = mark.index;
      else rect.style.pointerEvents = "none";
      group.append(rect);
    }
    const tag = element("text", { class: "tag", x: x + 4 / scale, y: y - 5 / scale });
    if (y < 18 / scale) tag.setAttribute("y", y + 15 / scale);
    tag.style.fontSize = `${TAG / scale}px`;
    tag.style.strokeWidth = `${3 / scale}px`;
    tag.textContent = mark.index + 1;
    group.append(tag);
    if (isChosen && this.marks.dataset.opened === "true") group.append(...this.#handles(mark, scale));
    return group;
  }

  #handles({ box: [x, y, width, height], index }, scale) {
    const side = HANDLE / scale;
    const isSmall = Math.min(width, height) * scale < SMALL;
    return Object.entries(HANDLES)
      .filter(([name]) => name.length === 2 || !isSmall)
      .map(([name, [across, down]]) => {
        const handle = element("rect", {
          class: "handle", width: side, height: side,
          x: x + across * width - side / 2, y: y + down * height - side / 2,
        });
        Object.assign(handle.dataset, { handle: name, index });
        return handle;
      });
  }

  #press(event) {
    if (event.button !== 0 || this.marks.dataset.opened !== "true") return;
    event.preventDefault();
    this.stage.focus({ preventScroll: true });
    const { handle, index } = event.target.dataset;
    const start = this.#inPicture(event);
    if (index === undefined || (event.shiftKey && !handle)) {
      this.told.chosen(-1);
      this.drag = { start, index: -1, apply: (to) => spanned(start, to, this.size) };
    } else {
      const { box } = this.shown.marks[index];
      if (Number(index) !== this.shown.chosen) this.told.chosen(Number(index));
      const apply = handle
        ? (to) => sized(box, handle, to.x - start.x, to.y - start.y, this.size)
        : (to) => moved(box, to.x - start.x, to.y - start.y, this.size);
      this.drag = { start, index: Number(index), apply };
    }
    Object.assign(this.drag, { from: event, box: null });
    this.marks.setPointerCapture(event.pointerId);
  }

  #pull(event) {
    if (!this.drag) return;
    const far = Math.hypot(event.clientX - this.drag.from.clientX, event.clientY - this.drag.from.clientY);
    if (!this.drag.box && far < SLIP) return;
    this.drag.box = this.drag.apply(this.#inPicture(event));
    const { marks, chosen } = this.shown;
    const { index, box } = this.drag;
    const preview = index < 0
      ? [...marks, { kind: "face", box, score: 1 }]
      : marks.map((mark, at) => (at === index ? { ...mark, box } : mark));
    this.draw(preview, index < 0 ? marks.length : index);
    this.shown = { marks, chosen };
  }

  #release(event) {
    if (!this.drag) return;
    this.#pull(event);
    const { index, box } = this.drag;
    this.drag = null;
    if (box && isMeant(box)) {
      if (index < 0) this.told.added(box);
      else this.told.changed(index, box);
    } else this.draw(this.shown.marks, this.shown.chosen);
  }

  #wheel(event) {
    // Also what a pinch on a touchpad sends.
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY / 200), event);
  }

  #fit() {
    const style = getComputedStyle(this.stage);
    const inner = (side, ...paddings) => this.stage[side] - paddings.reduce((sum, name) => sum + parseFloat(style[name]), 0);
    const [width, height] = [inner("offsetWidth", "paddingLeft", "paddingRight"), inner("offsetHeight", "paddingTop", "paddingBottom")];
    const scale = Math.min(width / this.size.width, height / this.size.height) * this.zoomed;
    this.sheet.style.width = `${this.size.width * scale}px`;
    this.sheet.style.height = `${this.size.height * scale}px`;
    this.zoom.textContent = `${Math.round(this.zoomed * 100)} %`;
    this.draw(this.shown.marks, this.shown.chosen);
  }

  #middleOfView() {
    const view = this.stage.getBoundingClientRect();
    return { clientX: view.left + view.width / 2, clientY: view.top + view.height / 2 };
  }

  #inPicture({ clientX, clientY }) {
    const sheet = this.marks.getBoundingClientRect();
    return {
      x: ((clientX - sheet.left) / sheet.width) * this.size.width,
      y: ((clientY - sheet.top) / sheet.height) * this.size.height,
    };
  }

  #scale() {
    return this.marks.getBoundingClientRect().width / this.size.width || 1;
  }
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
