"""`router calibrate`"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import click

from ...certificate import Certificate
from ...cost import PriceBook
from ...errors import OperatorError
from ...policy import Policy
from ...policyfile.parse import certificate_name
from ...settings import Settings
from ..garbage import nothing_collected
from ..policy.shelf import shelves, today
from ..policy.traffic import reading_options, science
from ..printing import print_json
from ..writing import writing
from .evidence import Evidence, Sources, gathered
from .told import as_json, counted, lines

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    name="calibrate",
    epilog="Example: router calibrate policies/intents.yaml --log log.jsonl --labels reviewed.jsonl --plot trust.png",
)
@click.argument("policy")
@click.option("--log", metavar="FILE", help="Recorded traffic; - is standard input. Default: the tasks that are kept.")
@click.option("--labels", metavar="FILE", help="What was right: lines of {id, expected} or {id, correct}.")
@click.option("--shadow", metavar="TIER", help="No labels: what TIER answers to the same is taken as right.")
@click.option(
    "--ask",
    type=click.IntRange(min=1),
    help="Have workers ask the promise's tier about so many tasks that lack its reply.",
)
@click.option("--check", is_flag=True, help="Only say whether the certificate still holds; exit 1 if not.")
@click.option("--plot", type=_FILE, help="Draw how reliable trust is: a .png or .svg file.")
@click.option("--dry-run", is_flag=True, help="Write no certificate; not with --ask, which spends money.")
@reading_options
@click.option("--json", "as_data", is_flag=True)
def command(
    policy: str,
    *,
    log: str | None,
    labels: str | None,
    shadow: str | None,
    ask: int | None,
    check: bool,
    plot: Path | None,
    dry_run: bool,
    skip_bad: bool,
    tier_map: tuple[str, ...],
    as_data: bool,
) -> int:
    """
    Learn from evidence how far replies can be trusted, and from where on the promise of POLICY holds.

    Writes NAME.certificate.json beside the policy, and shows what changes in it. Where nothing can be certified the
    file stays as it is, the exit code is 1, and what is lacking is told: labels, or replies of the promise's tier.
    POLICY is a file, or a name in the folder of policies.
    """
    if plot is not None and plot.suffix not in (".png", ".svg"):
        raise click.UsageError(f"--plot is {plot}, expected a file that ends with .png or .svg")
    if dry_run and ask is not None:
        raise click.UsageError("--ask spends money and --dry-run is to leave no trace; give one of them")
    settings = Settings.from_env()
    path = _file_of(policy, settings)
    known, prices = _opened(path, settings)
    if check:
        return _checked(known, path, as_data=as_data)
    sources = Sources(log, labels, shadow, ask, skip_bad, tier_map)
    return _calibrated(known, prices, path, gathered(known, sources, settings), plot, dry_run=dry_run, as_data=as_data)


def _file_of(word: str, settings: Settings) -> Path:
    path = Path(word) if word.endswith((".yaml", ".yml")) else settings.policies / f"{word}.yaml"
    if not path.is_file():
        raise click.UsageError(f"there is no policy file {path}; give a file, or a name in {settings.policies}")
    return path


def _opened(path: Path, settings: Settings) -> tuple[Policy, PriceBook]:
    """The policy as it is published. Raises: PolicyInvalid, click.UsageError."""
    (shelf,) = shelves((path,), settings)
    book = shelf.book()
    (policy,) = book.policies.values()
    if policy.promise is None:
        example = "promise: {kind: regret, at_most: 0.01}"
        raise click.UsageError(f"policy {policy.policy} promises nothing; say what is to be held, such as {example}")
    if not policy.promised_tiers:
        raise click.UsageError(f"there is no tier below {policy.held_against}: the promise has nothing to hold")
    return policy.on(book.tiers), book.prices


def _checked(policy: Policy, path: Path, *, as_data: bool) -> int:
    """Whether what was certified is still what runs."""
    certificate = policy.certificate
    missing = f"there is no {certificate_name(path.name)}; run `router calibrate {path}`"
    changes = (missing,) if certificate is None else certificate.outdated(policy.promise, policy.basis)
    if as_data:
        print_json({"policy": policy.policy, "holds": not changes, "changes": list(changes)})
    elif changes:
        click.echo(
            "\n".join((f"{policy.policy}: nothing is certified for this version:", *(f"  {c}" for c in changes)))
        )
    elif certificate is not None:
        click.echo(f"{policy.policy}: the certificate of {certificate.made} holds")
    return 1 if changes else 0


def _calibrated(
    policy: Policy,
    prices: PriceBook,
    path: Path,
    evidence: Evidence,
    plot: Path | None,
    *,
    dry_run: bool,
    as_data: bool,
) -> int:
    with science("calibrate"), nothing_collected():
        from ...calibration.outcome import calibrate  # noqa: PLC0415  # scipy and scikit-learn

        outcome = calibrate(policy, evidence.recordings, labels=evidence.labels, prices=prices, today=today())
    if plot is not None:
        with science("calibrate --plot"), writing(plot):
            from .picture import draw  # noqa: PLC0415  # matplotlib

            draw(outcome, policy, plot, counted=counted(policy, evidence))
    file = path.with_name(certificate_name(path.name))
    written = outcome.certificate is not None and not dry_run
    changes = list(_changes(file, outcome.certificate)) if outcome.certificate is not None else []
    if outcome.certificate is not None and written:
        _write(file, outcome.certificate)
    if as_data:
        print_json(as_json(policy, evidence, outcome, file if written else None))
    else:
        click.echo("\n".join((*lines(policy, evidence, outcome), *changes)))
        if outcome.certificate is None and policy.certificate is not None:
            click.echo(f"{file} stays as it is")
    return 0 if outcome.certificate is not None else 1


def text_of(certificate: Certificate) -> str:
    """The file, so that a change of it can be reviewed line by line."""
    return certificate.model_dump_json(indent=2, exclude_none=True) + "\n"


def _changes(file: Path, certificate: Certificate) -> Iterator[str]:
    before = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    after = text_of(certificate).splitlines()
    was = str(file) if before else "/dev/null"
    yield from difflib.unified_diff(before, after, was, str(file), n=1, lineterm="")


def _write(file: Path, certificate: Certificate) -> None:
    """Whole or not at all. Raises: OperatorError."""
    draft = file.with_name(f".{file.name}.draft")
    try:
        draft.write_text(text_of(certificate), encoding="utf-8")
        draft.replace(file)
    except OSError as why:
        raise OperatorError(f"{file} cannot be written: {why.strerror}") from None
