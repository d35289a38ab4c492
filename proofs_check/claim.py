"""What a claim is: a statement about everything in a domain, written once as plain batched torch.

`claim` is a decorator: the arguments of the decorated function get a domain each, its keyword-only parameters are the
claim's constants, its docstring is the statement. Every fault in a declaration is one `BadInput` sentence at import.
This module imports nothing heavy.
"""

from __future__ import annotations

import builtins
import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofs_check.docstring import parse_docstring
from proofs_check.errors import BadInput, nearest

if TYPE_CHECKING:
    from proofs_check.domains import Domain

#: sizes a named dimension takes when the claim does not say
DEFAULT_SIZES = (1, 16)

EXPECTABLE = ("held", "tight", "proved", "refuted", "reproduced", "not-reproduced", "vacuous")

#: claims in order of declaration, by the module that declared them
_declared: dict[str, list[Claim]] = {}


@dataclass(frozen=True)
class Setting:
    """One choice of domains for the arguments: the declared one, or one of `also_on`."""

    name: str
    arguments: dict[str, Domain]


@dataclass(frozen=True)
class Claim:
    """A declared claim. Made by `claim`; every part of the machine reads it, none changes it."""

    id: str
    paper: str
    title: str
    source: str
    statement: str
    sections: tuple[tuple[str, str], ...]
    body: Callable[..., Any]
    settings: tuple[Setting, ...]
    constants: dict[str, Any]
    dims: dict[str, tuple[int, int]]
    assumes: tuple[Callable[..., Any], ...] = ()
    expect: str = "held"
    reading: str | None = None
    mutants: dict[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    amends: str | None = None
    sharpens: str | None = None
    #: the experiment whose draws this claim shares with others, None for draws of its own
    experiment: str | None = None
    #: transformations of the arguments that leave every link's ratio as it is
    invariant: dict[str, Callable[..., Any]] = field(default_factory=dict)
    file: str | None = None

    def mutant(self, name: str) -> Claim:
        """The slightly-too-strong variant with this name, as a claim of its own (without mutants)."""
        change = self.mutants[name]
        if callable(change):
            return replace(self, body=change, mutants={}, constants=_constants(change))
        constants = {k: v for k, v in change.items() if k in self.constants}
        domains = {k: v for k, v in change.items() if k in self.settings[0].arguments}
        settings = (Setting(self.settings[0].name, {**self.settings[0].arguments, **domains}),) if domains else self.settings
        return replace(
            self,
            constants={**self.constants, **constants},
            settings=settings,
            assumes=tuple(change.get("assumes", self.assumes)),
            mutants={},
        )

    def fingerprint(self) -> str:
        """A digest that changes when the claim's file or its declaration changes; `--resume` trusts nothing else."""
        text = Path(self.file).read_bytes() if self.file and Path(self.file).exists() else self.id.encode()
        return hashlib.sha256(text + self.id.encode()).hexdigest()[:16]


def declared_in(module: str) -> list[Claim]:
    """The claims that the module with this name declared, in order."""
    return list(_declared.get(module, []))


def forget(module: str) -> None:
    """Drop what a module declared (before the same user file is loaded again)."""
    _declared.pop(module, None)


def claim(
    *,
    source: str,
    expect: str = "held",
    mutants: Mapping[str, Any] | None = None,
    assumes: Sequence[Callable[..., Any]] = (),
    dims: Mapping[str, tuple[int, int]] | None = None,
    on: str = "declared domain",
    also_on: Mapping[str, Mapping[str, Domain]] | None = None,
    reading: str | None = None,
    invariant: Mapping[str, Callable[..., Any]] | None = None,
    uses: Sequence[str] = (),
    amends: str | None = None,
    sharpens: str | None = None,
    experiment: str | None = None,
    id: str | None = None,
    paper: str | None = None,
    title: str | None = None,
    **arguments: Domain,
) -> Callable[[Callable[..., Any]], Claim]:
    """Declare the decorated function to be a claim.

    Args:
        source: where the statement stands, e.g. "Kantorovich 1948" or "dynamicAL, Theorem 1, eq. (17)".
        expect: the verdict an audit expects; ``held`` is satisfied by ``tight`` and ``proved`` too.
        mutants: variants that must be refuted: ``{name: change}``, where a change is another function, or a dict of
            constants, of domains by argument name, or ``assumes=[...]`` (an assumption dropped).
        assumes: batched predicates, called with the arguments (and constants) they name; instances that fail one are
            outside the claim.
        dims: smallest and largest value of a named dimension; (1, 16) unless given.
        on: what to call the declared domain in the evidence.
        also_on: further settings, each a name and the domains it changes.
        reading: which reading of a damaged or informal sentence this is.
        invariant: ``{name: transformation}``: functions that take arguments by name and return a dict of changed ones, under
            which the ratio of both sides stays what it is; the tests that every claim inherits check it.
        uses: ids of the claims this one rests on.
        amends: id of the paper's form that this one corrects.
        sharpens: id of the form that this one makes stronger.
        experiment: for events, rates and measurements: a name. Claims with the same name, and their mutants, look at the same
            draws, so that one experiment (see `proofs_check.experiment.remembered`) serves them all.
        id: ``<paper>.<name>``; made from the file's and the function's name unless given.
        paper: the paper's key; the file's name unless given.
        title: a short heading; made from the function's name unless given.
        **arguments: a domain for each positional argument of the function.

    Raises:
        BadInput: the declaration contradicts itself; the sentence says where.
    """

    def declare(function: Callable[..., Any]) -> Claim:
        stem = function.__module__.rpartition(".")[2]
        key = paper or (id.partition(".")[0] if id else stem)
        made = Claim(
            id=id or f"{key}.{function.__name__}",
            paper=key,
            title=title or function.__name__.replace("_", " ").capitalize(),
            source=source,
            statement="",
            sections=(),
            body=function,
            settings=(),
            constants=_constants(function),
            dims={},
            assumes=tuple(assumes),
            expect=expect,
            reading=reading,
            mutants=dict(mutants or {}),
            invariant=dict(invariant or {}),
            uses=tuple(uses),
            amends=amends,
            sharpens=sharpens,
            experiment=experiment,
            file=inspect.getsourcefile(function),
        )
        statement, sections = parse_docstring(function.__doc__ or "")
        settings = _settings(made.id, function, arguments, on, also_on or {})
        checked = replace(
            made,
            statement=statement,
            sections=sections,
            settings=settings,
            dims=_dims(made.id, settings, dims or {}),
        )
        _check(checked)
        _declared.setdefault(function.__module__, []).append(checked)
        return checked

    return declare


def _constants(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _settings(
    id: str,
    function: Callable[..., Any],
    arguments: Mapping[str, Domain],
    on: str,
    also_on: Mapping[str, Mapping[str, Domain]],
) -> tuple[Setting, ...]:
    """The declared setting and the further ones, once every argument is known to have a domain."""
    from proofs_check.domains import Domain

    parameters = inspect.signature(function).parameters.values()
    wanted = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        raise BadInput(f"claim {id} takes * or ** parameters; name every argument, each with a domain.")
    if not wanted:
        raise BadInput(f"claim {id} has no arguments; give it at least one, with a domain.")
    if missing := [name for name in wanted if name not in arguments]:
        raise BadInput(
            f"claim {id} gives no domain for its argument {missing[0]!r}; add {missing[0]}=D.<domain>(...) to @claim, or "
            "make it keyword-only with a default if it is a constant."
        )
    for name in arguments:
        if name not in wanted:
            raise BadInput(
                f"claim {id} gives a domain for {name!r}, but its function has no such argument; its arguments are "
                f"{', '.join(wanted)}{nearest(name, wanted)}."
            )
    settings = [Setting(on, {name: arguments[name] for name in wanted})]
    for name, changes in also_on.items():
        if stray := [key for key in changes if key not in wanted]:
            raise BadInput(f"claim {id}, setting {name!r}, changes {stray[0]!r}, which is not an argument of the claim.")
        settings.append(Setting(name, {**settings[0].arguments, **changes}))
    for setting in settings:
        for name, domain in setting.arguments.items():
            if not isinstance(domain, Domain):
                raise BadInput(
                    f"claim {id} got {domain!r} as the domain of {name!r}; give a domain from proofs_check.domains, such "
                    "as D.real('n')."
                )
        _check_apart(id, setting)
    return tuple(settings)


def _check_apart(id: str, setting: Setting) -> None:
    """Refuse one domain object for two arguments: they would be equal in every instance."""
    owner: dict[int, str] = {}
    for name, domain in setting.arguments.items():
        if (other := owner.setdefault(builtins.id(domain), name)) != name:
            raise BadInput(
                f"claim {id} gives {other!r} and {name!r} one domain object, so they would be equal in every instance; write "
                "the domain twice, once for each."
            )


def _dims(id: str, settings: tuple[Setting, ...], given: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Every named dimension with its range; naming one that no argument has is a mistake."""
    from proofs_check.domains import Domain, walk

    names: list[str] = []
    for setting in settings:
        for name, domain in setting.arguments.items():
            for node in walk(domain):
                names += [size for size in node.dims if isinstance(size, str)]
                for parent in node.parents():
                    if not isinstance(parent, Domain) and parent not in setting.arguments:
                        raise BadInput(
                            f"claim {id}: the domain of {name!r} depends on {parent!r}, which is not an argument of the claim."
                        )
    for setting in settings:
        for name in setting.arguments:
            _check_order(id, setting, (name,))
    names = list(dict.fromkeys(names))
    for name, span in given.items():
        if name not in names:
            raise BadInput(
                f"claim {id} declares the dimension {name!r}, which no argument has; its dimensions are "
                f"{', '.join(names) or 'none'}{nearest(name, names)}."
            )
        good = isinstance(span, tuple) and len(span) == 2 and all(isinstance(v, int) for v in span) and 1 <= span[0] <= span[1]
        if not good:
            raise BadInput(f"claim {id} gives dims[{name!r}] = {span!r}; give (smallest, largest), integers from 1 up.")
    return {name: given.get(name, DEFAULT_SIZES) for name in names}


def _check_order(id: str, setting: Setting, path: tuple[str, ...]) -> None:
    """Refuse a domain that depends on its own argument, directly or through others."""
    from proofs_check.domains import walk

    for node in walk(setting.arguments[path[-1]]):
        for parent in node.parents():
            if parent in path:
                raise BadInput(f"claim {id}: the domain of {path[0]!r} depends on itself, through {' and '.join(path)}.")
            if isinstance(parent, str):
                _check_order(id, setting, (*path, parent))


def _check(made: Claim) -> None:
    """The rest of what can be wrong in a declaration."""
    if not isinstance(made.source, str) or not made.source.strip():
        raise BadInput(f"claim {made.id} has no source; say where the statement stands, e.g. source='own conjecture'.")
    if "." not in made.id or any(not part for part in made.id.split(".")) or any(c.isspace() or c in "/\\" for c in made.id):
        raise BadInput(f"the claim id {made.id!r} is not of the form <paper>.<name>; give it two parts without spaces.")
    if made.expect not in EXPECTABLE:
        raise BadInput(f"claim {made.id} expects {made.expect!r}; give one of {', '.join(EXPECTABLE)}.")
    _check_assumes(made.id, made.assumes)
    known = [*made.constants, *made.settings[0].arguments, "assumes"]
    for name, change in made.mutants.items():
        if callable(change):
            continue
        if not isinstance(change, dict) or not change:
            raise BadInput(f"mutant {name!r} of claim {made.id} is {change!r}; give a dict of changes or another function.")
        if stray := [key for key in change if key not in known]:
            raise BadInput(
                f"mutant {name!r} of claim {made.id} changes {stray[0]!r}, which is none of {', '.join(known)}"
                f"{nearest(stray[0], known)}."
            )
        _check_assumes(f"{made.id}, mutant {name!r},", change.get("assumes", ()))
        _check_mutant_domains(made, name, {k: v for k, v in change.items() if k in made.settings[0].arguments})
    if unset := [name for name, value in made.constants.items() if value is inspect.Parameter.empty]:
        raise BadInput(f"constant {unset[0]!r} of claim {made.id} has no default; give it one.")


def _check_assumes(who: str, assumes: Any) -> None:
    if not isinstance(assumes, (list, tuple)) or not all(callable(predicate) for predicate in assumes):
        raise BadInput(f"claim {who} has assumes={assumes!r}; give a list of functions that return a bool tensor.")


def _check_mutant_domains(made: Claim, mutant: str, changes: dict[str, Any]) -> None:
    """A mutant's domains are domains, and their named dimensions are the claim's."""
    from proofs_check.domains import Domain, walk

    for argument, domain in changes.items():
        if not isinstance(domain, Domain):
            raise BadInput(
                f"mutant {mutant!r} of claim {made.id} got {domain!r} as the domain of {argument!r}; give a domain from "
                "proofs_check.domains."
            )
        sizes = [size for node in walk(domain) for size in node.dims if isinstance(size, str)]
        if stray := [size for size in sizes if size not in made.dims]:
            raise BadInput(
                f"mutant {mutant!r} of claim {made.id} names the dimension {stray[0]!r}, which the claim has not; its "
                f"dimensions are {', '.join(made.dims) or 'none'}."
            )
