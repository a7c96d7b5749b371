"""Humble and Lyrical have every name of rclpy, launch and the messages that this package uses."""

import ast
import importlib.util
import json
from functools import cache
from pathlib import Path

import pytest
from ros_api import INTERFACES, PACKAGES, TABLES, read_names

ROOT = Path(__file__).parents[2]
OFFERED = {name: json.loads(table.read_text(encoding="utf-8")) for name, table in TABLES.items()}
INTERFACE_PACKAGES = {path.partition("/")[2] for path in INTERFACES}
SOURCES = sorted([*(ROOT / "ros2_captioner").rglob("*.py"), *(ROOT / "launch").glob("*.py")])
FIELDS = {
    name
    for offered in OFFERED.values()
    for kinds in offered["interfaces"].values()
    for names in kinds.values()
    for name in names
}
_own = read_names(ROOT / "ros2_captioner")
# In Humble an enum of the compiled module, which the table does not read; Jazzy has it in Python.
CLOCK_TYPES = {"UNINITIALIZED", "ROS_TIME", "SYSTEM_TIME", "STEADY_TIME"}
OWN = {*_own.attributes, *_own.keywords, *FIELDS}


@pytest.fixture(params=OFFERED)
def offered(request):
    """The names of a distribution whose rclpy has no wheel."""
    return OFFERED[request.param]


@cache
def trees():
    return [(file, ast.parse(file.read_text(encoding="utf-8"))) for file in SOURCES]


def imports(tree):
    """``(local name, module, name)`` of everything imported from ROS."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            package = node.module.partition(".")[0]
            if package in PACKAGES or package in INTERFACE_PACKAGES:
                for alias in node.names:
                    yield alias.asname or alias.name, node.module, alias.name


def test_the_tables_are_whole(offered):
    assert "LifecycleNode" in offered["modules"]["rclpy.lifecycle"]
    assert offered["interfaces"]["std_srvs.srv"]["Trigger"] == ["message", "success"]
    assert "respawn_delay" in offered["keywords"]["launch_ros"]["Node"]
    newer = "respawn_max_retries" in offered["keywords"]["launch_ros"]["Node"]
    assert newer == (offered is OFFERED["lyrical"])  # from Jazzy on


def test_every_import_is_there(offered):
    missing, found = [], 0
    for file, tree in trees():
        for _, module, name in imports(tree):
            found += 1
            there = offered["modules"].get(module, offered["interfaces"].get(module, ()))
            if name not in there:
                missing.append(f"{file.name}: {module}.{name}")
    assert found > 50 and not missing


def test_every_function_of_rclpy_is_there(offered):
    used = {
        node.attr
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "rclpy"
    }
    submodules = {module.rpartition(".")[2] for module in offered["modules"]}
    assert "init" in used and not used - set(offered["modules"]["rclpy"]) - submodules


def test_every_keyword_is_taken(offered):
    unknown = []
    for file, tree in trees():
        origin = {local: (module, name) for local, module, name in imports(tree)}
        others = other_modules(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            taken = keywords_taken(offered, call.func, origin, others)
            given = {keyword.arg for keyword in call.keywords if keyword.arg}
            if taken is not None and given - set(taken):
                unknown.append(f"{file.name}:{call.lineno}: {sorted(given - set(taken))}")
    assert not unknown


def other_modules(tree):
    """Names of the modules that a file imports whole and that are none of ROS."""
    aliases = [
        name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    ]
    bound = [(alias.asname or alias.name).partition(".")[0] for alias in aliases]
    return set(bound) - set(PACKAGES)


def keywords_taken(offered, function, origin, others):
    """What is taken by name where a class or method of ROS is called; None elsewhere."""
    if isinstance(function, ast.Name) and function.id in origin:
        module, name = origin[function.id]
        if module in offered["interfaces"]:
            return offered["interfaces"][module][name]
        return offered["keywords"][module.partition(".")[0]].get(name)
    if not isinstance(function, ast.Attribute) or function.attr in OWN:
        return None
    if isinstance(function.value, ast.Name) and function.value.id in others:
        return None
    known = [
        names[function.attr] for names in offered["keywords"].values() if function.attr in names
    ]
    return None if not known or None in known else [name for names in known for name in names]


def test_no_attribute_is_missing(offered):
    """Attributes are compared by name: none that the installed rclpy has and the other has not."""
    pytest.importorskip("rclpy")
    installed = read_names(Path(importlib.util.find_spec("rclpy").origin).parent).attributes
    missing = installed - set(offered["attributes"]["rclpy"]) - CLOCK_TYPES - OWN
    used = {
        f"{file.name}:{node.lineno}: {node.attr}"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in missing
    }
    assert missing and not used
