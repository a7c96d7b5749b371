"""Another node of the node's own name."""

import pytest

from ros2_captioner.ros.node.duplicate_name import DuplicateName

OWN, OTHERS = ("captioner", "/robot"), [("captioner", "/"), ("camera", "/robot")]


class FakeNode:
    """``/robot/captioner``, and what it sees of the graph."""

    def __init__(self):
        self.seen, self.warnings = [OWN, *OTHERS], []

    def get_name(self):
        return OWN[0]

    def get_namespace(self):
        return OWN[1]

    def get_fully_qualified_name(self):
        return "/robot/captioner"

    def get_node_names_and_namespaces(self):
        return self.seen

    def get_logger(self):
        return self

    def warning(self, text):
        self.warnings.append(text)


@pytest.fixture
def inspect(clock):
    """A node, and a function that lets it look at the graph every second for so long."""
    node = FakeNode()
    duplicate = DuplicateName(node)

    def look(seconds):
        for _ in range(seconds):
            clock.now_s += 1
            duplicate.inspect()
        return duplicate.problem

    return node, look


def test_a_second_node_of_the_name_is_told_once(inspect):
    node, look = inspect
    assert look(100) == ""
    node.seen.append(OWN)
    assert look(25) == ""
    assert "2 nodes are named /robot/captioner" in look(15)
    look(40)
    assert len(node.warnings) == 1 and "(-r __node:=NAME)" in node.warnings[0]
    node.seen.remove(OWN)
    assert look(1) == ""


def test_a_node_that_was_killed_and_started_again_is_no_second_one(inspect):
    """DDS takes the killed one for alive for a while."""
    node, look = inspect
    node.seen.append(OWN)
    assert look(25) == ""
    node.seen.remove(OWN)
    assert look(40) == "" and not node.warnings
