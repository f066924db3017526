// The words beside the picture. Text is only ever set as text: a name from a manifest is no markup.

const ORIGINS = { people: "people", model: "a model", composed: "composition", nobody: "nobody yet" };
const FROZEN = {
  golden: "Golden set: models are judged by it. A change here changes every later comparison.",
  drifted: "Drifted set: models are judged by it. A change here changes every later comparison.",
};

const byNumber = new Intl.Collator(undefined, { numeric: true });
const byId = (id) => document.getElementById(id);
const cameraName = (camera) => camera || "no camera named";

export function showFrame(frame, place) {
  byId("position").textContent = place;
  byId("reason").textContent = frame.reason;
  byId("frozen").hidden = !(frame.split in FROZEN);
  byId("frozen").textContent = FROZEN[frame.split] ?? "";
  const facts = [
    ["Camera", cameraName(frame.camera)],
    ["Taken", frame.captured_at && moment(frame.captured_at)],
    ["Light", frame.light],
    ["Set", frame.split],
    ["Stands for", frame.slices.join(", ")],
    ["Labelled by", [frame.labelled_by || ORIGINS[frame.origin], frame.labelled_at && moment(frame.labelled_at)].filter(Boolean).join(", ")],
  ];
  byId("facts").replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) => [made("dt", name), made("dd", value)]));
}

/** List the marks as buttons; `choose` is called with the index of the one that was pressed. */
export function showMarks(marks, chosen, choose) {
  const faces = marks.filter(({ kind }) => kind === "face").length;
  byId("boxes-title").textContent = faces === 1 ? "1 face" : `${faces} faces`;
  const held = document.activeElement?.closest("#boxes li");
  const focused = held ? [...held.parentElement.children].indexOf(held) : -1;
  const items = marks.map((mark, index) => {
    const button = made("button");
    button.type = "button";
    button.setAttribute("aria-pressed", index === chosen);
    button.append(made("span", named(mark, index)), made("span", sized(mark)));
    button.addEventListener("click", (event) => choose(index, event));
    const item = made("li");
    item.append(button);
    return item;
  });
  const none = made("li", "No box: nobody is in sight.");
  none.className = "none";
  byId("boxes").replaceChildren(...(items.length ? items : [none]));
  items[Math.min(focused, items.length - 1)]?.firstChild.focus();
  items[chosen]?.scrollIntoView({ block: "nearest" });
}

export function showProgress(frames) {
  const done = frames.filter(({ reviewed }) => reviewed).length;
  Object.assign(byId("progress"), { max: frames.length || 1, value: done });
  byId("progress-text").textContent = `${done} of ${frames.length} reviewed, ${frames.length - done} left`;
  const cameras = grouped(frames);
  const rows = [...cameras].sort(([a], [b]) => byNumber.compare(a, b)).map(([camera, of]) => {
    const reviewed = of.filter((frame) => frame.reviewed).length;
    const bar = Object.assign(made("progress"), { max: of.length, value: reviewed });
    bar.setAttribute("aria-hidden", "true");
    const row = made("li");
    row.append(made("span", cameraName(camera)), bar, made("span", `${reviewed} of ${of.length}`));
    row.firstChild.title = cameraName(camera);
    return row;
  });
  byId("cameras").replaceChildren(...rows);
  const filter = byId("filter");
  if (filter.options.length !== cameras.size + 1) {
    const options = [...cameras.keys()].sort(byNumber.compare).map((camera) => new Option(cameraName(camera), `camera ${camera}`));
    filter.replaceChildren(filter.options[0], ...options);
  }
}

export function showSaved(state, text) {
  byId("saved").dataset.state = state;
  byId("saved").textContent = text;
}

export function complain(text, offersReread = false) {
  byId("alert").hidden = !text;
  byId("alert-text").textContent = text;
  byId("reread").hidden = !offersReread;
}

/** Say something to who cannot see it. */
export function say(text) {
  byId("said").textContent = "";
  requestAnimationFrame(() => (byId("said").textContent = text));
}

export const named = ({ kind }, index) => `${kind === "face" ? "Face" : "Ignored region"} ${index + 1}`;

function sized({ kind, box: [, , width, height], score }) {
  const size = `${Math.round(width)} × ${Math.round(height)} px`;
  return kind === "face" && score < 1 ? `${size} · ${score.toFixed(2)}` : size;
}

function grouped(frames) {
  const groups = new Map();
  for (const frame of frames) groups.set(frame.camera, [...(groups.get(frame.camera) ?? []), frame]);
  return groups;
}

function moment(text) {
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

function made(tag, text) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  return element;
}
