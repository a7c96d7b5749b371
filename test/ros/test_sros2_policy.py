"""The SROS2 policy allows what a running node uses, and nothing else."""

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from ros_harness import Process

POLICY = Path(__file__).parents[2] / "config/sros2/captioner.policy.xml"
NAME = "guarded"  # nodes that other tests left behind in this process may have the usual one
# On simulated time, and from a camera that sends JPEG.
SOMETIMES = {"/clock", "/camera/image_raw/compressed"}
SINCE_IRON = {f"/{NAME}/get_type_description"}


def allowed(kind, access):
    """Full names of the topics or services that the policy allows."""
    expressions = ElementTree.parse(POLICY).getroot().findall(f".//{kind}[@{access}='ALLOW']/*")
    return {expression.text.replace("~", f"/{NAME}") for expression in expressions}


@pytest.fixture
def node(tmp_path):
    process = Process("captioner_node", tmp_path / "node.log", [f"__node:={NAME}"], device="cpu")
    try:
        process.wait_for_log("captioning")
        yield process
    finally:
        process.stop()


def test_the_policy_is_what_the_node_uses(client, node, photograph):
    client.caption_of(photograph)

    def names(kind):
        method = getattr(client.node, f"get_{kind}_names_and_types_by_node")
        return {name for name, _ in method(NAME, "/")}

    used = {
        "publisher": allowed("topics", "publish"),
        "subscriber": allowed("topics", "subscribe") - SOMETIMES,
        "service": allowed("services", "reply"),
    }
    if os.environ.get("ROS_DISTRO") == "humble":
        used["service"] -= SINCE_IRON
    client.spin_until(lambda: {kind: names(kind) for kind in used} == used)
    assert {kind: names(kind) for kind in used} == used
    assert not allowed("services", "request")


def test_the_policy_keeps_the_schema_of_sros2():
    """Where sros2 is installed, as beside any desktop ROS."""
    policy = pytest.importorskip("sros2.policy")
    from lxml import etree

    schema = etree.XMLSchema(etree.parse(str(policy.get_policy_schema("policy.xsd"))))
    schema.assertValid(etree.parse(str(POLICY)))
