"""What fits: a refusal in one sentence instead of a machine that swaps."""

from __future__ import annotations

import os

import torch

from altheory._inputs import InputError


def available_bytes(device: torch.device | str = "cpu") -> int:
    """Free memory of the device, in bytes (for the CPU what the system can hand out without swapping)."""
    device = torch.device(device)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo") as lines:
            fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, ValueError, OSError):
            return 1 << 62


def check_fits(what: str, wanted: int, device: torch.device | str, advice: str) -> None:
    """Refuse an allocation that cannot fit.

    Args:
        what: The thing in words, e.g. `"a 100000 x 100000 kernel"`.
        wanted: Its bytes.
        device: Where it would live.
        advice: What to do instead, e.g. `"use `al.kernels.operator`"`.

    Raises:
        InputError: More is wanted than the device has free.
    """
    free = available_bytes(device)
    if wanted > free:
        raise InputError(f"{what} needs {_size(wanted)} but {torch.device(device)} has {_size(free)} free; {advice}.")


def _size(number: int) -> str:
    value = float(number)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:,.1f} GiB"
