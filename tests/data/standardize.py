"""Writes standardize.rs: scikit-learn's StandardScaler on rows with constant features.

    pip install scikit-learn
    python standardize.py
"""

import pathlib

import numpy as np
import sklearn
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)
n = 50
x = np.stack(
    [
        rng.normal(size=n),
        1e9 + rng.normal(size=n),
        1e-9 * rng.normal(size=n),
        np.full(n, 0.0),
        np.full(n, 7.0),
        # Constant up to rounding: the sums do not cancel.
        np.full(n, 0.1),
        1e6 + np.arange(n) % 2 * 1e-10,
        np.arange(n) * 100.0,
    ],
    axis=1,
)


def constant(name, a):
    rows = ["[" + ", ".join(repr(v) for v in row.tolist()) + "],\n" for row in np.atleast_2d(a)]
    if a.ndim == 1:
        return f"pub(crate) const {name}: [f64; {len(a)}] = {rows[0].rstrip()[:-1]};\n"
    return f"pub(crate) const {name}: [[f64; {a.shape[1]}]; {a.shape[0]}] = [\n    {'    '.join(rows)}];\n"


scaler = StandardScaler().fit(x)
text = f"// Written by standardize.py with scikit-learn {sklearn.__version__}.\n\n"
text += constant("X", x) + constant("MEAN", scaler.mean_) + constant("DEVIATION", scaler.scale_)
text += constant("Y", scaler.transform(x))
(pathlib.Path(__file__).parent / "standardize.rs").write_text(text)
