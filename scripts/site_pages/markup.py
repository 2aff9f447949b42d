"""HTML of a Markdown document and of a notebook."""

import base64
import html
import re
from pathlib import Path

import markdown2
import nbformat

_EXTRAS = ["tables", "header-ids", "fenced-code-blocks", "code-friendly", "cuddled-lists"]


def from_markdown(text: str) -> str:
    """Return the body of a page; `_` in words is not emphasis."""
    return str(markdown2.markdown(text, extras=_EXTRAS))


def from_notebook(path: Path) -> str:
    """Return the body of a page: text, code and the outputs that the file contains."""
    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(from_markdown(cell.source))
        elif cell.cell_type == "code":
            parts.append(f'<pre class="code">{html.escape(cell.source)}</pre>')
            parts += [_output(output) for output in cell.outputs]
    return "\n".join(parts)


def _output(output: nbformat.NotebookNode) -> str:
    if output.output_type == "stream":
        return f'<pre class="output">{html.escape(output.text)}</pre>'
    data = output.data
    if "image/png" in data:
        picture = base64.b64encode(base64.b64decode(data["image/png"])).decode()
        return f'<p><img alt="output of the cell above" src="data:image/png;base64,{picture}"></p>'
    if "text/markdown" in data:
        return from_markdown(data["text/markdown"])
    return f'<pre class="output">{html.escape(data["text/plain"])}</pre>'


def title_of(body: str) -> str:
    """Return the text of the first heading."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.S)
    return re.sub(r"<[^>]+>", "", found[1]) if found else "ipvae-loihi"
