// Everything asked of the service. The token lives in this tab's session; pictures are fetched with it.

const KEY = "attribase-token";
const KEPT = 1200; // more than any one view shows
let promptForToken = null;
let waiting = null;
const pictures = new Map();

/** An error as the service words it: `message`, `hint`, `status` (0 where it could not be reached). */
export class ServiceError extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    Object.assign(this, { hint, status });
  }
}

/** Who asks the person for a token: `(wrong) => Promise<string | null>`. */
export function onTokenWanted(prompt) {
  promptForToken = prompt;
}

export const getJson = async (path, signal) => (await request(path, { signal })).json();

export const postJson = async (path, body, signal) =>
  (
    await request(path, {
      method: "POST",
      body: JSON.stringify(body),
      signal,
      headers: { "content-type": "application/json" },
    })
  ).json();

export const postForm = async (path, form, signal) =>
  (await request(path, { method: "POST", body: form, signal })).json();

/** `path?a=1&b=2`, without what is empty. */
export function withQuery(path, params) {
  const query = new URLSearchParams(
    Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined),
  );
  return query.size ? `${path}?${query}` : path;
}

async function request(path, options) {
  for (;;) {
    const sent = sessionStorage.getItem(KEY);
    const headers = {
      accept: "application/json",
      ...options.headers,
      ...(sent && { authorization: `Bearer ${sent}` }),
    };
    const response = await reach(path, { ...options, headers });
    if (response.ok) return response;
    if (response.status !== 401) throw await asError(response);
    if (sessionStorage.getItem(KEY) !== sent) continue; // a new one came while this was under way
    waiting ??= promptForToken(sent !== null).finally(() => (waiting = null));
    const token = await waiting;
    if (token === null)
      throw new ServiceError("The service asks for a token.", "Reload the page to enter one.", 401);
    sessionStorage.setItem(KEY, token);
  }
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("The service cannot be reached.", "See that it still runs, then ask again.");
  }
}

async function asError(response) {
  try {
    const { error } = await response.json();
    return new ServiceError(error.message, error.hint, response.status);
  } catch {
    return new ServiceError(`The service answered ${response.status}.`, "", response.status);
  }
}

/** Show a stored picture: `kind` is images or samples. One that is only referenced leaves its reason. */
export async function showPicture(img, kind, id, size) {
  const path = withQuery(`v1/${kind}/${encodeURIComponent(id)}`, { size });
  if (!pictures.has(path)) pictures.set(path, load(path));
  try {
    img.src = await pictures.get(path);
    await img.decode().catch(() => {});
    if (img.naturalWidth) img.classList.toggle("small", Math.max(img.naturalWidth, img.naturalHeight) <= 64);
  } catch (error) {
    pictures.delete(path);
    img.classList.add("gone");
    img.alt = [img.alt, `no picture: ${error.message}`].filter(Boolean).join(", ");
  }
  while (pictures.size > KEPT) forget(pictures.keys().next().value);
}

async function load(path) {
  return URL.createObjectURL(await (await request(path, { headers: { accept: "image/*" } })).blob());
}

function forget(path) {
  pictures.get(path).then(URL.revokeObjectURL, () => {});
  pictures.delete(path);
}
