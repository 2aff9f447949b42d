"""The pages for each audience: their commands and programs run, in order, as they stand.

With `-m long` on the models that ship, in processes: tests/docs/test_readme.py.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs" / "guides").glob("*.md"))

pytestmark = pytest.mark.xdist_group("documents")


@pytest.mark.lava
def test_a_guide_works_as_written(act, shop):
    """On small models in place of those that ship: tests/support/documents.py."""
    shop.read(act)


def test_there_is_a_guide_for_each_audience(documents):
    assert [Path(name).stem for name in DOCUMENTS] == ["board", "count", "model", "simulate"]
    for name in DOCUMENTS:
        assert len(documents.acts(name)) >= 3, name
