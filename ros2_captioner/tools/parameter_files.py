"""Write the parameter file and the README's table from the settings; ``make parameters``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.options import AT_ACTIVATE, AT_CONFIGURE, LIVE, Declaration, declarations
from ros2_captioner.settings import NodeSettings

YAML_FILE, TABLE_FILE = Path("config/captioner.yaml"), Path("README.md")
_TABLE = re.compile(r"(<!-- parameters: make parameters -->\n).*?(<!-- end -->)", re.S)
_SEARCH = declarations(DecodingOptions)
_SECTIONS = {
    LIVE: "Live",
    AT_ACTIVATE: "Read at activate, so set while the node is inactive",
    AT_CONFIGURE: "Read at configure",
}


def main() -> None:
    """Bring both files up to date; run it in the repository's root."""
    YAML_FILE.write_text(parameter_file(), encoding="utf-8")
    readme = TABLE_FILE.read_text(encoding="utf-8")
    TABLE_FILE.write_text(with_table(readme), encoding="utf-8")


def parameter_file() -> str:
    """The text of ``config/captioner.yaml``: every setting, those of the search not set."""
    lines = [
        "# Every parameter of the captioner node with its default. Live parameters may be changed",
        "# with `ros2 param set /captioner NAME VALUE` at any time.",
        "# The search is as the model was tuned unless it is set here.",
        "# Written by `make parameters` from ros2_captioner/settings.py.",
        "/**:",
        "  ros__parameters:",
    ]
    for read, title in _SECTIONS.items():
        lines.append(f"    # {title}")
        for declaration in declarations(NodeSettings):
            if declaration.read == read:
                lines.append(f"    # {declaration.description}")
                unset = "# " if declaration in _SEARCH else ""
                lines.append(f"    {unset}{declaration.name}: {_literal(declaration)}")
    return "\n".join(lines) + "\n"


def with_table(readme: str) -> str:
    """The README with a table of the settings between its markers."""
    rows = [
        f"| `{declaration.name}` | {declaration.type_name} | {declaration.read} | "
        f"`{_literal(declaration)}` | {declaration.description}{_allowed(declaration)} |\n"
        for declaration in declarations(NodeSettings)
    ]
    head = "| parameter | type | read | default | what |\n|---|---|---|---|---|\n"
    return _TABLE.sub(lambda found: f"{found[1]}{head}{''.join(rows)}{found[2]}", readme)


def _literal(declaration: Declaration) -> str:
    return json.dumps(declaration.default)


def _allowed(declaration: Declaration) -> str:
    if declaration.choices:
        return f" ({', '.join(declaration.choices)})"
    if declaration.low is None:
        return ""
    return f" ({declaration.low:g}-{declaration.high:g})"


if __name__ == "__main__":
    main()
