"""Draw the gallery's pictures on the simulated market, make them light, and keep some numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
DRAWN, KEPT = ROOT / "output" / "gallery", ROOT / "docs" / "figures"
WIDEST = 1400  # pixels


def main() -> None:
    """Draw, shrink, and reduce to 128 colours."""
    command = [sys.executable, "-m", "paper_figures", "--market", "simulated"]
    subprocess.run([*command, "--output", str(DRAWN)], cwd=ROOT, check=True)  # noqa: S603 - our own command
    KEPT.mkdir(exist_ok=True)
    for path in sorted((DRAWN / "simulated").glob("*.png")):
        picture = Image.open(path).convert("RGB")
        if picture.width > WIDEST:
            size = (WIDEST, picture.height * WIDEST // picture.width)
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        picture.quantize(128).save(KEPT / path.name, optimize=True)
    (KEPT / "values.json").write_text(json.dumps(_values(), indent=1) + "\n", encoding="utf-8")


def _values() -> dict[str, float | None]:
    """Return what the simulated market gives for the published values of figures 5 to 7."""
    larger, distilled, entry = (
        json.loads((DRAWN / "simulated" / f"figure_{name}.json").read_text(encoding="utf-8"))
        for name in ("5_larger_market", "6_distillation", "7_entry")
    )
    idle = "largest share of the spend of Qwen3 Coder 480B and Sonnet"
    prices = entry["prices"]
    alone, middle, small = (
        prices[f"authors {name}"] for name in ("alone", "qwen3-coder-30b", "minicoder4b")
    )
    rows = list(zip(prices["solve_rate"], alone, middle, small, strict=True))
    return {
        **{each["name"]: each["authors"] for each in larger["published"]},
        **{each["name"]: each["authors"] for each in distilled["published"]},
        **{each["name"]: each["authors"] for each in entry["published"]},
        idle: larger[idle],
        "with Qwen3 Coder 30B it is lower from": max(u for u, a, b, _ in rows if b >= a),
        "with mini-coder 4B it is lowest up to": max(u for u, _, b, c in rows if c < b),
    }


if __name__ == "__main__":
    main()
