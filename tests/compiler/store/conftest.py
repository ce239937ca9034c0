"""Stores to try things on: in a folder, and in memory behind fsspec."""

from uuid import uuid4

import pytest

from taskc.compiler.store.objects import Store


@pytest.fixture(params=["disk", "memory"])
def url(request, tmp_path):
    """Where a new store may be: every promise holds for both kinds of place."""
    return str(tmp_path / "store") if request.param == "disk" else f"memory://{uuid4().hex}/store"


@pytest.fixture
def store(url):
    """An empty store."""
    return Store.open(url)


@pytest.fixture
def disk(tmp_path):
    """An empty store in a folder."""
    return Store.open(tmp_path / "store")
