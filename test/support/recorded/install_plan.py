"""Write install_plan.json: what README's install lines do on each distribution.

rosdep and its database tell what apt would install; pip's resolver tells what pip would add beside
apt's numpy. Type

    pip install rosdep && python test/support/recorded/install_plan.py [ROSDISTRO]

where ROSDISTRO is a checkout of ros/rosdistro; without it rosdep fetches its database itself.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
TABLE = Path(__file__).with_suffix(".json")
DISTRIBUTIONS = ROOT / "test/distributions"  # apt's versions, a file for each Ubuntu
ROBOTS = {  # distribution: Ubuntu, Python
    "humble": ("jammy", "3.10"),
    "jazzy": ("noble", "3.12"),
    "kilted": ("noble", "3.12"),
}
# manylinux tags that pip accepts on these Ubuntus, on a PC and on a Jetson.
GLIBC = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
MACHINES = ("x86_64", "aarch64")
SOURCES = "".join(
    f"yaml file://{{database}}/rosdep/{name}.yaml\n" for name in ("base", "python", "ruby")
)


def rosdep_plan(distribution, environment):
    """What ``rosdep install`` would run for package.xml: ``{"apt": [...], "pip": [...]}``."""
    ubuntu, _ = ROBOTS[distribution]
    command = (
        f"rosdep install --simulate --reinstall --os ubuntu:{ubuntu} --rosdistro {distribution}"
    )
    command += f" --from-paths {ROOT} --ignore-src -y"
    printed = run(command.split(), environment)
    found = {"apt": [], "pip": []}
    for line in printed.splitlines():
        if match := re.match(r"  (?:sudo -H )?(apt-get|pip3?) install (.*)", line):
            installer = match[1].partition("-")[0].rstrip("3")
            found[installer] += [word for word in match[2].split() if not word.startswith("-")]
    return {installer: sorted(packages) for installer, packages in found.items()}


def pip_plan(python, machine, *packages):
    """What ``pip install --no-deps`` would add, by name and version."""
    platforms = [f"--platform={tag}_{machine}" for tag in GLIBC]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report=-"]
    command += ["--ignore-installed", "--no-deps", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={python}", "--target=unused", *platforms, *packages]
    report = json.loads(run(command))
    return {entry["metadata"]["name"]: entry["metadata"]["version"] for entry in report["install"]}


def run(command, environment=None):
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def local_database(database, folder):
    """Environment in which rosdep reads a checkout of rosdistro."""
    (folder / "20-default.list").write_text(SOURCES.format(database=database))
    return {
        "ROSDEP_SOURCE_PATH": str(folder),
        "ROSDISTRO_INDEX_URL": f"file://{database}/index-v4.yaml",
    }


def main(arguments):
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ROS_HOME": folder, "ROS_PYTHON_VERSION": "3"}
        if arguments:
            environment |= local_database(Path(arguments[0]).resolve(), Path(folder))
        run(["rosdep", "update"], environment)
        plan = {
            distribution: {
                "rosdep": rosdep_plan(distribution, environment),
                "pip": {machine: pip_plan(python, machine, "onnxruntime") for machine in MACHINES},
            }
            for distribution, (_, python) in ROBOTS.items()
        }
    TABLE.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
