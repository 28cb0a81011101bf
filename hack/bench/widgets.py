"""The kind that all peers reconcile, as a user of aimctrl declares it; its CRD is in widgets.yaml."""

from pydantic import Field

from aimctrl.kube.conditions import ConditionField
from aimctrl.kube.kinds import Kind, Model, Resource


class WidgetStatus(Model):
    """What a peer has made of a Widget."""

    observed_generation: int = 0
    conditions: tuple[ConditionField, ...] = ()


class WidgetSpec(Model):
    """What a Widget is to be; its `config`, a tree of about 1.5 kB that no peer looks at, is not decoded."""

    image: str
    replicas: int
    labels: dict[str, str] = Field(default_factory=dict[str, str])


class Widget(Resource):
    """The object that is reconciled into a ConfigMap and a status."""

    spec: WidgetSpec
    status: WidgetStatus = WidgetStatus()


WIDGETS = Kind("bench.example.com", "v1", "Widget", "widgets", Widget)
