"""Whether another node has this one's name, as ROS allows and says nothing of."""

from __future__ import annotations

import time

from rclpy.node import Node

_PATIENCE_S = 30.0  # Fast DDS takes a node that was killed for alive for 20


class DuplicateName:
    """Looks for another node of a node's own name, such as one that a killed launch left behind.

    Args:
        node: whose name it is.

    Attributes:
        problem: what that does, and the remedy; empty while there is none.
    """

    def __init__(self, node: Node) -> None:
        self._node, self._alone_s = node, time.monotonic()
        self.problem = ""

    def inspect(self) -> None:
        """Look at the graph; say it once."""
        name, namespace = self._node.get_name(), self._node.get_namespace()
        found = self._node.get_node_names_and_namespaces().count((name, namespace))
        if found < 2:
            self._alone_s, self.problem = time.monotonic(), ""
        elif not self.problem and time.monotonic() - self._alone_s > _PATIENCE_S:
            full_name = self._node.get_fully_qualified_name()
            self.problem = (
                f"{found} nodes are named {full_name}, so a parameter or a service reaches any one "
                "of them; end the others, or start this one with another name (-r __node:=NAME)"
            )
            self._node.get_logger().warning(self.problem)
