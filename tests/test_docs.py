"""The pages of `docs/` say what is so."""

import doctest
import re
from pathlib import Path

import pytest

import inface

DOCS = Path(__file__).parents[1] / "docs"


def test_using_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "using-models.md").read_text().replace("```", "\n```")  # a fence is no output
    code = doctest.DocTestParser().get_doctest(page, {}, "using-models.md", None, 0)
    report: list[str] = []
    result = doctest.DocTestRunner().run(code, out=report.append)
    assert result.attempted > 40
    assert not result.failed, "".join(report)


@pytest.mark.parametrize("name", sorted(re.findall(r"`inface\.(\w+)\(", (DOCS / "coming-from-inface.md").read_text())))
def test_names_of_the_migration_page_exist(name):
    assert hasattr(inface, name)
