// The review: which frame is shown, what is done to it, and what is saved.
import * as api from "./api.mjs";
import { History, moved, placed, sized, towards } from "./boxes.mjs";
import { complain, named, say, showFrame, showMarks, showProgress, showSaved } from "./panel.mjs";
import { Stage } from "./stage.mjs";

const byId = (id) => document.getElementById(id);
// Pictures of people do not stay open on a desk that nobody sits at.
const IDLE_MS = 3 * 60_000;
// Pixels of the picture that a key moves an edge by: tapped, and held down.
const TAP = 1;
const HELD = 8;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const parts = Object.fromEntries(["stage", "sheet", "picture", "marks", "zoom"].map((id) => [id, byId(id)]));
const stage = new Stage(parts, { chosen: choose, changed: change, added: (box) => add(box) });

let frames = []; // in their order: {id, camera, reviewed}
let frame = null; // the one that is shown, as the server tells it
let isOpened = false;
let chosen = -1;
let isWarned = false; // of work that is not where it belongs: that stays in sight
let doing = Promise.resolve();
const histories = new Map(); // by frame id
const skipped = new Set();
const confirmations = []; // ids, the last one last
let idle = 0;

const own = () => histories.get(frame.id);
const marks = () => own().marks;

async function start() {
  await api.enter();
  await lay(await api.overview());
  byId("stage").focus();
}

async function lay(overview) {
  frames = overview.frames;
  byId("reviewer").textContent = `as ${overview.reviewer}`;
  showProgress(frames);
  const first = nextToReview(-1) ?? frames[0];
  await show(first.id);
  if (overview.missing) complain(`${overview.missing} frames are left out: their pictures are not there.`);
}

// Which frame

const inSight = () => frames.filter(({ camera }) => !byId("filter").value || byId("filter").value === `camera ${camera}`);

function nextToReview(id) {
  const shown = inSight();
  const after = shown.findIndex((other) => other.id === id) + 1;
  const round = [...shown.slice(after), ...shown.slice(0, after)].filter((other) => !other.reviewed && other.id !== id);
  return round.find((other) => !skipped.has(other.id)) ?? round[0];
}

async function step(by) {
  const shown = inSight();
  const at = shown.findIndex(({ id }) => id === frame.id) + by;
  if (at < 0 || at >= shown.length) return say(by < 0 ? "This is the first frame." : "This is the last frame.");
  await show(shown[at].id);
}

async function skip() {
  skipped.add(frame.id);
  const next = nextToReview(frame.id);
  if (!next) return say("No other frame is left.");
  await show(next.id);
}

async function show(id) {
  stage.clear(); // before anything else: what was opened is not shown while the next one loads
  setOpened(false);
  frame = await api.frame(id);
  histories.set(id, kept(frame));
  chosen = -1;
  stage.take(frame);
  const shown = inSight();
  const at = shown.findIndex((other) => other.id === id);
  showFrame(frame, `Frame ${at + 1} of ${shown.length}`);
  drawMarks();
  await stage.display(await api.blurred(id), false, "The picture, blurred");
  parts.stage.setAttribute("aria-label", `Frame ${at + 1}, blurred. ${frame.reason}.`);
  say(`Frame ${at + 1} of ${shown.length}. ${frame.reason}. ${counted()}`);
}

// Open and blurred

async function toggleOpened() {
  if (isOpened) {
    stage.clear();
    setOpened(false);
    await stage.display(await api.blurred(frame.id), false, "The picture, blurred");
    say("Blurred.");
  } else {
    const blob = await api.opened(frame.id);
    setOpened(true);
    await stage.display(blob, true, "The picture, opened");
    say(`Opened. ${counted()}`);
  }
  drawMarks();
  parts.stage.focus({ preventScroll: true });
}

function setOpened(value) {
  isOpened = value;
  byId("veil").hidden = value;
  byId("blur").disabled = !value;
  if (frame) parts.stage.setAttribute("aria-label", `Picture, ${value ? "opened" : "blurred"}`);
}

function watchIdle() {
  clearTimeout(idle);
  idle = setTimeout(() => isOpened && act(toggleOpened), IDLE_MS);
}

// Boxes

function drawMarks() {
  stage.draw(marks(), chosen);
  showMarks(marks(), chosen, (index, event) => {
    choose(index);
    if (event.detail > 0) parts.stage.focus({ preventScroll: true });
  });
  const isChosen = chosen >= 0 && isOpened;
  for (const id of ["remove", "ignore"]) byId(id).disabled = !isChosen;
  for (const id of ["add", "nobody", "confirm"]) byId(id).disabled = !isOpened;
  byId("undo").disabled = own().at === 0 && lastConfirmed() === undefined;
  byId("redo").disabled = own().at === own().states.length - 1;
  byId("ignore").setAttribute("aria-pressed", isChosen && marks()[chosen].kind === "ignored");
  if (own().isChanged) showSaved("changed", "Changed, not confirmed");
  else if (byId("saved").dataset.state === "changed") showSaved("quiet", "No change to save");
}

