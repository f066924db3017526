// One reviewer's visit to `headcount review`. Usage: node review.mjs ADDRESS MANIFEST FOLDER
// Does what a person would, writes screenshots into FOLDER, and prints what was found as JSON.
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import { startBrowser } from "./browser.mjs";

const [address, manifest, folder] = process.argv.slice(2);
const found = { asked: [], complaints: [], violations: {} };
const origin = new URL(address).origin;

const browser = await startBrowser().catch((fault) => {
  console.log(JSON.stringify({ skipped: fault.message }));
  process.exit(0);
});
const context = await browser.newContext({ viewport: { width: 1280, height: 760 }, colorScheme: "light" });
context.on("request", (request) => found.asked.push(request.url()));
const page = await context.newPage();
page.on("console", (message) => ["error", "warning"].includes(message.type()) && found.complaints.push(message.text()));
page.on("pageerror", (fault) => found.complaints.push(String(fault)));
page.on("dialog", (dialog) => dialog.accept());

const text = (id) => page.locator(`#${id}`).textContent();
const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
const lines = () => readFileSync(manifest, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
const line = (name) => lines().find((other) => other["source-ref"] === name);
const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });

/** Wait until the page has said something that matches. */
async function hears(pattern) {
  await page.waitForFunction(([source]) => new RegExp(source).test(document.getElementById("said").textContent), [pattern.source]);
  return text("said");
}

/** Return every pixel of the picture that is shown, as a PNG's base64. */
async function shown() {
  return page.locator("#picture").evaluate((picture) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: picture.naturalWidth, height: picture.naturalHeight });
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];
  });
}

async function opensWithKey() {
  await press("o");
  await hears(/^Opened/);
}

/** Return where a point of the picture is on the screen. */
async function onScreen([x, y]) {
  const sheet = await page.locator("#marks").boundingBox();
  const [width, height] = await page.locator("#marks").evaluate((marks) => [marks.viewBox.baseVal.width, marks.viewBox.baseVal.height]);
  return [sheet.x + (x / width) * sheet.width, sheet.y + (y / height) * sheet.height];
}

async function drags(from, to) {
  await page.mouse.move(...(await onScreen(from)));
  await page.mouse.down();
  await page.mouse.move(...(await onScreen([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2])));
  await page.mouse.move(...(await onScreen(to)));
  await page.mouse.up();
}

async function clicks(point) {
  await page.mouse.click(...(await onScreen(point)));
}

