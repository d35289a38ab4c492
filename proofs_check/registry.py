"""Finding claims: the papers' own, by id or paper, and a researcher's, by file.

The papers' claims are found by walking `proofs_check.papers`; a user's file is imported under a name of its own, and
everything that can go wrong with it is one `BadInput` sentence.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import sys
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from proofs_check.claim import Claim, declared_in, forget
from proofs_check.errors import BadInput, nearest


@dataclass(frozen=True)
class Address:
    """Where a claim can be loaded again, from another process: its id, and the file if it is a user's."""

    id: str
    file: str | None = None

    def load(self) -> Claim:
        """The claim."""
        claims = claims_of_file(Path(self.file)) if self.file else registered()
        return claims[self.id]


def papers() -> list[str]:
    """The keys of the papers, in the order of the mission."""
    from proofs_check.papers import PAPERS

    return list(PAPERS)


@cache
def registered() -> dict[str, Claim]:
    """Every claim of every paper, by id, in the papers' own order."""
    found: dict[str, Claim] = {}
    for paper in papers():
        package = importlib.import_module(f"proofs_check.papers.{paper}")
        modules = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")]
        order = list(getattr(package, "ORDER", []))
        for name in order + sorted(set(modules) - set(order)):
            module = importlib.import_module(f"{package.__name__}.{name}")
            _collect(found, declared_in(module.__name__), f"proofs_check/papers/{paper}/{name}.py")
    return found


def _collect(found: dict[str, Claim], claims: list[Claim], where: str) -> None:
    for claim in claims:
        if claim.id in found:
            raise BadInput(f"{where} declares the claim id {claim.id!r} twice or again; give every claim an id of its own.")
        found[claim.id] = claim


def claims_of_file(path: Path) -> dict[str, Claim]:
    """The claims that a user's file declares, by id.

    Raises:
        BadInput: there is no such file, it does not import, it declares no claim, or an id is taken.
    """
    if not path.is_file():
        raise BadInput(f"there is no claim file {str(path)!r}; give the path of a Python file that declares claims.")
    name = f"{path.stem}"
    path = path.resolve()
    # the module carries the stem, so that ids read <stem>.<function>; the digest keeps two files of one name apart, and
    # a file before and after an edit
    try:
        digest = hashlib.sha256(str(path).encode() + b"\0" + path.read_bytes()).hexdigest()
    except OSError as fault:
        raise BadInput(f"the claim file {str(path)!r} cannot be read ({fault.strerror}); give a readable file.") from None
    module_name = f"_claims_{digest[:8]}.{name}"
    if module_name not in sys.modules:
        module = types.ModuleType(module_name)
        module.__file__ = str(path)
        sys.modules[module_name] = module
        forget(module_name)
        try:
            # not through the import system: its bytecode cache misses an edit of equal length within the same second
            exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
        except BadInput as fault:
            del sys.modules[module_name]
            raise BadInput(f"{path.name}: {fault}") from None
        except (Exception, SystemExit) as fault:
            del sys.modules[module_name]
            line = _line(fault, path)
            first = (str(fault).splitlines() or ["no message"])[0]
            raise BadInput(
                f"{path.name} cannot be imported{line}: {type(fault).__name__}: {first}; mend the file, then run again."
            ) from None
    claims = declared_in(module_name)
    if not claims:
        raise BadInput(f"{path.name} declares no claim; decorate a function with @claim from proofs_check.")
    found: dict[str, Claim] = {}
    _collect(found, claims, path.name)
    if taken := [id for id in found if id in registered()]:
        raise BadInput(f"{path.name} uses the id {taken[0]!r}, which a paper's claim has; give the claim another id.")
    return found


def _line(fault: BaseException, path: Path) -> str:
    if isinstance(fault, SyntaxError):
        return f" (line {fault.lineno})"
    trace, line = fault.__traceback__, None
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""


def find(targets: list[str]) -> list[Address]:
    """The claims that these targets name: ids, papers, or files ending in .py; none means all registered.

    Raises:
        BadInput: a target is unknown, or two files declare one id.
    """
    if not targets:
        return [Address(id) for id in registered()]
    found: dict[str, Address] = {}
    for target in targets:
        if target.endswith(".py"):
            for id in claims_of_file(Path(target)):
                if id in found and found[id].file != target:
                    raise BadInput(f"two of the given files declare the claim id {id!r}; give every claim an id of its own.")
                found[id] = Address(id, target)
        elif target in registered():
            found[target] = Address(target)
        elif target in papers():
            found |= {id: Address(id) for id, claim in registered().items() if claim.paper == target}
        else:
            known = [*papers(), *registered()]
            raise BadInput(
                f"{target!r} is neither a claim, a paper nor a file ending in .py{nearest(target, known)}; "
                "`proofs-check list` shows the claims."
            )
    return list(found.values())


def the_claim(target: str) -> Claim:
    """The one claim a target names.

    Raises:
        BadInput: it names none, or several.
    """
    addresses = find([target])
    if len(addresses) != 1:
        raise BadInput(
            f"{target!r} names {len(addresses)} claims; give the id of one: {', '.join(a.id for a in addresses[:6])}."
        )
    return addresses[0].load()
