"""How an AIM container image behaves: `dry-run` prints the profiles it would run with, anything else serves."""

import json
from dataclasses import dataclass
from typing import Any

from aimctrl.sandbox.script import ImageScript, Launch, PullError, Serving

METRICS = ("latency", "throughput")
DRY_RUN = "dry-run"


@dataclass(frozen=True, slots=True)
class AimImage:
    """The behaviour of one AIM image; `size_gb` is in GiB, times are in seconds.

    What the environment leaves open is filled in by the image: `gpu`, `precision`, one GPU, and one profile per metric.
    """

    model: str = "meta-llama/Llama-3.1-8B-Instruct"
    size_gb: float = 15.0
    engine: str = "vllm"
    gpu: str = "MI300X"
    precision: str = "fp16"
    profile_type: str = "optimized"
    pull_error: PullError | None = None
    pull_seconds: float = 0.0
    run_seconds: float = 0.0
    serving: Serving = "ready"
    load_seconds: float = 0.0

    def __call__(self, launch: Launch) -> ImageScript:
        """The script of one container of this image."""
        is_dry = DRY_RUN in launch.args
        count = launch.env.get("AIM_GPU_COUNT") or "1"
        if not count.isdecimal():
            return ImageScript(log=f"AIM_GPU_COUNT is no number: {count}\n", exit_code=2)
        return ImageScript(
            log=self._dry_run(launch) if is_dry else "starting the engine\n",
            pull_error=self.pull_error,
            pull_seconds=self.pull_seconds,
            run_seconds=self.run_seconds,
            runs_forever=not is_dry,
            serving=self.serving,
            load_seconds=self.load_seconds,
        )

    def _dry_run(self, launch: Launch) -> str:
        env = launch.env
        metrics = (env["AIM_METRIC"],) if env.get("AIM_METRIC") else METRICS
        entries = [self._entry(metric, launch) for metric in metrics]
        if wanted := env.get("AIM_PROFILE_ID"):
            entries = [entry for entry in entries if entry["filename"] == f"{wanted}.yaml"] or entries[:1]
        chatter = "" if env.get("AIM_LOG_LEVEL") == "CRITICAL" else f"INFO [aim] {len(entries)} profile(s) match []\n"
        return f"{chatter}{json.dumps(entries, indent=2)}\n"

    def _entry(self, metric: str, launch: Launch) -> dict[str, Any]:
        env = launch.env
        gpu = env.get("AIM_GPU_MODEL") or self.gpu
        count = int(env.get("AIM_GPU_COUNT") or 1)
        asked = env.get("AIM_PRECISION") or "auto"
        precision = self.precision if asked == "auto" else asked
        return {
            "filename": f"{self.engine}-{gpu.lower()}-{precision}-tp{count}-{metric}.yaml",
            "profile": {
                "model": self.model,
                "quantized_model": self.model,
                "metadata": {
                    "engine": self.engine,
                    "gpu": gpu,
                    "precision": precision,
                    "gpu_count": count,
                    "metric": metric,
                    "type": self.profile_type,
                },
                "engine_args": {"tensor-parallel-size": count, "dtype": "auto", "gpu-memory-utilization": 0.95},
                "env_vars": {"VLLM_DO_NOT_TRACK": "1"},
            },
            "models": [{"name": self.model, "source": f"hf://{self.model}", "size_gb": self.size_gb}],
        }
