from dataclasses import fields

import pytest

from aimctrl.runtime.informer import RESYNC_SECONDS
from aimctrl.settings import OPTIONS, SettingError, Settings, load


def test_every_setting_has_an_option_and_a_variable_of_its_own() -> None:
    assert [option.field for option in OPTIONS] == [field.name for field in fields(Settings)]
    assert len({option.flag for option in OPTIONS}) == len(OPTIONS)
    assert len({option.variable for option in OPTIONS}) == len(OPTIONS)
    assert all(option.variable.startswith("AIM_") for option in OPTIONS)


def test_without_anything_said_the_defaults_hold() -> None:
    assert load({}, {}) == Settings()
    assert Settings().operator_namespace == "kaiwo-system"
    assert Settings().max_discovery_jobs == 10
    assert Settings().template_selection == "Strict"
    assert Settings().resync_seconds == RESYNC_SECONDS


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("kubeconfig", "/some/where", "/some/where"),
        ("context", "prod", "prod"),
        ("namespaces", "b, a,,a", ("a", "b")),
        ("operator_namespace", "aim-system", "aim-system"),
        ("leader_elect", "true", True),
        ("leader_elect", "1", True),
        ("leader_elect", "False", False),
        ("metrics_bind_address", "0", "0"),
        ("metrics_cert_dir", "/certs", "/certs"),
        ("otlp_endpoint", "http://collector:4318", "http://collector:4318"),
        ("otlp_endpoint", "https://otlp.example.com/base/", "https://otlp.example.com/base/"),
        ("health_probe_bind_address", "127.0.0.1:1", "127.0.0.1:1"),
        ("log_format", "json", "json"),
        ("log_level", "debug", "debug"),
        ("max_concurrent_reconciles", "16", 16),
        ("max_discovery_jobs", "1", 1),
        ("template_selection", "Preferred", "Preferred"),
        ("insecure_registries", "b:5000, a.example.com,[::1]:5000", ("[::1]:5000", "a.example.com", "b:5000")),
        ("grace_period", "12.5", 12.5),
        ("resync_seconds", "1", 1.0),
        ("resync_seconds", "604800", 604800.0),
        ("resync_seconds", "0", 36000.0),
        ("resync_seconds", "0.0", 36000.0),
    ],
)
def test_a_setting_is_read_alike_from_option_and_variable(field: str, text: str, value: object) -> None:
    [option] = [option for option in OPTIONS if option.field == field]
    assert getattr(load({field: text}, {}), field) == value
    assert getattr(load({}, {option.variable: text}), field) == value


@pytest.mark.parametrize(
    ("field", "text", "allowed"),
    [
        ("namespaces", "good,Bad", "a namespace's name"),
        ("operator_namespace", "a" * 64, "a namespace's name"),
        ("leader_elect", "yes", "true or false"),
        ("log_format", "xml", "one of auto, json, console"),
        ("log_level", "loud", "one of debug, info, warning, error"),
        ("otlp_endpoint", "collector:4318", "a URL such as http://collector:4318"),
        ("otlp_endpoint", "grpc://collector:4317", "a URL such as http://collector:4318"),
        ("otlp_endpoint", "http://collector:4318?a=b", "a URL such as http://collector:4318"),
        ("max_concurrent_reconciles", "0", "a whole number from 1 to 1000"),
        ("max_discovery_jobs", "ten", "a whole number from 1 to 1000"),
        ("max_discovery_jobs", "-1", "a whole number from 1 to 1000"),
        ("template_selection", "strict", "one of Strict, Preferred"),
        ("insecure_registries", "http://a", "hosts, or host:port"),
        ("insecure_registries", "a/b", "hosts, or host:port"),
        ("grace_period", "nan", "a number of seconds"),
        ("grace_period", "-5", "a number of seconds"),
        ("resync_seconds", "0.9", "0 for the default, or a number of seconds from 1 to 604800"),
        ("resync_seconds", "604801", "0 for the default, or a number of seconds from 1 to 604800"),
        ("resync_seconds", "10h", "0 for the default, or a number of seconds from 1 to 604800"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_it_came_under(field: str, text: str, allowed: str) -> None:
    [option] = [option for option in OPTIONS if option.field == field]
    for given, environ, name in (({field: text}, {}, option.flag), ({}, {option.variable: text}, option.variable)):
        with pytest.raises(SettingError) as caught:
            load(given, environ)
        assert str(caught.value).startswith(f"{name}: {text!r} is not {allowed}")


def test_an_option_wins_over_its_variable() -> None:
    assert load({"context": "given"}, {"AIM_CONTEXT": "exported"}).context == "given"


def test_an_empty_variable_counts_as_unset() -> None:
    assert load({}, {"AIM_OPERATOR_NAMESPACE": ""}).operator_namespace == "kaiwo-system"


def test_an_option_keeps_a_bad_variable_from_mattering() -> None:
    assert load({"log_level": "info"}, {"AIM_LOG_LEVEL": "loud"}).log_level == "info"


def test_metrics_for_some_only_need_tls() -> None:
    with pytest.raises(SettingError, match="--metrics-secure needs --metrics-cert-dir"):
        load({"metrics_secure": "true"}, {})
    assert load({"metrics_secure": "true"}, {"AIM_METRICS_CERT_DIR": "/certs"}).metrics_secure
