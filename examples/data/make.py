"""Writes the data next to this file, from the copies in scikit-learn. See README.md."""

from pathlib import Path

from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

here = Path(__file__).parent

digits = load_digits()
with open(here / "digits.txt", "w") as file:
    for image, digit in zip(digits.data.astype(int), digits.target):
        print("".join("0123456789abcdefg"[pixel] for pixel in image), digit, file=file)

diabetes = load_diabetes(scaled=False)
with open(here / "diabetes.csv", "w") as file:
    print(*diabetes.feature_names, "progression", sep=",", file=file)
    for x, y in zip(diabetes.data, diabetes.target):
        print(*(f"{value:g}" for value in (*x, y)), sep=",", file=file)

for name, load in [("breast_cancer", load_breast_cancer), ("iris", load_iris), ("wine", load_wine)]:
    data = load()
    with open(here / f"{name}.csv", "w") as file:
        print(*(feature.replace(" ", "_") for feature in data.feature_names), "class", sep=",", file=file)
        for x, y in zip(data.data, data.target):
            print(*(f"{value:g}" for value in (*x, y)), sep=",", file=file)