async function checksAccess(name) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  found.violations[name] = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`);
}

// Enter, and see the first frame blurred.
await page.goto(address);
found.firstPlace = await hears(/^Frame 1 of/);
found.addressAfterwards = page.url();
found.blurred = await shown();
found.firstReason = await text("reason");
await shot("blurred-light-wide");
await checksAccess("blurred, light");
await press("Enter");
found.saidUnopened = await hears(/^Open the picture first/);

// Keyboard alone: open, add a box, carry it onto the first face, size it, confirm.
await opensWithKey();
found.opened = await shown();
await shot("opened-light-wide");
await press("n");
await hears(/^Added/);
const target = [240, 220, 80, 100];
for (let turn = 0; turn < 900; turn += 1) {
  // What a screen reader's user hears of the box: choose it again, and listen.
  const box = await page.locator("#marks .chosen .area").evaluate((area) => ["x", "y", "width", "height"].map((name) => Math.round(area.getAttribute(name))));
  const axis = box.findIndex((side, at) => Math.abs(side - target[at]) >= 1);
  if (axis < 0) break;
  const arrow = axis % 2 ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  const key = arrow[Number(box[axis] < target[axis])];
  const modifier = axis < 2 ? "Shift" : "Alt";
  await page.keyboard.down(modifier);
  await page.keyboard.down(key);
  if (Math.abs(box[axis] - target[axis]) >= 10) await page.keyboard.down(key); // held: it repeats
  await page.keyboard.up(key);
  await page.keyboard.up(modifier);
}
await press("Escape", "ArrowRight");
found.heard = await hears(/pixels at/);
await press("Enter");
found.secondPlace = await hears(/^Frame 2 of/);
found.savedText = await text("saved");
found.secondIsBlurred = await page.locator("#veil").isVisible();
found.byKeyboard = line("lobby/0.png");

// Mouse: draw a box, move it, remove another, ignore a third, confirm.
await page.locator("#open").click();
await hears(/^Opened/);
await drags([420, 210], [500, 320]);
await hears(/^Added/);
await drags([460, 265], [470, 275]);
await drags([510, 330], [520, 340]); // its lower right handle
await clicks([120, 260]);
await page.locator("#remove").click();
await hears(/^Removed/);
await drags([650, 40], [900, 190]);
await hears(/^Added/);
await page.locator("#ignore").click();
await hears(/^Now Ignored/);
await page.emulateMedia({ colorScheme: "dark" });
await shot("edited-dark-wide");
await checksAccess("edited, dark");
await page.locator("#confirm").click();
await hears(/^Frame 3 of/);
found.byMouse = line("lobby/1.png");

// Nobody here, undone and done again; then the confirmation taken back.
await opensWithKey();
const counts = [];
for (const key of ["0", "u", "r"]) {
  await press(key);
  await page.waitForTimeout(50);
  counts.push(await text("boxes-title"));
}
found.nobodyUndoRedo = counts;
await press("Enter");
await hears(/^Frame 4 of/);
found.nobody = line("hall/2.png");
await press("u");
await hears(/taken back/);
found.takenBack = line("hall/2.png");
found.savedAfterTakingBack = await text("saved");

// A change that was not confirmed, and what was, outlive a reload.
await press(".");
await hears(/^Frame 4 of/);
await opensWithKey();
await press("n");
await hears(/^Added/);
const beforeReload = await text("boxes-title");
await page.reload();
await hears(/^Frame/);
found.progressAfterReload = await text("progress-text");
while (!(await text("position")).startsWith("Frame 4")) {
  await press(".");
  await page.waitForTimeout(150);
}
found.draft = [beforeReload, await text("boxes-title")];
found.blurredAfterReload = await page.locator("#veil").isVisible();
await page.setViewportSize({ width: 400, height: 780 });
await shot("draft-dark-narrow");
await page.emulateMedia({ colorScheme: "light" });
await checksAccess("narrow, light");
await press("?");
await checksAccess("keys, light");
await shot("keys-light-narrow");
await page.setViewportSize({ width: 640, height: 380 });
await press("Escape");
// As a window of 1280 at 200 %: nothing may be cut off sideways.
found.sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
await page.setViewportSize({ width: 1280, height: 760 });
found.complaintsBefore = found.complaints.splice(0);

// Somebody else writes to the file meanwhile.
await opensWithKey();
const somebodyElse = { "source-ref": "hall/9.png", frame: { width: 960, height: 540 } };
appendFileSync(manifest, `${JSON.stringify(somebodyElse)}\n`);
await press("Enter");
await page.locator("#alert").waitFor();
found.conflict = await text("alert-text");
found.savedInConflict = await text("saved");
found.theirsIsThere = lines().some((other) => other["source-ref"] === "hall/9.png");
await shot("conflict-light-wide");
await page.locator("#reread").click();
await hears(/^Read again/);
await opensWithKey();
await press("Enter");
await hears(/^(Frame|Every frame)/);
found.afterConflict = { lines: lines().length, kept: line("hall/3.png") };

// Who has no key, or another's address, sees nothing.
const stranger = await (await browser.newContext()).newPage();
await stranger.goto(`${origin}/#token=wrong`);
await stranger.locator("#alert").waitFor();
found.wrongToken = await stranger.locator("#alert-text").textContent();
await stranger.goto("about:blank");
await stranger.goto(address);
await stranger.locator("#alert").waitFor();
found.usedToken = await stranger.locator("#alert-text").textContent();
found.strangersPicture = await stranger.evaluate(async () => (await fetch("/api/frames/0/blurred")).status);

await browser.close();
console.log(JSON.stringify(found));
