"""What is wrong with a ``qos_overrides`` parameter."""

import pytest
import yaml

from ros2_captioner.errors import OptionsError
from ros2_captioner.ros.process.qos_overrides import qos_overrides

TOPIC = "/camera/image_raw"


@pytest.mark.parametrize("value", [-3, 0, 2**31, 2**63 - 1])
@pytest.mark.parametrize("entity", ["publisher", "subscription"])
def test_a_depth_out_of_range_is_told_what_it_may_be(node_with_file, tmp_path, entity, value):
    given = {"qos_overrides": {TOPIC: {entity: {"depth": value}}}}
    file = tmp_path / "parameters.yaml"
    file.write_text(yaml.safe_dump({"/**": {"ros__parameters": given}}))
    told = (
        rf"qos_overrides\.{TOPIC}\.{entity}\.depth is {value}; expected an integer, 1 to 2147483647"
    )
    with (
        pytest.raises(OptionsError, match=told),
        qos_overrides(node_with_file(file), TOPIC, entity),
    ):
        pytest.fail("an entity would be made")
