"""The arguments of `kenning experiment`, and what each command calls."""

import argparse
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from orchestration.workspace import Workspace, parse_instant

if TYPE_CHECKING:
    from audiences.experiments.groups import Question

FindWorkspace: TypeAlias = Callable[[argparse.Namespace], Workspace]
Count: TypeAlias = Callable[[str], int]

WINDOW_DAYS = 30
EVEN_SPLIT: Mapping[str, float] = {"treatment": 50.0, "holdout": 50.0}


def add_experiment_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    *,
    workspace: FindWorkspace,
    count: Count,
) -> None:
    """Add `experiment` and its verbs.

    Args:
        commands: Where to.
        workspace: Finds the workspace that the options mean.
        count: Reads a number from 1.
    """
    experiment = commands.add_parser(
        "experiment", help="holdouts and A/B tests on an audience's split groups"
    )
    verbs = experiment.add_subparsers(required=True, metavar="verb")

    results = verbs.add_parser("results", help="what the groups bought, and the lift")
    _add_shared(results, count=count)
    results.set_defaults(command=_command(_results, workspace))

    power = verbs.add_parser(
        "power", help="what an experiment could find, before it starts"
    )
    _add_shared(power, count=count)
    power.add_argument(
        "--customers",
        type=count,
        help="in all groups together (as many as are members)",
    )
    power.add_argument(
        "--lift", type=_percentage, help="relative lift to find, in percent (none)"
    )
    power.add_argument(
        "--power",
        type=_percentage_below_100,
        default=0.8,
        help="chance of finding a lift that is there, in percent (80)",
    )
    power.set_defaults(command=_command(_power, workspace))


def _add_shared(parser: argparse.ArgumentParser, *, count: Count) -> None:
    parser.add_argument("audience", help="its name, as in its definition")
    parser.add_argument(
        "--from",
        dest="since",
        metavar="INSTANT",
        help="customers who entered from here on, UTC (the first)",
    )
    parser.add_argument(
        "--until", metavar="INSTANT", help="who entered before here, UTC (the last)"
    )
    parser.add_argument(
        "--window-days",
        type=count,
        default=WINDOW_DAYS,
        help="days after entering in which an order counts (%(default)s)",
    )
    parser.add_argument(
        "--before-days",
        type=count,
        help="days before entering that CUPED uses (as many as the window)",
    )
    parser.add_argument(
        "--control", help="the group to compare with (holdout, control)"
    )
    parser.add_argument(
        "--weights",
        type=_weights,
        help="sizes of the groups: treatment=80,holdout=20 (as its definition has them)",
    )
    parser.add_argument(
        "--confidence",
        type=_percentage_below_100,
        default=0.95,
        help="of the intervals, in percent (95)",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def _command(
    work: Callable[[Workspace, argparse.Namespace], str], workspace: FindWorkspace
) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        print(work(workspace(options), options))
        return 0

    return run


def _results(workspace: Workspace, options: argparse.Namespace) -> str:
    # A database driver and SciPy take a while to load, and most commands do without.
    from audiences.experiments.outcomes import read_outcomes
    from audiences.experiments.results_report import results_json, results_text
    from audiences.experiments.verdict import judge
    from cli.profile import open_profiles

    with open_profiles(workspace.target, workspace.published_path) as warehouse:
        outcomes = read_outcomes(warehouse, _question(options))
    results = judge(
        outcomes,
        control=options.control,
        weights=_weights_of(workspace, options),
        confidence=options.confidence,
    )
    return results_json(results) if options.json else results_text(results)


def _power(workspace: Workspace, options: argparse.Namespace) -> str:
    from audiences.experiments.outcomes import read_base
    from audiences.experiments.plan_report import plan_json, plan_text
    from audiences.experiments.planning import Wish, plan
    from cli.profile import open_profiles

    question = _question(options)
    with open_profiles(workspace.target, workspace.published_path) as warehouse:
        base = read_base(warehouse, question)
    made = plan(
        question,
        base,
        Wish(
            weights=_weights_of(workspace, options) or EVEN_SPLIT,
            control=options.control,
            customers=options.customers,
            lift=options.lift,
            confidence=options.confidence,
            power=options.power,
        ),
    )
    return plan_json(made) if options.json else plan_text(made)


def _weights_of(
    workspace: Workspace, options: argparse.Namespace
) -> Mapping[str, float] | None:
    """As asked for, else as the audience's definition has them today."""
    from audiences.experiments.declared import declared_weights
    from audiences.project import DEFINITIONS, read_project

    if options.weights is not None:
        weights: Mapping[str, float] = options.weights
        return weights
    # Reading all definitions takes seconds, and an audience may be a plain model, or be gone.
    files = (workspace.project_dir / DEFINITIONS).glob("*.y*ml")
    if all(file.stem != options.audience for file in files):
        return None
    definitions = read_project(workspace.project_dir).definitions
    return declared_weights(definitions, options.audience)


def _question(options: argparse.Namespace) -> "Question":
    from audiences.experiments.groups import Question

    return Question(
        audience=options.audience,
        since=parse_instant(options.since, where="--from") if options.since else None,
        until=parse_instant(options.until, where="--until") if options.until else None,
        window_days=options.window_days,
        before_days=options.before_days or options.window_days,
    )


def _weights(text: str) -> Mapping[str, float]:
    """Groups and their sizes: treatment=80,holdout=20."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, size = (each.strip() for each in part.partition("="))
        if not name or name in weights:
            raise argparse.ArgumentTypeError(
                f"'{part}' names no group, or one named before; write treatment=80,holdout=20"
            )
        weights[name] = _number(size, "a size, as in treatment=80,holdout=20,")
    return weights


def _percentage(text: str) -> float:
    """A share above 0, typed in percent."""
    return _number(text.removesuffix("%"), "a percentage") / 100


def _percentage_below_100(text: str) -> float:
    share = _percentage(text)
    if share >= 1:
        raise argparse.ArgumentTypeError("must be below 100")
    return share


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}': {what} is a number above 0")
    return number
