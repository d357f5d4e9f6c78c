"""The coefficients of `Constants::ERFCX_POLY` in src/simd/math.rs.

Interpolates P at the Chebyshev points of s, where

    erfcx(u / sqrt(2)) / 2 = d P(s),  d = 1 / (5 + u),  s = (5 - u) d,  0 <= u <= largest,

and prints the coefficients of P, from the highest power to the lowest, and its largest relative error.
Needs mpmath:

    python erfcx.py
"""

import mpmath as mp

mp.mp.dps = 60


def p(s):
    u = 5 * (1 - s) / (1 + s)
    x = u / mp.sqrt(2)
    return mp.erfc(x) * mp.exp(x * x) / 2 * (5 + u)


def fit(largest, degree):
    low, high = (5 - mp.mpf(largest)) / (5 + largest), mp.mpf(1)
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = [middle + half * mp.cos(mp.pi * (k + mp.mpf(1) / 2) / (degree + 1)) for k in range(degree + 1)]
    powers = mp.matrix(degree + 1, degree + 1)
    for row, s in enumerate(nodes):
        for power in range(degree + 1):
            powers[row, power] = s**power
    coefficients = list(mp.lu_solve(powers, mp.matrix([p(s) for s in nodes])))[::-1]
    between = [low + (high - low) * k / 1999 for k in range(2000)]
    return coefficients, max(abs(mp.polyval(coefficients, s) / p(s) - 1) for s in between)


for name, largest, degree, digits in [("f32", 15, 10, 9), ("f64", 39, 21, 17)]:
    coefficients, error = fit(largest, degree)
    print(f"// {name}: off by {mp.nstr(error, 2)} at most")
    for c in coefficients:
        print(f"    {mp.nstr(c, digits)},")
