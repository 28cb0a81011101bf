"""`PYTHONPATH=hack python -m shipping` writes what `deploy/` has from the code."""

from pathlib import Path

from shipping import chart, kustomize

DEPLOY = Path(__file__).parents[2] / "deploy"


def main() -> None:
    """Write every file, and say which."""
    for name, text in sorted({**kustomize.files(), **chart.files()}.items()):
        path = DEPLOY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(DEPLOY.parent))


if __name__ == "__main__":
    main()
