"""Whether anybody listens to a topic of the node: events tell it, but in Humble it is asked."""

import pytest
import rclpy
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import String

from ros2_captioner.ros.node.publishing import output


@pytest.mark.parametrize("events", [True, False])
def test_listeners_that_come_and_go_are_seen(client, events, monkeypatch):
    if not events:
        monkeypatch.setattr(output, "_matched_events", lambda count: None)
    context = rclpy.Context()
    rclpy.init(context=context)
    node = LifecycleNode("captioner", context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    topic = output.Output(node, String, "words")

    def listened():
        executor.spin_once(timeout_sec=0.0)
        return topic.listened

    try:
        assert not listened()
        for _ in range(2):
            subscription = client.node.create_subscription(String, "words", print, 1)
            assert client.spin_until(listened)
            client.node.destroy_subscription(subscription)
            assert client.spin_until(lambda: not listened())
    finally:
        topic.close()
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
