// Which colour each point of a map has: by a field, or by the influence of the last answer.

import { TEXT } from "./strings.js";

const SHOWN = 7; // values with a colour of their own; others are grey
const PALETTE = ["#0b74c4", "#d1590a", "#0a9268", "#b4488c", "#a68600", "#6a5acd", "#b3261e"];
const FEW = 8000; // points; of fewer each is drawn larger
const SAY = TEXT.map;

/**
 * Groups of points: {groups: [{name, colour, size, count}], group: of each point, faded: the colour of points
 * that are not chosen}. `answer` is the last one, for the field "influence".
 */
export function colouring(columns, field, answer) {
  const style = getComputedStyle(document.documentElement);
  const [grey, faded] = [style.getPropertyValue("--edge").trim(), style.getPropertyValue("--rest").trim()];
  const { groups, group } =
    field === "influence" ? byInfluence(columns, answer, grey) : byField(columns[field] ?? columns.kind, field, grey);
  const larger = Math.min(3, Math.max(1, Math.sqrt(FEW / columns.item_id.length)));
  for (const one of groups) Object.assign(one, { count: 0, size: one.size * (field === "influence" ? 1 : larger) });
  for (const one of group) groups[one].count += 1;
  return { groups, group, faded };
}

/** The most frequent values have colours; then come the other values, and points without one. */
function byField({ values, codes }, field, grey) {
  const counts = values.map(() => 0);
  for (const code of codes) if (code >= 0) counts[code] += 1;
  const ranked = [...values.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  const place = new Map(ranked.slice(0, SHOWN).map((code, index) => [code, index]));
  const size = field === "kind" ? ({ exemplar: 2.6, sample: 2 }) : {};
  const groups = ranked.slice(0, SHOWN).map((code, index) => {
    const name = field === "kind" ? (SAY.kinds[values[code]] ?? values[code]) : values[code];
    return { name, colour: PALETTE[index], size: size[values[code]] ?? 1.6 };
  });
  groups.push({ name: SAY.others, colour: grey, size: 1.4 }, { name: TEXT.unknown, colour: grey, size: 1.2 });
  const [others, none] = [groups.length - 2, groups.length - 1];
  return { groups, group: codes.map((code) => (code < 0 ? none : (place.get(code) ?? others))) };
}

/** The images of the answer, the larger the more influence, over all others in grey. */
function byInfluence({ item_id: ids }, answer, grey) {
  const limits = [0.1, 0.03, 0.01, 0];
  const shares = new Map(
    (answer?.results ?? []).flatMap(({ image_id: id, influence, copies }) => [id, ...(copies ?? [])].map((one) => [one, influence])),
  );
  const groups = limits.map((limit, index) => ({ name: SAY.from(limit), colour: PALETTE[[6, 1, 4, 0][index]], size: 7 - 1.4 * index }));
  groups.push({ name: SAY.notListed, colour: grey, size: 1.2 });
  const group = ids.map((id) => (shares.has(id) ? limits.findIndex((limit) => shares.get(id) >= limit) : limits.length));
  return { groups, group };
}
