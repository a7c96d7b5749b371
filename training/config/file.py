"""A YAML file to the settings of a training run, with overrides, every key and type checked."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from training.config.settings import ConfigError, Settings, SourceConfig, TrainConfig, UserPath
from training.config.shown import shown

T = TypeVar("T", bound=Settings)


def load_config(path: Path, overrides: list[str] | None = None) -> TrainConfig:
    """Read a YAML config; ``overrides`` are ``section.key=value`` strings that win over it.

    Raises:
        ConfigError: names the key at fault and the keys that exist.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the config {path}: {error}") from error
    tree = _parsed(text, f"cannot read the config {path}")
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: found no keys; expected sections such as 'data:' and 'model:'")
    for override in overrides or []:
        _apply_override(tree, override)
    return config_from_dict(tree)


def config_from_dict(tree: dict[str, Any]) -> TrainConfig:
    """Build the config from nested dicts, refusing unknown keys and wrong types."""
    return _build(TrainConfig, tree, "config")


def _apply_override(tree: dict[str, Any], override: str) -> None:
    path, separator, text = override.partition("=")
    if not separator:
        raise ConfigError(f"found --set {shown(override)}; expected --set section.key=value")
    *sections, key = path.split(".")
    for section in sections:
        inner = tree.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(
                f"found --set {shown(override)}; {section} is a value and has no keys"
            )
        tree = inner
    tree[key] = _parsed(text, f"found --set {shown(override)}; expected a YAML value")


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML would drop the first in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See `yaml.SafeLoader.construct_mapping`."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = [key for place, key in enumerate(keys) if key in keys[:place]]
        if twice:
            raise yaml.constructor.ConstructorError(
                problem=f"found the key {twice[0]!r} twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def _parsed(text: str, what: str) -> Any:
    """The values of a YAML text.

    Raises:
        ConfigError: it is none; begins with ``what``, and has one line.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise ConfigError(f"{what}: it is nested too deeply") from error
    # PyYAML's own, and what it lets through from values that its tags and patterns promised.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise ConfigError(f"{what}: {shown(error, 400)}") from error


def _build(cls: type[T], tree: Any, where: str) -> T:
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}: found {shown(repr(tree))}; expected a section with keys")
    known = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(tree) - set(known), key=str)
    if unknown:
        raise ConfigError(f"{where}: unknown keys {unknown}; known are {sorted(known)}")
    missing = [
        name
        for name, item in known.items()
        if name not in tree
        and item.default is dataclasses.MISSING
        and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: missing keys {missing}")
    kinds = get_type_hints(cls, include_extras=True)
    values = {key: _value(kinds[key], value, f"{where}.{key}") for key, value in tree.items()}
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _value(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Settings):
        return _build(kind, value, where)
    if kind == tuple[SourceConfig, ...]:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: found {shown(repr(value))}; expected a list of sources")
        return tuple(_build(SourceConfig, one, f"{where}[{i}]") for i, one in enumerate(value))
    if kind == tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(map(_is_text, value)):
            raise ConfigError(f"{where}: found {shown(repr(value))}; expected a list of words")
        return tuple(value)
    expected = str if kind == UserPath else kind
    if expected is float and type(value) in (int, str):
        # YAML reads 1e-3 (no dot) as text.
        with contextlib.suppress(ValueError, OverflowError):
            value = float(value)
    if type(value) is not expected or (expected is str and not _is_text(value)):
        raise ConfigError(f"{where}: found {shown(repr(value))}; expected {expected.__name__}")
    return os.path.expanduser(str(value)) if kind == UserPath else value


def _is_text(value: Any) -> bool:
    """False of half a surrogate pair too, which no file can hold."""
    return isinstance(value, str) and value.encode(errors="replace").decode() == value
