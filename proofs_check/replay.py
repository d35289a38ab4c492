"""Re-check a witness from its file alone: the recorded straight-line program, evaluated again in exact or ball arithmetic.

Neither torch nor any claim is imported here; only `against_claim` loads them, to run the claim's present body once more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from proofs_check.errors import BadInput


@dataclass(frozen=True)
class Replayed:
    """What the replay found: one line a link, and every way in which the file and the replay disagree."""

    lines: list[str]
    disagreements: list[str]


def load(path: Path) -> dict[str, Any]:
    """The content of a witness file.

    Raises:
        BadInput: no such file, not a witness, or one that was never confirmed and so has no program.
    """
    try:
        witness = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise BadInput(f"the witness file {str(path)!r} cannot be read ({fault.strerror}); give witness/<id>.json.") from None
    except ValueError:
        raise BadInput(f"{str(path)!r} is not JSON; give a witness/<id>.json that `proofs-check verify` wrote.") from None
    if not isinstance(witness, dict) or "id" not in witness or "inputs" not in witness:
        raise BadInput(f"{str(path)!r} is not a witness; give a witness/<id>.json that `proofs-check verify` wrote.")
    if not witness.get("confirmed") or not isinstance(witness.get("program"), dict):
        why = witness.get("why") or "its program was too large to keep"
        raise BadInput(f"the witness of {witness['id']} was not confirmed exactly ({why}), so there is nothing to replay.")
    return witness


def replay(witness: dict[str, Any]) -> Replayed:
    """Evaluate the witness's program again and hold the result against everything else that the file says.

    Raises:
        BadInput: the program is damaged.
    """
    from proofs_check.exact import replay as machine
    from proofs_check.exact.errors import ExactError

    program = witness["program"]
    try:
        again = machine.evaluate(program)
        named = machine.inputs(program)
    except (ExactError, KeyError, TypeError, ValueError, IndexError) as fault:
        raise BadInput(f"the program of {witness['id']} cannot be evaluated: {fault}") from None
    links = witness["links"]
    lines, wrong = [], []
    for link, pair in zip(links, again.pairs, strict=False):
        lines.append(f"{link['name']}: {pair.lhs} against {pair.rhs}, {pair.status} (at {pair.bits} bits)")
        if pair.status != link["status"]:
            wrong.append(f"{link['name']} is {pair.status}, but the file says {link['status']}")
    shown = {"violation": "violated", "equality": "equal"}[witness["shows"]]
    if not any(link["name"] == witness["link"] and link["status"] == shown for link in links):
        wrong.append(f"the file says that {witness['link']} shows a {witness['shows']}, but its own list of links does not")
    stated = _flat(list(witness["inputs"].values()))
    checks = program["pairs"][len(links) :]
    recorded = [program["nodes"][right][2].get("values", ["?"])[0] for _, right, _ in checks]
    if [Fraction(x) for x in stated] != [Fraction(x) for x in recorded]:
        wrong.append("the inputs in the file are not those of the program")
    if any(pair.status != "equal" for pair in again.pairs[len(links) :]):
        wrong.append("the program does not arrive at the inputs that the file states")
    coordinates = {name: [Fraction(x) for x in _flat(value)] for name, value in witness["coordinates"].items()}
    if coordinates != {name: [Fraction(x) for x in values] for name, values in named.items()}:
        wrong.append("the coordinates in the file are not those of the program")
    return Replayed(lines, wrong)


def against_claim(witness: dict[str, Any], file: Path | None = None) -> list[str]:
    """Run the claim's present body at the witness's coordinates; the ways in which it now says something else.

    Args:
        witness: the content of a confirmed witness file.
        file: the researcher's file that declares the claim; None looks among the papers' claims.

    Raises:
        BadInput: the claim or its setting is not there any more.
    """
    import torch

    from proofs_check.confirm import confirm_point
    from proofs_check.instances import Place
    from proofs_check.landscape import Landscape
    from proofs_check.registry import claims_of_file, registered

    claims = claims_of_file(file) if file else registered()
    if witness["id"] not in claims:
        raise BadInput(f"there is no claim {witness['id']!r}; if it is in a file of your own, give it with --claims FILE.py.")
    claim = claims[witness["id"]]
    settings = [s for s in claim.settings if s.name == witness["setting"]]
    if not settings:
        raise BadInput(f"claim {claim.id} has no setting {witness['setting']!r} any more.")
    place = Place()
    landscape = Landscape(claim, settings[0], place, witness["dims"], place.generator(claim.id, "replay"))
    c: list[Fraction] = []
    discrete = {}
    for position, chart in enumerate(landscape.charts):
        value = witness["coordinates"][f"leaf{position}"]
        if chart is None:
            discrete[position] = torch.tensor(_numbers(value))
        else:
            c += [Fraction(x) for x in _flat(value)]
    exact = confirm_point(landscape, c, discrete)
    if not exact.status:
        return [f"the claim's present body gives no verdict: {exact.why}"]
    before = {link["name"]: link for link in witness["links"]}
    wrong = []
    for name, pair in zip(exact.links, exact.confirmation.pairs, strict=False):
        then = before.get(name)
        if then is None:
            wrong.append(f"the claim's present body has a link {name!r} that the witness does not know")
        elif then["status"] != pair.status:
            wrong.append(f"{name} was {then['status']}, and is {pair.status} for the claim's present body")
    gone = [name for name in before if name not in exact.links]
    return wrong + [f"the claim's present body has no link {name!r}" for name in gone]


def _flat(value: Any) -> list[str]:
    if isinstance(value, list):
        return [x for v in value for x in _flat(v)]
    return [str(value)]


def _numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    number = Fraction(value)
    return int(number) if number.denominator == 1 else float(number)
