"""Reading the pull secrets of one inspection, by name and never otherwise (SPEC §2)."""

from typing import Any, Protocol

from aimctrl.aim.model.inspection import InspectionFailure, InspectionInputs
from aimctrl.aim.registry.docker_config import Grant, PullSecretError, read_grants
from aimctrl.api.reasons import ModelReason
from aimctrl.kube.core import SECRETS
from aimctrl.kube.kinds import Key, Kind, UndecodableObjectError
from aimctrl.runtime.errors import ForbiddenError, MendableError, NotFoundError, TransientError


class SecretReader(Protocol):
    """The part of a Client that is needed."""

    async def get(self, kind: Kind[Any], key: Key) -> bytes:
        """An object's JSON; raises ApiError."""
        ...


async def read_pull_secrets(client: SecretReader, inputs: InspectionInputs) -> tuple[Grant, ...] | InspectionFailure:
    """The credentials in all of the secrets, or which secret stands in the way, and how.

    Cancelling leaves nothing behind.
    """
    grants: list[Grant] = []
    for name in inputs.secrets:
        key = Key(inputs.namespace, name)
        try:
            grants += read_grants(SECRETS.decode(await client.get(SECRETS, key)))
        except NotFoundError:
            return _refused(f'there is no pull secret "{name}" in namespace {inputs.namespace}')
        except ForbiddenError:
            return _refused(f"the operator may not read the pull secret {key}")
        except PullSecretError as error:
            return _refused(f"the pull secret {key} cannot be used: {error}")
        except UndecodableObjectError:
            return _refused(f"the pull secret {key} cannot be used: it does not have the form of a secret")
        except (TransientError, MendableError):
            # The API server's trouble, not the user's: like the registry's, it passes.
            return InspectionFailure(ModelReason.REGISTRY_UNREACHABLE, f"the pull secret {key} cannot be read now")
    return tuple(grants)


def _refused(message: str) -> InspectionFailure:
    return InspectionFailure(ModelReason.IMAGE_PULL_AUTH_FAILURE, message)
