"""The accuracies that the paper prints (tables 1 to 6), in hundredths of a percent: (mean, standard deviation), 3 trials."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Cell = tuple[int, int]

#: trials behind every printed mean (section 4.1)
TRIALS = 3

#: table 1: group size G, one cell a number of labels (200, 300, 400, 500), FixMatch on CIFAR10 with Q = 100
GROUP_SIZES: dict[int, tuple[Cell, ...]] = {
    2: ((8472, 96), (8711, 114), (8783, 17), (8830, 30)),
    5: ((8255, 321), (8413, 264), (8724, 242), (8766, 133)),
    10: ((8338, 114), (8571, 150), (8807, 6), (8836, 71)),
    100: ((8331, 217), (8649, 147), (8676, 256), (8849, 143)),
}
GROUP_LABELS = (200, 300, 400, 500)

#: table 2: the layers of the kernel, one cell a number of labels (100, 150, 200), Q = 50 and G = 5
LAYERS: dict[str, tuple[Cell, ...]] = {
    "last": ((7841, 316), (8367, 324), (8567, 131)),
    "full": ((7126, 392), (7813, 432), (7910, 364)),
}
LAYER_LABELS = (100, 150, 200)

#: tables 3 to 6, one run (data set and query size) each: (title, what the columns count, columns, method: cells)
RUNS: dict[str, tuple[str, str, tuple[int, ...], dict[str, tuple[Cell, ...]]]] = {
    "3 SVHN": (
        "Table 3, Mean Teacher on SVHN, balanced classes",
        "labels a class",
        (14, 16, 18, 20, 22),
        {
            "Random": ((5840, 604), (6796, 851), (8312, 660), (8601, 658), (9075, 257)),
            "Entropy": ((5208, 358), (7098, 763), (7825, 318), (8899, 225), (9123, 62)),
            "Confidence": ((5314, 358), (5802, 677), (7620, 266), (8692, 715), (9025, 19)),
            "EGL": ((5081, 636), (6773, 899), (7363, 873), (7815, 329), (8264, 186)),
            "CRC": ((5874, 637), (7609, 706), (8436, 810), (9087, 60), (9139, 49)),
        },
    ),
    "3 CIFAR10": (
        "Table 3, FixMatch on CIFAR10, balanced classes",
        "labels a class",
        (2, 3, 4),
        {
            "Random": ((8331, 1080), (8620, 714), (9328, 40)),
            "Entropy": ((7403, 588), (8750, 415), (9380, 116)),
            "Confidence": ((6922, 1275), (7465, 1414), (7086, 395)),
            "EGL": ((8333, 401), (8449, 457), (8065, 530)),
            "CRC": ((8941, 157), (9141, 184), (9409, 112)),
        },
    ),
    "4 SVHN": (
        "Table 4, Mean Teacher on SVHN, Q = 20",
        "labels",
        (140, 160, 180, 200),
        {
            "Random": ((5603, 588), (6648, 1253), (7346, 173), (8920, 108)),
            "Entropy": ((5336, 490), (6217, 1197), (8087, 615), (8909, 145)),
            "Confidence": ((5140, 462), (7075, 1263), (6306, 962), (8267, 487)),
            "EGL": ((5216, 457), (5888, 674), (6252, 331), (7346, 237)),
            "CRC": ((5552, 991), (7466, 131), (8350, 837), (8939, 178)),
        },
    ),
    "5 CIFAR100": (
        "Table 5, FixMatch on CIFAR100, Q = 50",
        "labels",
        (250, 300, 350, 400, 450),
        {
            "Random": ((4145, 104), (4457, 74), (4519, 91), (4935, 155), (5120, 83)),
            "CRC": ((4187, 145), (4527, 59), (4704, 50), (5016, 37), (5240, 93)),
        },
    ),
    "6 Q=50": (
        "Table 6, FixMatch on CIFAR10, Q = 50",
        "labels",
        (100, 150, 200, 250, 300),
        {
            "Random": ((6981, 477), (8214, 230), (8241, 68), (8498, 232), (8492, 73)),
            "Entropy": ((7243, 821), (8241, 289), (8338, 193), (8486, 183), (8642, 95)),
            "Confidence": ((5254, 771), (4955, 777), (5067, 315), (4504, 825), (5344, 875)),
            "EGL": ((5718, 741), (5667, 1053), (6876, 1257), (7447, 1232), (7667, 743)),
            "CRC": ((7841, 316), (8367, 324), (8567, 131), (8688, 87), (8701, 28)),
        },
    ),
    "6 Q=100": (
        "Table 6, FixMatch on CIFAR10, Q = 100",
        "labels",
        (200, 300, 400, 500, 600),
        {
            "Random": ((8504, 153), (8709, 125), (8757, 57), (8792, 47), (8737, 218)),
            "Entropy": ((8551, 147), (8689, 47), (8687, 122), (8827, 30), (8844, 117)),
            "Confidence": ((7705, 466), (7829, 555), (7368, 512), (7369, 250), (7598, 329)),
            "EGL": ((7995, 311), (8041, 277), (8120, 510), (8262, 36), (8355, 336)),
            "CRC": ((8338, 114), (8571, 150), (8808, 6), (8837, 71), (8935, 79)),
        },
    ),
}


def entry(values: Sequence[float], index: Tensor) -> Tensor:
    """values[index], by sums that exact arithmetic can follow."""
    places = torch.arange(len(values))
    return torch.where(index[:, None] == places, torch.tensor(values, dtype=torch.float64), 0.0).sum(-1)


def compared(other: str, run: str | None = None) -> list[tuple[str, int, Cell, Cell]]:
    """Every cell in which both are printed: (run, labels, CRC's cell, the other method's), in the order of the tables."""
    return [
        (name, labels, ours, theirs)
        for name, (_, _, columns, methods) in RUNS.items()
        if other in methods and run in (None, name)
        for labels, ours, theirs in zip(columns, methods["CRC"], methods[other], strict=True)
    ]
