"""Fixtures of the end-to-end tests. Each test has its own service, on its own port, with its own data folder."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/flights"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "doubles"))
from harness import Service  # noqa: E402


@pytest.fixture
def stopped_service(tmp_path):
    """A service that has not been started yet; whatever it started is ended after the test."""
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture
def service(stopped_service):
    return stopped_service.start()


@pytest.fixture
def client(service):
    return service.client()


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: runs when no other end-to-end test does, for it measures what others would disturb")
