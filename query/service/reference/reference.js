// Draws /openapi.json: every address with its parameters, its body and a call with curl.

const said = await (await fetch("/openapi.json")).json();
const METHODS = ["get", "post"];

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** A text element in which `words` are code. */
function prose(name, text, attributes) {
  const made = element(name, undefined, attributes);
  text.split("`").forEach((part, at) => made.append(at % 2 ? element("code", part) : part));
  return made;
}

function resolved(schema) {
  return schema?.$ref ? said.components.schemas[schema.$ref.split("/").pop()] : schema ?? {};
}

/** What a value may be, in a few words: `integer, 1 to 1024`, `"all" or "gallery"`. */
function kind(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const parts = (schema.anyOf ?? []).filter((one) => one.type !== "null");
  if (parts.length) return parts.map(kind).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" or ");
  if (schema.type === "array") return `array of ${kind(schema.items ?? {})}`;
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const range = high !== undefined && high < 2 ** 31 - 1 ? `, ${low} to ${high}` : low !== undefined ? `, from ${low}` : "";
  return (schema.format === "binary" ? "file" : schema.type ?? "any") + range;
}

function fields(rows) {
  const table = element("table");
  for (const { name, schema, needed, text } of rows) {
    const row = table.insertRow();
    row.insertCell().append(element("code", name));
    const more = schema.default === undefined || schema.default === null ? "" : `, ${JSON.stringify(schema.default)} when left out`;
    row.insertCell().textContent = kind(schema) + (needed ? ", needed" : more);
    row.insertCell().append(prose("span", text ?? ""));
  }
  return table;
}

function properties(schema) {
  const whole = resolved(schema);
  return Object.entries(whole.properties ?? {}).map(([name, one]) => ({
    name, schema: one, needed: whole.required?.includes(name), text: one.description,
  }));
}

function example(path, method, operation) {
  const types = operation.requestBody?.content ?? {};
  const lines = [`curl ${location.origin}${path}`];
  if (types["application/json"]) lines.push("-H 'content-type: application/json' -d '{...}'");
  else if (method === "post") lines.push("-X POST");
  const form = types["multipart/form-data"] ? `\ncurl ${location.origin}${path} -F image=@picture.png -F k=10` : "";
  return lines.join(" \\\n  ") + form;
}

function drawn(path, method, operation) {
  const part = element("section", undefined, { id: `${method}${path}` });
  const title = element("h2");
  title.append(element("span", method.toUpperCase(), { class: "method" }), element("code", path));
  part.append(title, prose("p", operation.summary, { class: "summary" }));
  for (const text of (operation.description ?? "").split("\n\n")) part.append(prose("p", text));
  if (operation.parameters?.length) {
    const rows = operation.parameters.map((one) => ({
      name: one.name, schema: one.schema, needed: one.required, text: one.description ?? one.schema.description,
    }));
    part.append(element("h3", "Parameters"), fields(rows));
  }
  for (const [type, { schema }] of Object.entries(operation.requestBody?.content ?? {})) {
    part.append(element("h3", `Body, ${type}`), fields(properties(schema)));
  }
  part.append(element("h3", "Call"), element("pre", example(path, method, operation)));
  return part;
}

const index = element("ul");
const operations = document.getElementById("operations");
operations.replaceChildren();
for (const [path, methods] of Object.entries(said.paths)) {
  for (const method of METHODS.filter((one) => methods[one])) {
    operations.append(drawn(path, method, methods[method]));
    const item = element("li");
    item.append(element("a", `${method.toUpperCase()} ${path}`, { href: `#${method}${path}` }));
    index.append(item);
  }
}
document.getElementById("index").append(index);
document.getElementById("about").textContent = said.info.description;
document.title = `${said.info.title}: addresses`;