function choose(index) {
  chosen = index;
  drawMarks();
  if (index < 0) return;
  stage.reveal(index);
  const [left, top, width, height] = marks()[index].box.map(Math.round);
  say(`${named(marks()[index], index)}, ${width} by ${height} pixels at ${left}, ${top}`);
}

function alter(altered, index) {
  own().change(altered);
  chosen = index;
  keep();
  drawMarks();
}

function change(index, box) {
  alter(marks().map((mark, at) => (at === index ? { ...mark, box, score: 1 } : mark)), index);
}

function add(box) {
  alter([...marks(), { kind: "face", box, score: 1 }], marks().length);
  say(`Added ${named(marks()[chosen], chosen)}.`);
}

function remove() {
  if (chosen < 0) return say("Choose a box first, with the arrows.");
  const gone = named(marks()[chosen], chosen);
  alter(marks().filter((_, index) => index !== chosen), Math.min(chosen, marks().length - 2));
  say(`Removed ${gone}. ${counted()}`);
}

function toggleIgnored() {
  if (chosen < 0) return say("Choose a box first, with the arrows.");
  const kind = marks()[chosen].kind === "face" ? "ignored" : "face";
  alter(marks().map((mark, index) => (index === chosen ? { ...mark, kind, score: 1 } : mark)), chosen);
  say(`Now ${named(marks()[chosen], chosen)}.`);
}

function nobody() {
  const rest = marks().filter(({ kind }) => kind !== "face");
  if (rest.length !== marks().length) alter(rest, -1);
  say("Nobody here. Enter confirms it.");
}

function nudge(arrow, isResized, isHeld) {
  if (chosen < 0) return say("Choose a box first, with the arrows.");
  const [dx, dy] = ARROWS[arrow].map((way) => way * (isHeld ? HELD : TAP));
  const { box } = marks()[chosen];
  change(chosen, isResized ? sized(box, "se", dx, dy, frame) : moved(box, dx, dy, frame));
  stage.reveal(chosen);
}

async function undo() {
  if (own().undo()) return reverted("Undone.");
  const last = lastConfirmed();
  if (last === undefined) return say("Nothing to undo.");
  const { revision } = histories.get(last);
  showSaved("saving", "Taking back");
  const saved = await api.takeBack(last, revision);
  confirmations.splice(confirmations.lastIndexOf(last) >>> 0, 1);
  saveState(last, saved, "Taken back");
  histories.get(last).saved = 0;
  await show(last);
  say("The confirmation was taken back.");
}

const lastConfirmed = () => (frame.confirmed_here ? frame.id : confirmations.at(-1));

function redo() {
  if (own().redo()) reverted("Done again.");
  else say("Nothing to redo.");
}

function reverted(text) {
  chosen = Math.min(chosen, marks().length - 1);
  keep();
  drawMarks();
  say(`${text} ${counted()}`);
}

function counted() {
  const faces = marks().filter(({ kind }) => kind === "face").length;
  return faces === 1 ? "1 face is marked." : `${faces || "No"} faces are marked.`;
}

// Saving

async function confirmAndGoOn() {
  const { id } = frame;
  if (!isOpened) return say("Open the picture first, with O.");
  showSaved("saving", "Saving");
  const saved = await api.confirm(id, own().revision, marks());
  confirmations.push(id);
  skipped.delete(id);
  own().confirmed(saved.revision);
  saveState(id, saved, "Saved");
  const next = nextToReview(id);
  if (next) return show(next.id);
  await show(id);
  byId("reason").textContent = "Every frame is reviewed";
  say("Every frame is reviewed.");
}

function saveState(id, saved, verb) {
  histories.get(id).revision = saved.revision;
  frames.find((other) => other.id === id).reviewed = saved.reviewed;
  keep(id);
  showProgress(frames);
  isWarned = Boolean(saved.warning);
  if (isWarned) {
    showSaved("failed", "Saved on this machine only");
    complain(`Not where it belongs: ${saved.warning}.\nThe work is kept in ${saved.saved_in}.`);
  } else {
    showSaved("saved", `${verb} ${new Date(saved.saved_at).toLocaleTimeString()}`);
    byId("saved").title = saved.saved_in;
  }
}

