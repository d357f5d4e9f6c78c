"""Compares the example `cross_validation` with scikit-learn's multilayer perceptrons, on the same folds in one run.

    cargo build --release --example cross_validation
    python examples/scipy/scikit_learn.py target/release/examples/cross_validation

Writes `folds.txt` and `scikit_learn.csv` into `examples/data`, which the example reads: five stratified folds (for diabetes plain
ones) from five seeds, and the mean scores of scikit-learn. All networks have standardised inputs and one hidden layer of 100 ReLUs.
The first three solvers have scikit-learn's default parameters; `chosen` is `lbfgs` whose `alpha` is chosen for each fold by
a held-out fifth of its training data, as in the example; its targets of diabetes are standardised too.

Prints scores, their standard errors over the 25 folds, and the time of all 25 that the processor needed, on one core. Fails if
the example is worse than the best of scikit-learn's by more than the standard error of the difference, or takes more than 1/50 of the time of `adam`
or 1/5 of that of `lbfgs`.
"""

import re
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_score,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

warnings.filterwarnings("ignore")
threadpool_limits(1)

folder = Path(__file__).parent.parent / "data"
# The example's weight decays.
DECAYS = np.array([0.3, 0.1, 0.03, 0.01])


def model(solver, seed, regression, samples):
    if solver != "chosen":
        return (MLPRegressor if regression else MLPClassifier)(solver=solver, random_state=seed)
    # scikit-learn divides `alpha` by the number of samples; its squared error has the factor 1/2.
    grid = DECAYS * samples * 0.8 * 0.8
    if regression:
        net, name, split, score = MLPRegressor(solver="lbfgs", random_state=seed), "regressor__alpha", ShuffleSplit, None
        net, grid = TransformedTargetRegressor(net, transformer=StandardScaler()), grid / 2
    else:
        net, name, split = MLPClassifier(solver="lbfgs", random_state=seed), "alpha", StratifiedShuffleSplit
        score = "neg_log_loss"
    return GridSearchCV(net, {name: grid}, cv=split(1, test_size=0.2, random_state=seed), scoring=score)


def example(name):
    """Mean score, standard error, and the processor's time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    out = subprocess.run([sys.argv[1], name], capture_output=True, text=True, check=True).stdout
    mean, error = (float(number) for number in re.findall(r"\d\.\d{4}", out)[:2])
    return mean, error, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


data, folds = {}, {}
with open(folder / "folds.txt", "w") as file:
    for name in ["breast_cancer", "wine", "iris", "diabetes"]:
        regression = name == "diabetes"
        data[name] = getattr(datasets, f"load_{name}")(**({"scaled": False} if regression else {}))
        for seed in range(5):
            split = (KFold if regression else StratifiedKFold)(5, shuffle=True, random_state=seed)
            folds[name, seed] = list(split.split(data[name].data, data[name].target))
            digits = np.empty(len(data[name].target), int)
            for fold, (_, test) in enumerate(folds[name, seed]):
                digits[test] = fold
            print(name, "".join(map(str, digits)), file=file)

rows, times = [], {}
for name, set in data.items():
    for solver in ["adam", "lbfgs", "sgd", "chosen"]:
        scores, start = [], time.process_time()
        for seed in range(5):
            net = make_pipeline(StandardScaler(), model(solver, seed, name == "diabetes", len(set.target)))
            scoring = "r2" if name == "diabetes" else "accuracy"
            scores += list(cross_val_score(net, set.data, set.target, scoring=scoring, cv=folds[name, seed]))
        times[name, solver] = time.process_time() - start
        rows.append((name, solver, np.mean(scores), np.std(scores, ddof=1) / 5))
        print(f"{name} {solver}: {rows[-1][2]:.4f} +- {rows[-1][3]:.4f}, {times[name, solver]:.3f} s", flush=True)
with open(folder / "scikit_learn.csv", "w") as file:
    print("data,solver,score,standard_error", file=file)
    for name, solver, mean, error in rows:
        print(f"{name},{solver},{mean:.4f},{error:.4f}", file=file)

passed = True
for name in data:
    best, best_error, solver = max((mean, error, solver) for data_set, solver, mean, error in rows if data_set == name)
    mean, error, seconds = example(name)
    ratios = {solver: times[name, solver] / seconds for solver in ["adam", "lbfgs", "chosen"]}
    passed &= mean + np.hypot(error, best_error) >= best and ratios["adam"] >= 50 and ratios["lbfgs"] >= 5
    print(f"{name} constnet: {mean:.4f} +- {error:.4f}, {seconds:.3f} s; best of scikit-learn {best:.4f} +- {best_error:.4f} ({solver}); "
          "times as long: " + ", ".join(f"{solver} {ratio:.0f}" for solver, ratio in ratios.items()))
sys.exit(not passed)
