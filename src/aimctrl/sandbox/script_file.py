r"""Scripts in YAML, for people who set a stage by hand.

```yaml
images:
  "*/aim-*": {aim: {model: meta-llama/Llama-3.1-8B-Instruct, size_gb: 15}}
  "*/missing:*": {pull_error: not-found}
  "*/slow:*": {log: "done\n", run_seconds: 20}
gateways:
  "closed-*": refused
claims:
  "*-slow-cache": pending
default: {runs_forever: true}
```

The fields are those of ImageScript, or, under `aim`, those of AimImage. What stands further down counts first.
"""

from dataclasses import fields
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from aimctrl.kube import yaml_text
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import Behaviour, ClaimVerdict, ImageScript, RouteVerdict, Scripts

T = TypeVar("T")
B = TypeVar("B", AimImage, ImageScript)


class ScriptFileError(ValueError):
    """The text is not a script file; the message says where."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    images: dict[str, dict[str, Any]] = {}
    gateways: dict[str, RouteVerdict] = {}
    claims: dict[str, ClaimVerdict] = {}
    default: dict[str, Any] = {}


def parse_scripts(text: str) -> Scripts:
    """The scripts that a YAML text describes.

    Raises ScriptFileError, naming the field.
    """
    try:
        content: Any = yaml_text.load(text) or {}
    except yaml.YAMLError as error:
        raise ScriptFileError(f"script file: {error}") from error
    file = _checked(_File, content, "script file")
    scripts = Scripts(_behaviour(file.default, "default"))
    for glob, told in file.images.items():
        scripts.set(glob, _behaviour(told, f"images[{glob}]"))
    for glob, verdict in file.gateways.items():
        scripts.set_gateway(glob, verdict)
    for glob, fate in file.claims.items():
        scripts.set_claim(glob, fate)
    return scripts


def _behaviour(told: dict[str, Any], where: str) -> Behaviour:
    if set(told) == {"aim"}:
        return _filled(AimImage, told["aim"] or {}, f"{where}.aim")
    return _filled(ImageScript, told, where)


def _filled(form: type[B], told: Any, where: str) -> B:
    known = {field.name for field in fields(form)}
    content = _checked(dict[str, Any], told, where)
    if unknown := sorted(content.keys() - known):
        raise ScriptFileError(f"{where}.{unknown[0]}: there is no such field; known are {', '.join(sorted(known))}")
    return _checked(form, told, where)


def _checked(form: type[T], value: Any, where: str) -> T:
    """`value` in that form; pydantic's errors, one to a field, become one message."""
    try:
        return TypeAdapter(form).validate_python(value)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, (where, *e['loc'])))}: {e['msg']}" for e in error.errors())
        raise ScriptFileError(told) from error
