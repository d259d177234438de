"""The documentation as a site: `sphinx-build -W -b html docs docs/_build` (extra `docs`), readable offline."""

from importlib.metadata import version as installed_version

from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle


class KeyLabels(BaseLabelStyle):
    """A reference is named by its key, as in the docstrings."""

    def format_labels(self, entries):
        return [entry.key for entry in entries]


class KeyStyle(PlainStyle):
    """The plain style with these labels."""

    default_label_style = KeyLabels


register_plugin("pybtex.style.formatting", "keys", KeyStyle)

project = "inface"
author = "The inface developers"
copyright = "the inface developers, MIT licence. Every figure on synthetic infants is no clinical figure"
release = version = installed_version("inface")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build"]
suppress_warnings = ["myst.xref_missing"]  # links out of docs/ (benchmarks, tests, CONTRIBUTING) lead to the sources
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes and units stand in the docstrings; expanded array types are unreadable
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_use_ivar = True
napoleon_attr_annotations = False
default_role = "literal"

bibtex_bibfiles = ["references.bib"]

html_theme = "furo"
html_title = "inface"
html_static_path: list[str] = []
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
