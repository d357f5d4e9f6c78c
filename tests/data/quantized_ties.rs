// Written by quantized.py: the hash of the 3200 outputs of ONNX Runtime 1.32.0 and LiteRT 2.3.0.
0x3286d9016d41bc72
