"""A sign of life to nav2's lifecycle manager, which takes a node without one for dead."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode

_TOPIC = "bond"  # nav2's, as are the heartbeats' timeout and the bond's identifier
_TIMEOUT_S = 4.0


class ManagerBond:
    """One bond; formed when the manager activates the node, broken when it deactivates it.

    Args:
        node: is alive while the bond is.
        heartbeat_period_s: 0 forms no bond; nor is one formed where bondpy is not installed.
    """

    def __init__(self, node: LifecycleNode, heartbeat_period_s: float) -> None:
        self._node = node
        self._bond: Any = None
        if heartbeat_period_s <= 0:
            return
        try:
            from bondpy import bondpy
        except ImportError:
            node.get_logger().info(
                "no bond to a lifecycle manager: bondpy is not installed; where it waits for one, "
                "type: sudo apt install ros-$ROS_DISTRO-bondpy"
            )
            return
        self._bond = bondpy.Bond(node, _TOPIC, node.get_name())
        self._bond.set_heartbeat_period(heartbeat_period_s)
        self._bond.set_heartbeat_timeout(_TIMEOUT_S)
        self._bond.start()

    def close(self) -> None:
        """Break the bond on purpose, so that the manager does not take it for a crash."""
        bond, self._bond = self._bond, None
        if bond is not None:
            bond.break_bond()
            bond.shutdown()
            # That destroys these and leaves them with the node, whose executor fails at them.
            self._node.destroy_publisher(bond.pub)
            self._node.destroy_subscription(bond.sub)
