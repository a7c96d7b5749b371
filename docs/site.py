"""mkdocs hook: pages that lie outside docs/, where GitHub and the package look for them."""

import re
from pathlib import Path
from posixpath import join, normpath

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PAGES = {  # file of the repository: page of the site
    "README.md": "home.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security_policy.md",
    "QUALITY_DECLARATION.md": "quality_declaration.md",
    "ros2_captioner/models/default/README.md": "model_card.md",
    "ros2_captioner/ros/demo/photographs/README.md": "photographs.md",
    "LICENSE": "licence.txt",
    "CHANGELOG.rst": "changelog.txt",
    "CITATION.cff": "citation.txt",
}
_SOURCES = {page: file for file, page in PAGES.items()}
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#]+)")


def on_files(files, config):
    """Add the pages."""
    for file, page in PAGES.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links lead to files of the repository; on the site they lead to its pages."""
    del config, files
    folder = str(Path(_SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")).parent)

    def target(link):
        file = normpath(join(folder, link[1]))
        return f"]({PAGES.get(file) or file.removeprefix('docs/')}"

    return _LINK.sub(target, markdown)
