"""The layouts for Foxglove and RViz: panels that there are, topics that the node publishes."""

import json
from pathlib import Path

import yaml

CONFIG = Path(__file__).parents[1] / "config"
# As in Foxglove's published sources: LayoutData, and each panel's type with the keys of its config.
LAYOUT_KEYS = {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}
PANELS = {
    "Image": {"imageMode"},
    "RawMessages": {"topicPath"},
    "DiagnosticSummary": {"topicToRender", "minLevel", "pinnedIds", "hardwareIdFilter"},
}


def leaves(tree):
    """Panels of a tree of rows and columns."""
    if isinstance(tree, str):
        return [tree]
    assert tree["direction"] in ("row", "column") and 0 < tree.get("splitPercentage", 50) < 100
    return leaves(tree["first"]) + leaves(tree["second"])


def test_foxglove_shows_what_the_node_publishes():
    layout = json.loads((CONFIG / "foxglove_layout.json").read_text(encoding="utf-8"))
    panels = layout["configById"]
    assert set(layout) == LAYOUT_KEYS and sorted(leaves(layout["layout"])) == sorted(panels)
    for name, settings in panels.items():
        assert set(settings) == PANELS[name.partition("!")[0]]
    assert panels["Image!caption"]["imageMode"]["imageTopic"] == "/captioner/overlay/compressed"
    assert panels["RawMessages!sentence"]["topicPath"] == "/scene_caption.data"
    assert panels["DiagnosticSummary!node"]["topicToRender"] == "/diagnostics"


def test_rviz_shows_the_overlay():
    layout = yaml.safe_load((CONFIG / "captioner.rviz").read_text(encoding="utf-8"))
    (display,) = layout["Visualization Manager"]["Displays"]
    assert display["Class"] == "rviz_default_plugins/Image" and display["Enabled"]
    assert display["Topic"]["Value"] == "/captioner/overlay"
    assert display["Topic"]["Reliability Policy"] == "Reliable"
