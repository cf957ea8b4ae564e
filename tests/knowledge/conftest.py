"""The add-on's knowledge as it lies in the source tree, and small apps made for one test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from knowledge import health_scene, scene
from knowledge.every_sample import our_knowledge
from knowledge.studio import Events, seen
from standins.search import SearchKnowledge

MakeApp = Callable[[Mapping[str, str]], Path]


@pytest.fixture(scope="session")
def knowledge() -> SearchKnowledge:
    """Give what the add-on says about events."""
    return our_knowledge()


@pytest.fixture(scope="session")
def events(knowledge: SearchKnowledge) -> Events:
    """Give the scene's events as searches see them, newest first."""
    return seen(knowledge, scene.events())


@pytest.fixture(scope="session")
def summary(
    built_app: Path, splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> health_scene.Story:
    """Give what the built add-on logged in its runs."""
    return health_scene.record(built_app, splunk_pythons["3.9"], tmp_path_factory.mktemp("health") / "splunk")


@pytest.fixture
def make_app(tmp_path: Path) -> MakeApp:
    """Give a function that writes an app: file names below the app, and their text."""

    def make(files: Mapping[str, str]) -> Path:
        app = tmp_path / f"app{len(list(tmp_path.iterdir()))}"
        for name, text in files.items():
            path = app / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return app

    return make
