"""Every name of rclpy, launch and the messages that this package uses is there in Humble too."""

import ast
import importlib.util
import json
from pathlib import Path

import pytest
from humble_api import INTERFACES, PACKAGES, TABLE, read_names

ROOT = Path(__file__).parents[2]
HUMBLE = json.loads(TABLE.read_text(encoding="utf-8"))
INTERFACE_PACKAGES = {path.partition("/")[2] for path in INTERFACES}
SOURCES = sorted([*(ROOT / "ros2_captioner").rglob("*.py"), *(ROOT / "launch").glob("*.py")])
FIELDS = {
    name for kinds in HUMBLE["interfaces"].values() for names in kinds.values() for name in names
}
_own = read_names(ROOT / "ros2_captioner")
# In Humble an enum of the compiled module, which the table does not read; Jazzy has it in Python.
CLOCK_TYPES = {"UNINITIALIZED", "ROS_TIME", "SYSTEM_TIME", "STEADY_TIME"}
OWN = {*_own.attributes, *_own.keywords, *FIELDS}


def trees():
    for file in SOURCES:
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def imports(tree):
    """``(local name, module, name)`` of everything imported from ROS."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            package = node.module.partition(".")[0]
            if package in PACKAGES or package in INTERFACE_PACKAGES:
                for alias in node.names:
                    yield alias.asname or alias.name, node.module, alias.name


def test_the_table_is_whole():
    assert "LifecycleNode" in HUMBLE["modules"]["rclpy.lifecycle"]
    assert HUMBLE["interfaces"]["std_srvs.srv"]["Trigger"] == ["message", "success"]
    assert "respawn_delay" in HUMBLE["keywords"]["launch_ros"]["Node"]
    assert "respawn_max_retries" not in HUMBLE["keywords"]["launch_ros"]["Node"]  # from Jazzy on


def test_every_import_is_there():
    missing, found = [], 0
    for file, tree in trees():
        for _, module, name in imports(tree):
            found += 1
            there = HUMBLE["modules"].get(module, HUMBLE["interfaces"].get(module, ()))
            if name not in there:
                missing.append(f"{file.name}: {module}.{name}")
    assert found > 50 and not missing


def test_every_function_of_rclpy_is_there():
    used = {
        node.attr
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "rclpy"
    }
    submodules = {module.rpartition(".")[2] for module in HUMBLE["modules"]}
    assert "init" in used and not used - set(HUMBLE["modules"]["rclpy"]) - submodules


def test_every_keyword_is_taken():
    unknown = []
    for file, tree in trees():
        origin = {local: (module, name) for local, module, name in imports(tree)}
        others = other_modules(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            taken = keywords_taken(call.func, origin, others)
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


def keywords_taken(function, origin, others):
    """What Humble takes by name where a class or method of ROS is called; None elsewhere."""
    if isinstance(function, ast.Name) and function.id in origin:
        module, name = origin[function.id]
        if module in HUMBLE["interfaces"]:
            return HUMBLE["interfaces"][module][name]
        return HUMBLE["keywords"][module.partition(".")[0]].get(name)
    if not isinstance(function, ast.Attribute) or function.attr in OWN:
        return None
    if isinstance(function.value, ast.Name) and function.value.id in others:
        return None
    known = [
        names[function.attr] for names in HUMBLE["keywords"].values() if function.attr in names
    ]
    return None if not known or None in known else [name for names in known for name in names]


def test_no_attribute_is_newer_than_humble():
    """Attributes are compared by name: none that the installed rclpy has and Humble's has not."""
    pytest.importorskip("rclpy")
    installed = read_names(Path(importlib.util.find_spec("rclpy").origin).parent).attributes
    newer = installed - set(HUMBLE["attributes"]["rclpy"]) - CLOCK_TYPES - OWN
    used = {
        f"{file.name}:{node.lineno}: {node.attr}"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in newer
    }
    assert newer and not used
