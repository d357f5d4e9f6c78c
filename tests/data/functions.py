"""Writes functions.rs: exp and related functions at some arguments, correctly rounded.

Needs mpmath:

    python functions.py
"""

import pathlib

import mpmath as mp

mp.mp.dps = 400

SIZES = [
    1e-300, 1e-20, 1e-9, 1e-5, 0.001, 0.01, 0.1, 0.173, 0.3, 0.34, 0.347, 0.35, 0.5, 0.69, 0.7, 1, 1.04, 1.4,
    1.5, 2, 2.5, 3, 3.7, 5, 6.4, 7.5, 8.3, 9, 10, 12, 15, 17.3, 19, 20, 21, 25, 30, 36.7, 38, 50, 88.5, 100,
    300, 700, 708, 709.7, 720, 745,
]  # fmt: skip


def number(x):
    return repr(float(x)).replace("inf", "f64::INFINITY")


rows = []
for x in [0.0, *SIZES, *(-x for x in SIZES)]:
    x = mp.mpf(x)
    root = mp.sqrt(2)
    rows.append([
        x,
        mp.exp(x),
        mp.tanh(x),
        1 / (1 + mp.exp(-x)),
        mp.log1p(mp.exp(x)),
        mp.erfc(-x / root) / 2,
        mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    ])  # fmt: skip

text = "// By mpmath: see functions.py.\n\n"
text += "/// `x`, `exp(x)`, `tanh(x)`, `1 / (1 + exp(−x))`, `ln(1 + exp(x))`, `Φ(x)`, `φ(x)`.\n"
text += f"const VALUES: [[f64; 7]; {len(rows)}] = [\n"
for row in rows:
    text += "    [" + ", ".join(number(v) for v in row) + "],\n"
text += "];\n"
(pathlib.Path(__file__).parent / "functions.rs").write_text(text)
