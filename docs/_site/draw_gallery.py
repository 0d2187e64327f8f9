"""Draw the gallery's pictures on the simulated market and make them light."""

from __future__ import annotations

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


if __name__ == "__main__":
    main()
