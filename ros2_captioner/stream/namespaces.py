"""Where the captions of several cameras go, so that no two of them share a topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def own_namespaces(cameras: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """For each of several cameras a namespace for its captions that no other one has.

    ``/front`` for ``/front/image_raw/compressed``; where cameras share that, or it is the node's
    own, the topic without ``/compressed``; where they share that too, the whole topic.

    Args:
        cameras: resolved image topics.
        taken: namespaces that none of them gets, as the captions of all cameras go there.
    """
    candidates = {camera: _candidates(camera) for camera in cameras}
    claims = Counter(name for names in candidates.values() for name in names)
    claims.update(namespace.rstrip("/") for namespace in taken)
    return {
        camera: next((name for name in names if claims[name] == 1), camera)
        for camera, names in candidates.items()
    }


def _candidates(camera: str) -> list[str]:
    picture = camera.removesuffix("/compressed")
    return list(dict.fromkeys([picture.rpartition("/")[0], picture, camera]))
