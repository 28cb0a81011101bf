"""Makes docs/metrics.md, the Grafana dashboard and the alerts from the metrics in the code: `python -m monitoring`."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def made() -> dict[Path, str]:
    """Every file that is made here, and its text."""
    from monitoring.alerts import rules
    from monitoring.dashboard import dashboard
    from monitoring.page import page

    return {
        REPOSITORY / "docs" / "metrics.md": page(),
        REPOSITORY / "deploy" / "monitoring" / "dashboard.json": dashboard(),
        REPOSITORY / "deploy" / "monitoring" / "rules.yaml": rules(),
    }
