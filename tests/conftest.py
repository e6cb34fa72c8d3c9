"""What all test folders share: the fast ones go first, the cluster's tests last."""

import pathlib

ON_THE_CLUSTER = {pathlib.Path(__file__).parent / name for name in ("attack", "e2e", "openapi")}


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not ON_THE_CLUSTER.isdisjoint(item.path.parents))
