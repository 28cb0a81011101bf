# ruff: noqa: INP001 - Sphinx wants it here, and it belongs to no package
"""How the pages of this folder become a site: `make docs`; see https://www.sphinx-doc.org."""

import aimctrl

project = "aimctrl"
version = release = aimctrl.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]

html_theme = "furo"
html_title = f"aimctrl {release}"
html_copy_source = False
html_show_copyright = False

myst_heading_anchors = 3

default_role = "literal"  # what docstrings mean by `backticks`
add_module_names = False
maximum_signature_line_length = 100
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
