"""Prints the seconds that ONNX Runtime takes for one prediction of the policy in an ONNX file, on one thread.

Input and output are bound to arrays, so that no prediction allocates or copies them.
"""

import sys
import time

import numpy as np
import onnxruntime as ort

ROUNDS, REPEATS = 200, 50

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
x = np.sin(np.arange(48, dtype=np.float32)).reshape(1, 48)
binding = session.io_binding()
binding.bind_ortvalue_input(session.get_inputs()[0].name, ort.OrtValue.ortvalue_from_numpy(x))
y = ort.OrtValue.ortvalue_from_numpy(np.zeros((1, 12), dtype=np.float32))
binding.bind_ortvalue_output(session.get_outputs()[0].name, y)

fastest = float("inf")
for _ in range(ROUNDS):
    start = time.perf_counter()
    for _ in range(REPEATS):
        session.run_with_iobinding(binding)
    fastest = min(fastest, (time.perf_counter() - start) / REPEATS)
print(fastest)
