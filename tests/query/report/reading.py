"""Reads a report back, by nothing that wrote it: the standard HTML parser and the lines of Markdown."""

from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "link", "img", "hr", "input", "source"}


class Page(HTMLParser):
    """Tables of a page with the text and the exact numbers of their cells; all tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: list[tuple[str, str, list[list[dict]]]] = []  # heading before it, class, rows
        self.open: list[str] = []
        self.text = ""
        self.heading = ""
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h2", "h3"):
            self.heading = ""
        if tag == "table":
            self.tables.append((self.heading, attributes.get("class", ""), []))
        elif tag == "tr" and self.tables:
            self.tables[-1][2].append([])
        elif tag in ("td", "th"):
            kind = attributes.get("class", "")
            self.tables[-1][2][-1].append({"text": "", "small": "", "value": None, "class": kind, "tag": tag})
        elif tag == "data" and "td" in self.open:
            self.tables[-1][2][-1][-1]["value"] = float(attributes["value"])

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open, f"{tag} was never opened"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text += data
        if {"h2", "h3"} & set(self.open):
            self.heading += data
        if {"td", "th"} & set(self.open):
            self.tables[-1][2][-1][-1]["small" if "small" in self.open else "text"] += data

    def places(self) -> dict[tuple[str, str, str], list[dict]]:
        """Cells of the tables of each place, by place, encoder and row; published ones are apart."""
        found = {}
        for heading, kind, rows in self.tables:
            if kind != "place":
                continue
            encoder, measured = "", ""
            for cells in rows[1:]:
                name = cells[0]["text"]
                if len(cells) == 1:
                    encoder = name
                    continue
                measured = measured if name.startswith("published") else name
                key = f"{measured} published" if name.startswith("published") else name
                found[heading, encoder, key] = cells[1:]
        return found


def markdown_tables(text: str) -> dict[str, list[list[str]]]:
    """Rows of the tables of a Markdown file, by the heading before each; unescaped."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = unescaped(line.lstrip("# "))
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            found.setdefault(heading, []).append([unescaped(cell) for cell in cells])
    return found


def unescaped(text: str) -> str:
    for mark in r"\`*_{}[]#|~$":
        text = text.replace(f"\\{mark}", mark)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
