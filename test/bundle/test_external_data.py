"""Weights in other files are found wherever ONNX allows a tensor, however they are written."""

import pytest

from ros2_captioner.bundle import DEFAULT_BUNDLE
from ros2_captioner.bundle.external_data import (
    DATA_LOCATION,
    EXTERNAL_DATA,
    FIELDS,
    has_external_data,
)

onnx = pytest.importorskip("onnx", reason="onnx is not installed")


def external(**entries):
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [1.0])
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    return tensor


def graph(node=(), initializer=()):
    return onnx.helper.make_graph(list(node), "g", [], [], list(initializer))


def node(**attributes):
    found = onnx.helper.make_node("If", [], ["y"])
    found.attribute.extend(onnx.helper.make_attribute(*pair) for pair in attributes.items())
    return found


def model(**fields):
    return onnx.helper.make_model(graph(**fields))


def nested():
    inner = graph(initializer=[external(location="x")])
    for _ in range(20):
        inner = graph(node=[node(then_branch=inner)])
    return onnx.helper.make_model(inner)


def in_function():
    found = model()
    function = onnx.helper.make_function("d", "f", [], [], [node(value=external(location="x"))], [])
    found.functions.append(function)
    return found


def sparse():
    found = model()
    tensor = found.graph.sparse_initializer.add()
    tensor.values.CopyFrom(external(location="x"))
    return found


def in_training():
    found = model()
    found.training_info.add().algorithm.CopyFrom(graph(initializer=[external(location="x")]))
    return found


MODELS = {
    "initialiser": lambda: model(initializer=[external(location="x")]),
    "another order of entries": lambda: model(initializer=[external(offset="0", location="x")]),
    "location alone": lambda: model(initializer=[external()]),
    "attribute": lambda: model(node=[node(value=external(location="x"))]),
    "attribute with tensors": lambda: model(node=[node(values=[external(location="x")])]),
    "nested": nested,
    "function": in_function,
    "sparse": sparse,
    "training": in_training,
}


@pytest.mark.parametrize("name", MODELS)
def test_weights_elsewhere_are_found(name):
    assert has_external_data(MODELS[name]().SerializeToString())


def test_another_spelling_of_the_same_protobuf_is_found():
    tensor = external(location="x").SerializeToString()
    # A longer form of the length than need be; the same message to every reader.
    padded = b"\x2a" + bytes([len(tensor) & 0x7F | 0x80, 0x80, 0x00]) + tensor
    body = bytes([len(padded)]) + padded
    content = b"\x3a" + body
    assert onnx.load_from_string(content).graph.initializer[0].external_data
    assert has_external_data(content)


def test_the_words_alone_are_no_external_data():
    found = model(initializer=[onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [1.0])])
    found.doc_string = "\n\x08location\x12"
    assert not has_external_data(found.SerializeToString())


@pytest.mark.parametrize("file", sorted(DEFAULT_BUNDLE.glob("*.onnx")), ids=lambda f: f.name)
def test_the_shipped_graphs_have_none(file):
    assert not has_external_data(file.read_bytes())


@pytest.mark.parametrize(
    "content", [b"not a graph", b"\x3a\x7f", b"\x3b", b"\xff" * 20, b"\x3a\x02\x2a\x7f"]
)
def test_what_is_no_protobuf_is_refused(content):
    with pytest.raises(ValueError, match="byte"):
        has_external_data(content)


def test_fields_are_those_of_onnx():
    """Every field of a message that can hold a tensor, followed from the model down."""
    leads = {"TensorProto"}
    descriptors = {}
    waiting = [onnx.ModelProto.DESCRIPTOR]
    while waiting:
        descriptor = waiting.pop()
        descriptors[descriptor.name] = descriptor
        kinds = (field.message_type for field in descriptor.fields if field.message_type)
        waiting += [kind for kind in kinds if kind.name not in descriptors]
    for _ in descriptors:
        leads |= {
            name
            for name, descriptor in descriptors.items()
            if any(f.message_type and f.message_type.name in leads for f in descriptor.fields)
        }
    expected = {
        name: {
            field.number: field.message_type.name
            for field in descriptors[name].fields
            if field.message_type and field.message_type.name in leads
        }
        for name in leads - {"TensorProto"}
    }
    assert expected == {name: dict(fields) for name, fields in FIELDS.items()}
    numbers = {field.name: field.number for field in onnx.TensorProto.DESCRIPTOR.fields}
    assert numbers["external_data"] == EXTERNAL_DATA
    assert numbers["data_location"] == DATA_LOCATION
