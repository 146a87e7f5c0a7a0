#!/usr/bin/env python3
"""Draws `resources/speed.svg`, the README's picture, from the figures of `benches/README.md` below. Python 3, nothing else."""
import pathlib

# Tokens a second, 3,000 distinct messages of eight real systems, two threads (24 November 2026, two cores of Zen 4).
FIGURES = [
    ("logclass, bf16 (AVX-512)", 18_000, True),
    ("OpenVINO bf16", 12_900, False),
    ("ONNX Runtime int8", 13_300, False),
    ("logclass, f32 (AVX-512)", 9_300, True),
    ("sentence-transformers bf16", 8_800, False),
    ("logclass, f32 (AVX2)", 8_200, True),
    ("ONNX Runtime fp32", 7_800, False),
    ("sentence-transformers fp32", 4_900, False),
    ("logclass, portable", 2_700, True),
]
FIGURES.sort(key=lambda figure: -figure[1])
LEFT, WIDTH, STEP = 210, 400, 28
height = STEP * len(FIGURES) + 40
lines = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 {height}" role="img" '
    'aria-label="Tokens a second of sentence encoders on a CPU" font-family="system-ui, sans-serif" font-size="13">',
    f'<rect width="700" height="{height}" rx="8" fill="#ffffff"/>',
    '<text x="12" y="22" font-weight="600" fill="#1f2933">Tokens a second, MiniLM on two cores: more is faster</text>',
]
for place, (name, pace, ours) in enumerate(FIGURES):
    top = 34 + place * STEP
    width = round(WIDTH * pace / FIGURES[0][1])
    lines.append(f'<text x="{LEFT - 8}" y="{top + 16}" text-anchor="end" fill="#1f2933">{name}</text>')
    lines.append(f'<rect x="{LEFT}" y="{top + 3}" width="{width}" height="18" rx="3" fill="{"#1d6fb8" if ours else "#b8c2cc"}"/>')
    lines.append(f'<text x="{LEFT + width + 6}" y="{top + 16}" fill="#52606d">{pace:,}</text>')
lines.append("</svg>")
target = pathlib.Path(__file__).resolve().parent.parent / "resources" / "speed.svg"
target.write_text("\n".join(lines) + "\n", encoding="utf-8")
