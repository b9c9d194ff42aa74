# SPDX-License-Identifier: 0BSD
"""Lets pages load the style sheets and the scripts of a sub-package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config


def add_static_files(app: Sphinx, package: str, *names: str) -> None:
    """Let each page load files of the folder ``static`` of a sub-package.

    :param app: that of the build
    :param package: the sub-package's own file, its ``__file__``
    :param names: of style sheets and scripts, in the order of their loading
    """
    folder = str(Path(package).with_name("static"))

    def add_folder(_app: Sphinx, config: Config) -> None:
        # The list may be Sphinx's default, which all builds share.
        config.html_static_path = [*config.html_static_path, folder]

    app.connect("config-inited", add_folder)
    for name in names:
        if name.endswith(".css"):
            app.add_css_file(name)
        else:
            app.add_js_file(name)
