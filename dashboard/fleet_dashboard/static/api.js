// The only network of this page: the event stream, and requests that answer with data or one sentence.

const RETRY_MS = 1500;
const QUIET_MS = 1500; // without a frame for so long, ask whether there is just nothing new
const REOPEN_MS = 15000; // and after this, whether the stream itself has died

/** A failed request; its message is a sentence for the person in front of the page. */
export class ApiError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

let logIn = async () => false;

/** rights.js says how a person logs in; true if it happened. */
export function onRefused(how) {
  logIn = how;
}

export async function get(path) {
  return request(path, {});
}

export async function post(path, body) {
  const headers = {"content-type": "application/json"};
  const send = () => request(path, {method: "POST", headers, body: JSON.stringify(body)});
  try {
    return await send();
  } catch (error) {
    if (error.status === 401 && path !== "/api/login" && (await logIn())) return send();
    throw error;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, {...options, signal: AbortSignal.timeout(8000)});
  } catch {
    throw new ApiError("The dashboard does not answer. Is it still running?");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(body?.error ?? `The dashboard answered ${response.status}.`, response.status);
  if (body === null) throw new ApiError("The dashboard broke off in the middle of its answer.");
  return body;
}

/**
 * Keep `fleet` fed while the page is visible. Every opening starts with a snapshot, so a reconnect, a
 * woken laptop or a missed frame all end in the same known state.
 */
export function openStream(fleet) {
  let source = null;
  let sequence = null;
  let retry = null;

  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    sequence = null;
    source = new EventSource("/api/stream");
    source.addEventListener("snapshot", (event) => {
      sequence = null;
      fleet.applySnapshot(JSON.parse(event.data));
    });
    source.addEventListener("frame", (event) => {
      const frame = JSON.parse(event.data);
      const gap = sequence !== null && frame.seq !== sequence + 1;
      sequence = frame.seq;
      if (gap) open();
      else fleet.applyFrame(frame);
    });
    source.addEventListener("rollcall", (event) => fleet.applyRollcall(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      // The browser repeats a broken connection by itself, but gives up on a refused one.
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS);
    });
  };
  // Frames come only when something changed. A fleet at rest must not look like a broken connection, nor the reverse.
  const check = async () => {
    if (document.hidden || !fleet.ready || fleet.frameAge() < QUIET_MS) return;
    try {
      const answer = await fetch("/api/health", {cache: "no-store", signal: AbortSignal.timeout(2000)});
      fleet.pulse(await answer.json());
    } catch {
      return; // the age of the last frame says it
    }
    if (fleet.frameAge() > REOPEN_MS) open();
  };
  const follow = () => (document.hidden ? close() : (source ?? open()));

  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", close);
  addEventListener("pageshow", follow);
  setInterval(check, 1000);
  follow();
}
