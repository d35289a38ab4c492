"""The papers, by key, in the order of the mission, after what they have in common.

A paper's package holds one theorem (or one section) a module.
"""

PAPERS = {
    "common": "Wide two-layer networks and their kernels: what the papers rest on",
    "dynamical": "Deep Active Learning by Leveraging Training Dynamics (dynamicAL, 2022)",
    "crc": "Relieving the Plateau: Active Semi-Supervised Learning for a Better Landscape (CRC)",
    "lookahead": "Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels",
    "sample_complexity": "Sample Complexity of Deep Active Learning (nearly orthonormal bases, randomized BSS)",
    "gradnorm": "Boosting Active Learning via Improving Test Performance (expected- and entropy-gradnorm)",
}
