// Requests to the service. The token is kept in the session of this tab; images are fetched with it.

import { TEXT } from "./strings.js";

const TOKEN_KEY = "attribase-token";
const CACHED_IMAGES = 1200; // more than any one view shows
let promptForToken = null;
let openPrompt = null; // a promise while the token is asked for
const images = new Map(); // object URLs by path

/** An error of the service: `message`, `hint`, `status` (0 where it could not be reached). */
export class ServiceError extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    Object.assign(this, { hint, status });
  }
}

/** Set what asks the user for a token: `(wrong) => Promise<string | null>`. */
export function setTokenPrompt(prompt) {
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

/** What is answered to a form or a JSON body, as a file: {blob, name}. */
export async function postForFile(path, body) {
  const json = body instanceof FormData ? {} : { "content-type": "application/json" };
  const sent = body instanceof FormData ? body : JSON.stringify(body);
  const response = await request(path, { method: "POST", body: sent, headers: { accept: "*/*", ...json } });
  const name = response.headers.get("content-disposition")?.match(/filename="([^"]+)"/)?.[1];
  return { blob: await response.blob(), name };
}

export const postForm = async (path, form, signal) =>
  (await request(path, { method: "POST", body: form, signal })).json();

/** `path?a=1&b=2`, without what is empty; a list is one name several times. */
export function withQuery(path, params) {
  const query = new URLSearchParams(
    Object.entries(params)
      .flatMap(([name, value]) => [value].flat().map((one) => [name, one]))
      .filter(([, value]) => value !== "" && value !== null && value !== undefined),
  );
  return query.size ? `${path}?${query}` : path;
}

async function request(path, options) {
  for (;;) {
    const sent = sessionStorage.getItem(TOKEN_KEY);
    const headers = {
      accept: "application/json",
      ...options.headers,
      ...(sent && { authorization: `Bearer ${sent}` }),
    };
    const response = await fetchOrThrow(path, { ...options, headers });
    if (response.ok) return response;
    if (response.status !== 401) throw await asError(response);
    if (sessionStorage.getItem(TOKEN_KEY) !== sent) continue; // another request got a new one meanwhile
    openPrompt ??= promptForToken(sent !== null).finally(() => (openPrompt = null));
    const token = await openPrompt;
    if (token === null)
      throw new ServiceError(...TEXT.service.tokenNeeded, 401);
    sessionStorage.setItem(TOKEN_KEY, token);
  }
}

async function fetchOrThrow(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(...TEXT.service.unreachable);
  }
}

async function asError(response) {
  try {
    const { error } = await response.json();
    return new ServiceError(error.message, error.hint, response.status);
  } catch {
    return new ServiceError(TEXT.service.answered(response.status), "", response.status);
  }
}

/** Show a stored image: `kind` is images or samples. Where it has no bytes, its alt text says why. */
export async function showImage(img, kind, id, size) {
  const path = withQuery(`v1/${kind}/${encodeURIComponent(id)}`, { size });
  if (!images.has(path)) images.set(path, load(path));
  try {
    img.src = await images.get(path);
    await img.decode().catch(() => {});
    if (img.naturalWidth) img.classList.toggle("small", Math.max(img.naturalWidth, img.naturalHeight) <= 64);
  } catch (error) {
    images.delete(path);
    img.classList.add("gone");
    img.alt = [img.alt, TEXT.noPicture(error.message)].filter(Boolean).join(", ");
  }
  while (images.size > CACHED_IMAGES) revoke(images.keys().next().value);
}

/** A stored image as a file that can be asked about. */
export async function imageFile(kind, id, name) {
  const response = await request(`v1/${kind}/${encodeURIComponent(id)}`, { headers: { accept: "image/*" } });
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}

async function load(path) {
  return URL.createObjectURL(await (await request(path, { headers: { accept: "image/*" } })).blob());
}

function revoke(path) {
  images.get(path).then(URL.revokeObjectURL, () => {});
  images.delete(path);
}
