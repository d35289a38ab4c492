"""The numbers that the paper prints in its tables 1 to 9; counts are out of 2500, accuracies in hundredths of a percent."""

#: how many samples each cycle selects
K = 2500

#: table 1: selected samples among the top K true gradient norms, at budgets 10, 15, ..., 40 percent
OVERLAPS: dict[str, tuple[int, ...]] = {
    "core-set": (217, 230, 284, 339, 329, 289, 255),
    "vaal": (268, 259, 215, 231, 256, 240, 256),
    "ll4al": (391, 893, 1084, 1710, 1698, 2035, 1817),
    "sraal": (506, 819, 1120, 1765, 1842, 2133, 2196),
    "expected-gradnorm": (703, 980, 1216, 1942, 2318, 2427, 2448),
    "entropy-gradnorm": (677, 932, 1141, 1993, 2317, 2429, 2443),
}

#: table 2: samples selected by Eq. 5 that Eq. 3 selects too, in cycles 0 to 6
CONSISTENT: tuple[int, ...] = (2290, 2377, 2396, 2432, 2449, 2438, 2482)

#: table 3: gap between training and test accuracy, budgets 15 to 40 percent
GAPS: dict[str, tuple[int, ...]] = {
    "mc-dropout": (1614, 1025, 947, 877, 824, 735),
    "core-set": (1459, 1273, 1088, 995, 892, 831),
    "vaal": (1501, 1224, 1108, 966, 857, 808),
    "ll4al": (1383, 1070, 889, 878, 764, 723),
    "sraal": (1409, 1155, 1024, 862, 801, 694),
    "exp-gn": (1274, 1004, 806, 705, 609, 566),
    "ent-gn": (1305, 990, 776, 679, 629, 565),
}

#: tables 4 and 5: selected samples whose gradient norm has not grown, cycles 1 to 6
REDUCED: dict[str, tuple[int, ...]] = {
    "expected-gradnorm": (2488, 2481, 2466, 2439, 2386, 2255),
    "entropy-gradnorm": (2487, 2477, 2467, 2447, 2388, 2250),
}

#: table 6: accuracy of a ResNet-50 trained on the selected samples
RESNET_50: dict[str, int] = {
    "mc-dropout": 9123,
    "core-set": 9012,
    "vaal": 9097,
    "ll4al": 9232,
    "sraal": 9268,
    "expected-gradnorm": 9410,
    "entropy-gradnorm": 9316,
}

#: tables 7 and 8: test samples of each class of SVHN; accuracies of expected- and entropy-gradnorm
CLASS_SIZES: tuple[int, ...] = (1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595)
CLASSWISE: dict[str, tuple[int, ...]] = {
    "expected-gradnorm": (9685, 9751, 9706, 9382, 9723, 9522, 9681, 9584, 9639, 9517),
    "entropy-gradnorm": (9719, 9696, 9742, 9334, 9742, 9585, 9646, 9604, 9602, 9455),
}

#: table 9: hundredths of hours on Cifar10, Cifar100, SVHN, Caltech101
HOURS: dict[str, tuple[int, ...]] = {
    "mc-dropout": (438, 449, 635, 143),
    "core-set": (1113, 1125, 2661, 101),
    "vaal": (1521, 1583, 2276, 1758),
    "ll4al": (251, 218, 342, 86),
    "expected-gradnorm": (233, 242, 328, 93),
    "entropy-gradnorm": (229, 236, 317, 90),
}
