// What the server is asked. The key is got once for the token in the address, and goes into a header.
const KEY = "key";

/** The server said no, or said nothing. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }

  get isConflict() {
    return this.status === 409;
  }
}

/** Take the token out of the address and its history, and the key for it. */
export async function enter() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  const { key } = await (await send("/session", { token })).json();
  sessionStorage.clear();
  sessionStorage.setItem(KEY, key);
}

export const overview = async () => (await send("/api/frames")).json();
export const reread = async () => (await send("/api/reread", {})).json();
export const frame = async (id) => (await send(`/api/frames/${id}`)).json();
export const blurred = async (id) => (await send(`/api/frames/${id}/blurred`)).blob();
export const opened = async (id) => (await send(`/api/frames/${id}/opened`, {})).blob();

export async function confirm(id, revision, marks) {
  const boxes = marks.map(({ kind, box }) => ({ kind, box }));
  return (await send(`/api/frames/${id}/confirmed`, { revision, boxes })).json();
}

export async function takeBack(id, revision) {
  return (await send(`/api/frames/${id}/taken-back`, { revision })).json();
}

async function send(path, body) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}` };
  let answer;
  try {
    answer = await fetch(path, {
      headers, method: body ? "POST" : "GET", body: body && JSON.stringify(body), cache: "no-store",
    });
  } catch {
    throw new Refused("The review was stopped.\nWhat was confirmed is saved. Start it again, and open the address it prints.", 0);
  }
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({ error: answer.statusText }));
  throw new Refused(error, answer.status);
}
