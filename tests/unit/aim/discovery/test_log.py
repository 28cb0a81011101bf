import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.aim.discovery.inputs import DiscoveryInputs
from aimctrl.aim.discovery.log import LOG_LIMIT, DiscoveryResult, Unparsable, choose_entry, last_line, parse_log


def profile(gpu="MI300X", metric="latency", precision="fp8", count=1, kind="optimized"):
    return {
        "filename": f"vllm-{gpu}.yaml",
        "profile": {
            "model": "meta-llama/Llama-3.1-8B-Instruct",
            "quantized_model": "amd/Llama-3.1-8B-Instruct-FP8-KV",
            "metadata": {
                "engine": "vllm",
                "gpu": gpu,
                "precision": precision,
                "gpu_count": count,
                "metric": metric,
                "type": kind,
            },
            "engine_args": {"max-model-len": 8192, "list": []},
            "env_vars": {"A": "[1]"},
        },
        "models": [
            {
                "name": "amd/Llama-3.1-8B-Instruct-FP8-KV",
                "source": "hf://amd/Llama-3.1-8B-Instruct-FP8-KV",
                "size_gb": 8.46,
            }
        ],
    }


ONE = json.dumps([profile()])
PRETTY = json.dumps([profile()], indent=2)


def entries(log):
    result = parse_log(log if isinstance(log, bytes) else log.encode())
    assert isinstance(result, DiscoveryResult), result
    return result.entries


GOOD = {
    "alone": ONE,
    "on several lines": PRETTY,
    "a final newline": ONE + "\n",
    "lines before and after": f"starting\n{ONE}\ndone\n",
    "brackets before": f"[INFO] reading [a, b]\n[1, 2]\n{{}} []\n[{{}}]\n{ONE}",
    "brackets after": f"{ONE}\n[INFO] done [ok]\n[1, 2, 3]\n[]\n[[]]\n",
    "other arrays of objects after": f'{ONE}\n[{{"level": "info"}}]\n',
    "cut-off array after": f'{ONE}\n[{{"profile": {{"metadata"',
    "on one line with text": f"result: {ONE} (1 profile)",
    "within an object": f'{{"profiles": {ONE}}}',
    "within an array": f"[{ONE}]",
    "windows line ends": PRETTY.replace("\n", "\r\n"),
    "binary around it": b"\x00\xff\xfe[{\n" + ONE.encode() + b"\n\x80\x81",
    "byte order mark": b"\xef\xbb\xbf" + ONE.encode(),
    "a quote that never ends before it": f'he said "hello\n{ONE}',
    "long lines around it": "x" * 100_000 + f"\n{ONE}\n" + "[" * 10_000,
}


@pytest.mark.parametrize("log", GOOD.values(), ids=GOOD)
def test_the_array_is_found_among_other_text(log):
    (entry,) = entries(log)
    assert entry.profile == profile()["profile"]
    assert entry.models[0].source == "hf://amd/Llama-3.1-8B-Instruct-FP8-KV"


def test_the_last_valid_array_counts():
    log = f"{json.dumps([profile('MI210')])}\n{json.dumps([profile('MI325X')])}\n{json.dumps([{'profile': 1}])}\n"
    assert entries(log)[0].metadata["gpu"] == "MI325X"


def test_an_array_inside_a_profile_is_not_taken_for_the_result():
    outer = profile()
    outer["profile"]["engine_args"]["nested"] = [{"profile": {}, "models": "no"}]
    assert entries(json.dumps([outer]))[0].profile == outer["profile"]


@pytest.mark.parametrize(
    ("size", "wanted"),
    [(1, 2**30), (8.46, 9083855831), (0, 0), (0.000001, 1074), (None, None)],
)
def test_sizes_are_gib(size, wanted):
    log = json.dumps([{"profile": {}, "models": [{"name": "a", "source": "hf://a", "size_gb": size}]}])
    assert entries(log)[0].models[0].size_bytes == wanted


