"""Records the scores of scikit-learn's multilayer perceptrons for the example `cross_validation`.

    python examples/scipy/scikit_learn.py

Five stratified folds (for diabetes plain ones) from five seeds, standardised inputs, one hidden layer of 100 ReLUs, default
parameters. Prints the mean score, its standard error over the 25 folds, and the time of all 25.
"""

import time
import warnings

import numpy as np
from sklearn import datasets
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")

for name in ["breast_cancer", "wine", "iris", "diabetes"]:
    data = getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    for solver in ["adam", "lbfgs", "sgd"]:
        scores, start = [], time.perf_counter()
        for seed in range(5):
            if name == "diabetes":
                model, folds = MLPRegressor, KFold
            else:
                model, folds = MLPClassifier, StratifiedKFold
            net = make_pipeline(StandardScaler(), model(solver=solver, random_state=seed))
            scores += list(cross_val_score(net, data.data, data.target, cv=folds(5, shuffle=True, random_state=seed)))
        elapsed = time.perf_counter() - start
        print(f"{name} {solver}: {np.mean(scores):.4f} +- {np.std(scores, ddof=1) / 5:.4f}, {elapsed:.2f} s", flush=True)
