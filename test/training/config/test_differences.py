"""In what configs differ: each value is named by its section, with both values."""

import dataclasses

from training.config.differences import differences


def test_differences_name_the_section_and_both_values(tiny_config):
    one, other = tiny_config(), tiny_config(optim={"samples": 7})
    assert differences(one, one) == []
    assert differences(one, other) == ["optim.samples: 5 there, 7 here"]


def test_of_sources_the_one_and_the_value_that_differ_are_named(tiny_config):
    config = tiny_config()
    source = config.data.train[0]

    def of(*sources):
        return dataclasses.replace(config, data=dataclasses.replace(config.data, train=sources))

    moved = dataclasses.replace(source, images="elsewhere")
    assert differences(config, of(moved)) == [
        f"data.train.tiny.images: {source.images!r} there, 'elsewhere' here"
    ]
    more = dataclasses.replace(source, name="more")
    assert differences(config, of(source, more)) == [
        "data.train: ['tiny'] there, ['tiny', 'more'] here"
    ]