def test_an_artifact_may_leave_its_size_out():
    assert entries('[{"profile": {}, "models": [{"name": "a", "source": "s"}]}]')[0].models[0].size_bytes is None


def with_profile(text):
    return f'[{{"profile": {{"x": {text}}}, "models": []}}]'


BAD = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n ", "empty"),
    "text": (b"error: no such profile", "no JSON array"),
    "binary junk": (bytes(range(256)) * 100, "no"),
    "only unrelated arrays": (b'[1]\n["a"]\n', "no JSON array"),
    "an empty array": (b"[]", "array of profiles is empty"),
    "cut off": (ONE[:-30].encode(), "cut off"),
    "cut off early": (b'[{"filename": "a", "prof', "cut off"),
    "cut off on several lines": (PRETTY[:-30].encode(), "cut off"),
    "an array of something else": (b'[{"a": 1}]', "not one of profiles"),
    "profile is no object": (b'[{"profile": [], "models": []}]', "$[0].profile"),
    "no models": (b'[{"profile": {}}]', "models"),
    "an artifact without a source": (b'[{"profile": {}, "models": [{"name": "a"}]}]', "source"),
    "a size that is text": (b'[{"profile": {}, "models": [{"name": "a", "source": "s", "size_gb": "8"}]}]', "size_gb"),
    "a size below zero": (b'[{"profile": {}, "models": [{"name": "a", "source": "s", "size_gb": -1}]}]', "size_gb"),
    "a size past all bounds": (
        b'[{"profile": {}, "models": [{"name": "a", "source": "s", "size_gb": 1e300}]}]',
        "size_gb",
    ),
    "one bad entry among good ones": (json.dumps([profile(), {"profile": {}}]).encode(), "$[1]"),
    "NaN": (with_profile("NaN").encode(), "NaN"),
    "Infinity": (with_profile("-Infinity").encode(), "Infinity"),
    "a number past doubles": (with_profile("1e999").encode(), "double"),
    "an integer past 64 bits": (with_profile("9223372036854775808").encode(), "64 bits"),
    "an integer of a million digits": (with_profile("9" * 1_000_000).encode(), "64 bits"),
    "a fraction of a million digits": (with_profile("9" * 1_000_000 + ".5").encode(), "double"),
    "deep arrays": (with_profile("[" * 100_000 + "]" * 100_000).encode(), "nested too deeply"),
    "deep objects": (with_profile('{"a":' * 5_000 + "1" + "}" * 5_000).encode(), "nested too deeply"),
    "moderately deep": (with_profile("[" * 100 + "]" * 100).encode(), "nested too deeply"),
    "half a surrogate pair": (with_profile('"\\ud800"').encode(), "Unicode"),
    "single quotes": (b"[{'profile': {}, 'models': []}]", "not valid"),
    "a huge profile": (with_profile(json.dumps("x" * 600_000)).encode(), "512 KiB"),
    "a log past the limit": (b" " * LOG_LIMIT + b"x", "8 MiB"),
}


@pytest.mark.parametrize(("log", "reason"), BAD.values(), ids=BAD)
def test_a_log_without_a_result_says_why(log, reason):
    result = parse_log(log)
    assert isinstance(result, Unparsable)
    assert reason in result.reason
    assert len(result.reason) < 1000


@pytest.mark.parametrize("pad", range(4000, 4120, 3))
def test_an_array_is_read_whole_wherever_the_search_pauses(pad):
    number = "1" + "0" * 30 + ".5"
    assert entries(
        f'[{{"profile": {{"{"k" * pad}": {number}, "n": -12.5e3, "s": "\\u00e9\\n", "t": true}}, "models": []}}]'
    )


def test_numbers_at_the_bounds_are_kept():
    log = with_profile("[9223372036854775807, -9223372036854775808, 1.7976931348623157e308, -0]")
    assert entries(log)[0].profile["x"] == [2**63 - 1, -(2**63), 1.7976931348623157e308, 0]


