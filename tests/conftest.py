"""What every test shares: which real servers there are, and the rule that CI must have them."""

from __future__ import annotations

import os

import pytest

SERVERS = {"postgres": "SILTA_TEST_POSTGRES", "rabbitmq": "SILTA_TEST_RABBITMQ"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that needs a server is skipped on a laptop without it, and fails in CI."""
    for mark, variable in SERVERS.items():
        if item.get_closest_marker(mark) and not os.environ.get(variable):
            message = f"needs a server: set {variable}"
            if os.environ.get("CI", "").lower() in ("1", "true"):
                pytest.fail(message)
            pytest.skip(message)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journeys wait more than they work, and go by files: begun first, they are not what everybody waits for."""
    items.sort(key=lambda item: "journeys" not in item.path.parts)


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """The RabbitMQ server of `SILTA_TEST_RABBITMQ` (for tests marked ``rabbitmq``)."""
    return os.environ["SILTA_TEST_RABBITMQ"]