/** Keep a frame's changes over a reload of the page; never the picture. */
function keep(id = frame.id) {
  sessionStorage.setItem(`frame ${id}`, JSON.stringify(histories.get(id)));
}

function kept(told) {
  const stored = JSON.parse(sessionStorage.getItem(`frame ${told.id}`));
  if (stored?.revision === told.revision) return History.restored(stored);
  // From left to right, as the arrows choose them.
  return new History(told.boxes.toSorted((a, b) => a.box[0] - b.box[0]), told.revision);
}

async function readAgain() {
  const held = frame && { id: frame.id, marks: marks() };
  const overview = await api.reread();
  confirmations.length = 0;
  await lay(overview);
  if (held && frames.some(({ id }) => id === held.id)) {
    await show(held.id);
    alter(held.marks, -1);
    say("Read again. Your boxes for this frame are kept; confirm them once more.");
  }
}

// What people do

/** Do one thing after the other, however fast keys are pressed, and say what went wrong. */
function act(deed) {
  doing = doing.then(async () => {
    if (!isWarned) complain("");
    try {
      await deed();
    } catch (fault) {
      if (!(fault instanceof api.Refused)) return reportError(fault);
      complain(fault.message, fault.isConflict);
      if (byId("saved").dataset.state === "saving") showSaved("failed", "Not saved");
    }
  });
}

const whenOpened = (deed) => () => (isOpened ? deed() : say("Open the picture first, with O."));
const addInSight = () => add(placed(marks(), stage.middle(), frame));

const DEEDS = {
  open: toggleOpened, blur: toggleOpened, confirm: confirmAndGoOn, skip,
  previous: () => step(-1), next: () => step(1), undo, redo,
  add: whenOpened(addInSight), remove: whenOpened(remove), ignore: whenOpened(toggleIgnored), nobody: whenOpened(nobody),
  "zoom-in": stage.zoomIn, "zoom-out": stage.zoomOut, fit: stage.zoomToFit,
  brighter: () => byId("brighter").setAttribute("aria-pressed", stage.toggleBrighter()),
  help: () => byId("keys").showModal(), close: () => byId("keys").close(), reread: readAgain,
};
const KEYS = {
  o: "open", Enter: "confirm", s: "skip", ",": "previous", ".": "next", PageUp: "previous", PageDown: "next",
  u: "undo", r: "redo", n: "add", Delete: "remove", Backspace: "remove", i: "ignore", 0: "nobody",
  "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", f: "fit", b: "brighter", "?": "help",
};
const CONTROL_KEYS = { z: "undo", y: "redo", Z: "redo" };

function deedFor(event) {
  if (event.ctrlKey || event.metaKey) return CONTROL_KEYS[event.key];
  if (event.altKey || (event.key.length === 1 && !byId("single-keys").checked)) return undefined;
  return KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
}

function pressed(event) {
  if (byId("keys").open || !frame || event.target.matches("select, input")) return;
  // A button that has the focus keeps its own keys.
  if (event.target.matches("button, a") && ["Enter", " "].includes(event.key)) return;
  if (event.key === "Escape") {
    if (!stage.cancel()) choose(-1);
  } else if (event.key in ARROWS) {
    event.preventDefault();
    if (event.shiftKey || event.altKey || event.ctrlKey) {
      act(whenOpened(() => nudge(event.key, event.altKey || event.ctrlKey, event.repeat)));
    } else choose(towards(marks(), chosen, ARROWS[event.key]));
  } else {
    const deed = deedFor(event);
    if (!deed) return;
    event.preventDefault();
    // A key held down must not confirm one frame after the other.
    if (!event.repeat) act(DEEDS[deed]);
  }
}

for (const [id, deed] of Object.entries(DEEDS)) {
  byId(id).addEventListener("click", (event) => {
    act(deed);
    // After the mouse the keys go on working on the picture.
    if (event.detail > 0 && !["help", "close"].includes(id)) parts.stage.focus({ preventScroll: true });
  });
}
byId("filter").addEventListener("change", () => {
  const shown = inSight();
  if (!shown.some(({ id }) => id === frame.id)) act(() => show((nextToReview(-1) ?? shown[0]).id));
  else act(() => show(frame.id));
});
byId("single-keys").checked = localStorage.getItem("single-keys") !== "off";
byId("single-keys").addEventListener("change", ({ target }) => localStorage.setItem("single-keys", target.checked ? "on" : "off"));
document.addEventListener("keydown", pressed);
for (const name of ["keydown", "pointermove", "pointerdown"]) document.addEventListener(name, watchIdle);
addEventListener("beforeunload", (event) => {
  if ([...histories.values()].some(({ isChanged }) => isChanged)) event.preventDefault();
});

act(start);