def test_a_log_of_exactly_the_limit_is_read():
    log = ONE.encode() + b"\n" * (LOG_LIMIT - len(ONE.encode()))
    assert len(log) == LOG_LIMIT
    assert entries(log)


def filled(piece):
    return (piece * (LOG_LIMIT // len(piece) + 1))[:LOG_LIMIT]


HOSTILE = {
    "opening brackets": b"[",
    "opening brackets and objects": b"[{",
    "nested entries": b'[{"profile":',
    "strings that open": b'[{"',
    "escaped quotes": b'[{"\\"',
    "pairs": b"[]",
    "objects": b"[{}",
    "nested after a value": b"[{},",
    "blank after brackets": b"[ \n\t",
    "entries with a wrong field": b'[{"profile":{},"models":1}]',
    "newlines and brackets": b"\n[{\n",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_no_log_costs_more_than_a_bounded_amount_of_work(piece):
    before = time.process_time()
    assert isinstance(parse_log(filled(piece)), Unparsable)
    assert time.process_time() - before < 5


@given(st.text(alphabet='[]{}",:\\ \nae1.-nul', max_size=200))
def test_any_text_is_parsed_or_refused(text):
    assert isinstance(parse_log(text.encode()), DiscoveryResult | Unparsable)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(log):
    assert isinstance(parse_log(ONE.encode() + b"\n" + log), DiscoveryResult | Unparsable)


OFFERS = (
    profile("MI210", "latency", "fp16", 1),
    profile("MI300X", "latency", "fp8", 1),
    profile("MI300X", "throughput", "fp8", 1),
    profile("MI300X", "throughput", "fp8", 4),
    profile("MI325X", "throughput", "bf16", 8),
)

CHOICES = {
    "nothing asked for": ({}, 0),
    "gpu": ({"gpu_model": "MI325X"}, 4),
    "gpu in another spelling": ({"gpu_model": "Instinct mi325x"}, 4),
    "metric": ({"metric": "throughput"}, 2),
    "metric and count": ({"metric": "throughput", "gpu_count": 4}, 3),
    "precision": ({"precision": "bf16"}, 4),
    "precision auto": ({"precision": "auto", "gpu_model": "MI300X"}, 1),
    "all": ({"gpu_model": "MI300X", "metric": "throughput", "precision": "fp8", "gpu_count": 4}, 3),
    "a count nobody has": ({"gpu_model": "MI300X", "metric": "throughput", "gpu_count": 2}, 2),
    "nothing fits": ({"gpu_model": "H100"}, 0),
    "one of them does not fit": ({"gpu_model": "MI325X", "metric": "latency"}, 0),
}


@pytest.mark.parametrize(("wanted", "index"), CHOICES.values(), ids=CHOICES)
def test_the_entry_that_fits_is_chosen_else_the_first(wanted, index):
    offered = entries(json.dumps(OFFERS))
    assert choose_entry(offered, DiscoveryInputs(image="i", **wanted)) is offered[index]


def test_an_entry_without_metadata_fits_only_what_asks_for_nothing():
    bare, full = entries(json.dumps([{"profile": {"metadata": "none"}, "models": []}, profile()]))
    assert choose_entry((bare, full), DiscoveryInputs(image="i", metric="latency")) is full
    assert choose_entry((bare, full), DiscoveryInputs(image="i")) is bare


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (b"", ""),
        (b"\n \n", ""),
        (b"a\nb\n\n", "b"),
        (b"a\r\nb\r\n", "b"),
        (b"\x1b[31mred\x1b[0m\n\x00\n", "red"),
        (b"x" * 1000, "x" * 300),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"y\n" * 100_000 + b"last", "last"),
    ],
    ids=["empty", "blank", "plain", "windows", "colours", "long", "binary", "large"],
)
def test_the_last_line_that_says_something(log, line):
    assert last_line(log) == line
