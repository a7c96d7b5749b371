"""Write humble_api.json or lyrical_api.json: the names that their packages and messages offer.

The rclpy of Humble and that of Lyrical have no wheel, so the tests compare the names that this
package uses with these tables. To write one again, check out the branch ``humble`` or ``lyrical``
of rclpy, launch, launch_ros, rcl_interfaces and common_interfaces into one folder, and type:

    python test/support/recorded/ros_api.py humble FOLDER
"""

import ast
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

TABLES = {name: Path(__file__).with_name(f"{name}_api.json") for name in ("humble", "lyrical")}
PACKAGES = ("rclpy", "launch", "launch_ros")
INTERFACES = (
    *(
        f"rcl_interfaces/{name}"
        for name in ("builtin_interfaces", "lifecycle_msgs", "rcl_interfaces")
    ),
    *(
        f"common_interfaces/{name}"
        for name in ("diagnostic_msgs", "sensor_msgs", "std_msgs", "std_srvs")
    ),
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Names:
    """Public names of an importable package, read off its source.

    Attributes:
        modules: what can be imported from each module.
        attributes: names of methods, properties and variables of its classes.
        keywords: what each function, method and class takes by name.
        parents: the classes that each class names as its bases.
        open: functions and classes that hand any keyword on.
    """

    modules: dict = field(default_factory=dict)
    attributes: set = field(default_factory=set)
    keywords: dict = field(default_factory=dict)
    parents: dict = field(default_factory=dict)
    open: set = field(default_factory=set)


def read_names(package):
    """The names of the package in a folder."""
    names = Names()
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names.modules[module] = public(bound(tree))
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS):
                note_keywords(names, node.name, node)
            elif isinstance(node, ast.ClassDef):
                note_class(names, node)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.attributes.add(node.attr)
    names.attributes = set(public(names.attributes))
    return names


def public(names):
    return sorted({name for name in names if not name.startswith("_")})


def bound(scope):
    """Names that the statements of a module or class bind, those in functions left out."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        else:
            yield from bound(node)


def note_class(names, node):
    names.attributes.update(bound(node))
    names.parents[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
    for member in node.body:
        if isinstance(member, FUNCTIONS) and member.name in ("__init__", "__new__"):
            note_keywords(names, node.name, member)


def note_keywords(names, name, function):
    arguments = [*function.args.args, *function.args.kwonlyargs]
    taken = {argument.arg for argument in arguments} - {"self", "cls"}
    names.keywords.setdefault(name, set()).update(taken)
    if function.args.kwarg:
        names.open.add(name)


def inherited(names, packages):
    """Keywords of a package, with those of the bases of classes that hand any keyword on.

    None where any keyword is taken.
    """

    def keywords(owner, name):
        if name in owner.open and not owner.parents.get(name):
            return None  # takes any
        found = set(owner.keywords.get(name, ()))
        if name in owner.open or name not in owner.keywords:
            for parent in owner.parents.get(name, ()):
                home = next(
                    (other for other in (owner, *packages) if parent in other.parents), None
                )
                found.update((home and keywords(home, parent)) or ())
        return sorted(found)

    return {name: keywords(names, name) for name in public({*names.keywords, *names.parents})}


def interface_fields(file):
    """Fields and constants of a message or service."""
    for line in file.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].replace("=", " = ").split()
        if len(words) >= 2:
            yield words[1]


def table(folder):
    packages = {name: read_names(folder / name / name / name) for name in PACKAGES}
    interfaces = {}
    for package in INTERFACES:
        for file in sorted((folder / package).glob("*/*.[ms][sr][gv]")):
            module = ".".join(file.parts[-3:-1])
            interfaces.setdefault(module, {})[file.stem] = sorted(set(interface_fields(file)))
    return {
        "modules": {
            module: found for names in packages.values() for module, found in names.modules.items()
        },
        "attributes": {name: sorted(names.attributes) for name, names in packages.items()},
        "keywords": {name: inherited(names, packages.values()) for name, names in packages.items()},
        "interfaces": interfaces,
    }


def write(found, file):
    """JSON with a line for each module, package and interface."""
    parts = []
    for part, entries in found.items():
        lines = ",\n".join(
            f"{json.dumps(key)}: {json.dumps(entries[key])}" for key in sorted(entries)
        )
        parts.append(f"{json.dumps(part)}: {{\n{lines}\n}}")
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write(table(Path(sys.argv[2])), TABLES[sys.argv[1]])
