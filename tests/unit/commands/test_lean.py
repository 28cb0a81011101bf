"""What keeps the start short: told by what is imported, and by what is left as it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import aimctrl

HEAVY = (
    "kubernetes_asyncio",
    "cryptography",
    "cel_expr_python",
    "jsonpath_ng",
    "aimctrl.sandbox",
    "aimctrl.api.schema",
)


def printed(code, *arguments):
    env = os.environ | {"PYTHONPATH": str(Path(aimctrl.__file__).parent.parent)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return done.stdout.splitlines()


def test_the_operator_starts_without_what_few_need(tmp_path):
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "nowhere"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    code = (
        "import sys; from aimctrl.cli import main\n"
        "code = main(['run', '--kubeconfig', sys.argv[1]])\n"
        f"print(code, 'aimctrl.aim.operator' in sys.modules, sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    assert printed(code, path)[-1] == "3 True []"


def test_aiohttp_is_imported_without_the_systems_authorities_which_later_contexts_have():
    code = (
        "import ssl; from aimctrl.commands.lean import import_aiohttp\n"
        "load, asked = ssl.SSLContext.load_default_certs, []\n"
        "ssl.SSLContext.load_default_certs = before = lambda *given: asked.append(given)\n"
        "import_aiohttp(); import aiohttp\n"
        "print(ssl.SSLContext.load_default_certs is before, asked)\n"
        "ssl.create_default_context(); print(len(asked))"
    )
    assert printed(code) == ["True []", "1"]


def test_what_does_nothing_in_a_cluster_starts_without_what_it_takes_to_be_in_one():
    code = (
        "import sys; from aimctrl.cli import main\n"
        "main(['version']); print(sorted({'asyncio', 'msgspec', 'pydantic', 'ssl', 'structlog'} & set(sys.modules)))"
    )
    assert printed(code)[-1] == "[]"
