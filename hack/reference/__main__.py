"""Writes the generated pages of docs/reference; `make docs` does it first."""

from reference.pages import FOLDER, pages


def main() -> None:
    """Write each page that is not as it should be, and say which."""
    for name, text in pages().items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
