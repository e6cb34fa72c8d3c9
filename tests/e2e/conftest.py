"""Fixtures of the end-to-end tests: the cluster's, and what this configuration of it has."""

import os

import pytest

from cluster_fixtures import *  # noqa: F403

# dev/test says how the cluster is configured; unless it does, as `make up` left it.
CONFIGURATION = os.environ.get("SKILLBOX_TEST_CONFIG", "embedded")
collect_ignore = [] if CONFIGURATION == "s3-postgres" else ["test_build.py", "test_database_outage.py"]
if CONFIGURATION != "embedded":
    # Where blobs and history are is nothing to a pool, to what a script computes, nor to an agent.
    collect_ignore += ["test_examples.py", "test_langchain.py", "test_pools.py"]
if CONFIGURATION.startswith("s3"):
    collect_ignore += ["test_dependencies.py", "test_images.py", "test_python_data.py"]


class Configuration:
    def __init__(self, name, environment):
        self.has_history = name == "s3-postgres"
        self.has_own_kernel = name == "gvisor"  # in each sandbox
        self.files_origin = environment["SKILLBOX_TEST_S3_URL"] if name.startswith("s3") else environment["SKILLBOX_SERVER_URL"]


@pytest.fixture(scope="session")
def configuration(environment):
    return Configuration(CONFIGURATION, environment)
