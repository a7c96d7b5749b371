"""``captioner_bundle``: what a model bundle is, and who signed it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ros2_captioner.bundle import DEFAULT_BUNDLE, MANIFEST, Bundle, load_bundle
from ros2_captioner.bundle.manifest import search_of
from ros2_captioner.bundle.signatures import check_signature, sign, signature_file
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import command_parser, user_path
from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import CaptionerError
from ros2_captioner.output_files import check_output

_MIB = 2**20


@command(failed=1)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parsed = _parser().parse_args(arguments)
    return int(parsed.run(parsed) or 0)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("captioner_bundle", "Show, sign and verify model bundles.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def subcommand(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    inspect = subcommand(
        "inspect", _inspect, "Print what a bundle is; every file of it is checked."
    )
    inspect.add_argument("bundle", nargs="?", default="", help="the shipped model if not given")
    listing = subcommand("list", _list, "Print a line for each bundle in some folders.")
    listing.add_argument(
        "folders",
        nargs="*",
        type=user_path,
        default=[DEFAULT_BUNDLE.parent],
        help="searched at any depth (default: the shipped model's)",
    )
    signing = subcommand("sign", _sign, f"Check a bundle, then sign its manifest: {MANIFEST}.sig.")
    # Not a text: of "" the shipped model would be signed.
    signing.add_argument("bundle", type=user_path, help="folder")
    signing.add_argument("--key", type=user_path, required=True, help="Ed25519 private key, PEM")
    verify = subcommand("verify", _verify, "Check a bundle and its signature.")
    verify.add_argument("bundle", type=user_path, help="folder")
    verify.add_argument(
        "--key", type=user_path, required=True, help="public key, PEM, or a folder of them (*.pub)"
    )
    return parser


def _inspect(parsed: argparse.Namespace) -> None:
    bundle = load_bundle(parsed.bundle)
    for name, text in _description(bundle):
        print(in_line(f"{name:14} {text}"))


def _description(bundle: Bundle) -> Iterator[tuple[str, str]]:
    manifest = bundle.manifest
    yield "name", manifest["name"]
    yield "at", str(bundle.path)
    yield "digest", bundle.digest
    yield "signature", _signature(bundle.path)
    yield "schema", str(manifest["schema"])
    yield "architecture", _pairs(manifest["architecture"])
    yield "images", f"{bundle.image_size}x{bundle.image_size} pixels"
    yield "vocabulary", f"{len(bundle.vocabulary)} words"
    yield "search", _pairs(_search(manifest))
    for variant, parts in manifest["variants"].items():
        size = sum(manifest["files"][file]["bytes"] for file in parts.values())
        yield variant, f"{size / _MIB:.1f} MiB: {', '.join(parts.values())}"
    for variant in manifest["metrics"]:
        for source, scores in bundle.scores(variant).items():
            yield f"{variant} scores", f"{source and f'of {source}: '}{_pairs(scores)}"
    yield "training", _pairs(manifest["training"])
    for source in manifest["training"].get("sources", ()):
        yield "data", _pairs(source)


def _search(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Every option of the search as the node's parameter is typed."""
    search = dataclasses.asdict(search_of(manifest))
    return {name: json.dumps(value, ensure_ascii=False) for name, value in search.items()}


def _pairs(values: Mapping[str, Any]) -> str:
    """The plain values there are; what is nested is for those who open the manifest."""
    return ", ".join(
        f"{name} {value}"
        for name, value in values.items()
        if value != "" and not isinstance(value, (dict, list))
    )


def _signature(folder: Path) -> str:
    if not signature_file(folder / MANIFEST).exists():
        return "none"
    return f"there is one; type: captioner_bundle verify {shlex.quote(str(folder))} --key KEY.pub"


def _list(parsed: argparse.Namespace) -> int:
    failed = 0
    for folder in parsed.folders:
        # A search at any depth does not follow links, such as `current` to one of the bundles.
        found = sorted({*folder.rglob(MANIFEST), *folder.glob(f"*/{MANIFEST}")})
        if not found:
            failed = 1
            print(in_line(f"no bundle in {folder}"), file=sys.stderr)
        for manifest in found:
            try:
                print(in_line(_line(load_bundle(manifest.parent))))
            except CaptionerError as error:
                failed = 1
                print(in_line(f"broken: {error}"))
    return failed


def _line(bundle: Bundle) -> str:
    size = sum(file["bytes"] for file in bundle.manifest["files"].values())
    found = bundle.cider(bundle.precisions[0])
    cider = "not scored" if found is None else f"mean CIDEr {found:.3f}"
    signed = "signed" if signature_file(bundle.path / MANIFEST).exists() else "unsigned"
    what = f"{bundle.manifest['name']} {bundle.digest}  {'+'.join(bundle.precisions)}"
    return f"{bundle.path}  {what}  {size / _MIB:.0f} MiB  {cider}  {signed}"


def _sign(parsed: argparse.Namespace) -> None:
    bundle = load_bundle(parsed.bundle)
    check_output("sign", signature_file(bundle.path / MANIFEST), [parsed.key])
    print(in_line(f"wrote {sign(bundle.path / MANIFEST, parsed.key)}"))


def _verify(parsed: argparse.Namespace) -> None:
    bundle = load_bundle(parsed.bundle)
    manifest = bundle.path / MANIFEST
    key = check_signature(manifest, manifest.read_bytes(), parsed.key)
    print(in_line(f"{bundle.path}: every file is whole, signed by {key}"))


if __name__ == "__main__":
    sys.exit(main())
