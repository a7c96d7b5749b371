"""Whether an ONNX file keeps weights in other files; such a graph could read any file here.

The file is walked as protobuf, field by field, so that no spelling of a field escapes. The field
numbers are those of onnx.proto, of which a test reads them; the package onnx is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # wire types; groups are not used by ONNX
_WIDTHS = {_FIXED_64: 8, _FIXED_32: 4}
# Of each message, the fields that lead to tensors: number to message.
FIELDS: Mapping[str, Mapping[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # fields of TensorProto


class _Field(NamedTuple):
    number: int
    value: int  # of a varint; 0 for others
    begin: int
    end: int


def has_external_data(content: bytes) -> bool:
    """Whether any tensor of an ONNX model, in whatever place, lies outside the file.

    Raises:
        ValueError: it is no protobuf.
    """
    waiting = [("ModelProto", 0, len(content))]
    while waiting:  # a stack: graphs may lie in graphs to any depth
        message, begin, end = waiting.pop()
        for field in _fields(content, begin, end):
            if message == "TensorProto":
                if field.number == EXTERNAL_DATA or (field.number == DATA_LOCATION and field.value):
                    return True
            elif field.number in FIELDS[message]:
                waiting.append((FIELDS[message][field.number], field.begin, field.end))
    return False


def _fields(content: bytes, place: int, end: int) -> Iterator[_Field]:
    while place < end:
        key, place = _varint(content, place, end)
        number, wire_type = key >> 3, key & 7
        value = 0
        begin = place
        if wire_type == _VARINT:
            value, place = _varint(content, place, end)
        elif wire_type == _BYTES:
            length, begin = _varint(content, place, end)
            place = begin + length
        elif wire_type in _WIDTHS:
            place += _WIDTHS[wire_type]
        else:
            raise ValueError(f"found wire type {wire_type} at byte {begin}; expected protobuf")
        if place > end:
            raise ValueError(f"field {number} at byte {begin} ends behind its message")
        yield _Field(number, value, begin, place)


def _varint(content: bytes, place: int, end: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= end:
            break
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError(f"found no number at byte {place}; expected protobuf")
