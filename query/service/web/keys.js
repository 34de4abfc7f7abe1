// Keyboard control of a grid of buttons: Tab reaches one of them, arrow keys move to its neighbours on the page.

/** Make the buttons of `grid` one tab stop. */
export function arrowKeys(grid) {
  const items = () => [...grid.querySelectorAll("[data-item]")];
  items().forEach((item, index) => (item.tabIndex = index === 0 ? 0 : -1));
  grid.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-item]"))
      items().forEach((item) => (item.tabIndex = item === event.target ? 0 : -1));
  });
  grid.addEventListener("keydown", (event) => {
    const all = items();
    const here = all.indexOf(document.activeElement);
    const next = here < 0 ? null : target(all, here, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
}

function target(all, here, key) {
  if (key === "ArrowRight") return all[here + 1];
  if (key === "ArrowLeft") return all[here - 1];
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key === "ArrowDown" || key === "ArrowUp") return vertical(all, all[here], key === "ArrowDown" ? 1 : -1);
  return null;
}

/** The nearest item in the next row; items with the same lower edge are one row. */
function vertical(all, from, direction) {
  const box = from.getBoundingClientRect();
  const middle = box.left + box.width / 2;
  const rows = all
    .map((item) => [item, item.getBoundingClientRect()])
    .filter(([, other]) => direction * (other.bottom - box.bottom) > 8);
  const row = Math.min(...rows.map(([, other]) => direction * other.bottom));
  const distance = ([, other]) => Math.abs(other.left + other.width / 2 - middle);
  return rows
    .filter(([, other]) => direction * other.bottom - row < 8)
    .sort((a, b) => distance(a) - distance(b))[0]?.[0];
}
