"""Records scikit-learn's metrics, in f64, as constants for the tests.

    pip install scikit-learn
    python tests/data/metrics.py

writes `metrics.rs` beside this script. All inputs are multiples of 1/64, so that they are exact in
both programs.
"""

from pathlib import Path

import numpy as np
import sklearn
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

random = np.random.default_rng(0)


def exact(*shape):
    """Normal values, each a multiple of 1/64."""
    return np.round(random.normal(size=shape) * 64) / 64


def shares(values):
    return "[" + ", ".join("None" if np.isnan(v) else f"Some({float(v)!r})" for v in values) + "]"


def constant(name, kind, value):
    text = value if isinstance(value, str) else repr(np.asarray(value).tolist())
    return f"pub(crate) const {name}: {kind} = {text};\n"


N, K = 23, 4
outputs = exact(N, K)
classes = random.integers(0, K - 1, size=N)  # no sample is of the last class
outputs[np.arange(N), classes] += 1
outputs[:, 1] -= 9  # no sample is predicted as class 1
predicted = outputs.argmax(axis=1)
labels = range(K)

targets = exact(N, 3) + [0, 50, -1]
predictions = targets + exact(N, 3) / 2
flat = targets.copy()
flat[:, 1] = 2.5  # all equal, but the predictions differ
same = predictions.copy()
flat[:, 2] = same[:, 2] = -0.5  # all equal, and so are the predictions

logits = exact(N, 1)
binary = random.integers(0, 2, size=N)
logits[:, 0] += binary - 0.5
logits[0] = 0  # an output at the threshold is class 0
probabilities = np.round(64 / (1 + np.exp(-logits))) / 64
by_logit, by_probability = logits[:, 0] > 0, probabilities[:, 0] > 0.5
tied = np.round(logits)  # several samples of both classes have the same output

rows = np.array([random.multinomial(64, np.ones(K) / K) for _ in range(N)]) / 64
rows[0] = np.eye(K)[(classes[0] + 1) % K]  # the right class has the probability 0
rows[1] = np.eye(K)[classes[1]]

text = "// Metrics of random predictions.\n"
text += f"// Written by metrics.py with scikit-learn {sklearn.__version__}.\n\n"
text += constant("OUTPUTS", f"[[f64; {K}]; {N}]", outputs)
text += constant("CLASSES", f"[usize; {N}]", classes)
text += constant("ACCURACY", "f64", repr(float(accuracy_score(classes, predicted))))
text += constant("CONFUSION", f"[[usize; {K}]; {K}]", confusion_matrix(classes, predicted, labels=labels))
nan = {"average": None, "labels": labels, "zero_division": np.nan}
text += constant("RECALL", f"[Option<f64>; {K}]", shares(recall_score(classes, predicted, **nan)))
text += constant("PRECISION", f"[Option<f64>; {K}]", shares(precision_score(classes, predicted, **nan)))
text += constant("F1", f"[Option<f64>; {K}]", shares(f1_score(classes, predicted, **nan)))
text += constant("MACRO_F1", "f64", repr(float(f1_score(classes, predicted, average="macro"))))
text += constant("ROWS", f"[[f64; {K}]; {N}]", rows)
text += constant("LOG_LOSS", "f64", repr(float(log_loss(classes, rows, labels=labels))))
text += constant("TARGETS", f"[[f64; 3]; {N}]", targets)
text += constant("PREDICTIONS", f"[[f64; 3]; {N}]", predictions)
text += constant("R2", "f64", repr(float(r2_score(targets, predictions))))
text += constant("R2_EACH", "[f64; 3]", r2_score(targets, predictions, multioutput="raw_values"))
text += constant("FLAT_TARGETS", f"[[f64; 3]; {N}]", flat)
text += constant("FLAT_PREDICTIONS", f"[[f64; 3]; {N}]", same)
text += constant("FLAT_R2", "f64", repr(float(r2_score(flat, same))))
text += constant("LOGITS", f"[[f64; 1]; {N}]", logits)
text += constant("PROBABILITIES", f"[[f64; 1]; {N}]", probabilities)
text += constant("BINARY_CLASSES", f"[[f64; 1]; {N}]", binary[:, None].astype(float))
text += constant("LOGIT_ACCURACY", "f64", repr(float(accuracy_score(binary, by_logit))))
text += constant("LOGIT_CONFUSION", "[[usize; 2]; 2]", confusion_matrix(binary, by_logit))
text += constant("PROBABILITY_ACCURACY", "f64", repr(float(accuracy_score(binary, by_probability))))
text += constant("PROBABILITY_CONFUSION", "[[usize; 2]; 2]", confusion_matrix(binary, by_probability))
text += constant("TIED", f"[[f64; 1]; {N}]", tied)
for name, scores in {"LOGIT": logits, "PROBABILITY": probabilities, "TIED": tied}.items():
    text += constant(f"{name}_AUC", "f64", repr(float(roc_auc_score(binary, scores[:, 0]))))
text += constant("LOGIT_LOG_LOSS", "f64", repr(float(log_loss(binary, 1 / (1 + np.exp(-logits[:, 0]))))))
text += constant("PROBABILITY_LOG_LOSS", "f64", repr(float(log_loss(binary, probabilities[:, 0]))))
text += constant("ABSOLUTE_ERROR", "f64", repr(float(mean_absolute_error(targets, predictions))))

(Path(__file__).parent / "metrics.rs").write_text(text)
