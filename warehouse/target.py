"""Which warehouse: the one target of profiles.yml that this run means.

Reads the same file as dbt, so that dbt, Dagster and the syncs cannot disagree. Renders
only `{{ env_var('NAME') }}` and `{{ env_var('NAME', 'default') }}`: any other Jinja is
refused rather than guessed. Opens nothing.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from warehouse.errors import TargetError

TARGET_VARIABLE = "KENNING_TARGET"
SUPPORTED_ENGINES = ("duckdb",)
STORAGE_VERSION = "v1.5.0"
"""Format of a new DuckDB file, so that BI drivers on DuckDB 1.5 can open it."""

_ENV_VAR = re.compile(
    r"""\{\{\s*env_var\(\s*
        (?P<name_quote>['"])(?P<name>\w+)(?P=name_quote)
        (?:\s*,\s*(?P<default_quote>['"])(?P<default>.*?)(?P=default_quote))?
        \s*\)\s*\}\}""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Target:
    """One output of profiles.yml, rendered.

    `path` is absolute. `config` goes to the driver when the file is opened, `settings`
    are set on the connection afterwards; both as in dbt-duckdb.
    """

    name: str
    engine: str
    path: Path
    config: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


def load_target(
    project_dir: Path, name: str | None = None, *, environ: Mapping[str, str]
) -> Target:
    """Read the target that dbt would use.

    Args:
        project_dir: Folder with dbt_project.yml and profiles.yml. A relative database
            path is taken from here.
        name: Target to open. Without it, the profile's own, which takes KENNING_TARGET
            from the environment.
        environ: What `env_var` reads, normally `os.environ`.

    Raises:
        TargetError: A file is missing or malformed, an environment variable has no
            value and no default, the target is unknown, or its engine is not supported.
    """
    profiles_path = project_dir / "profiles.yml"
    profile_name = _text(
        _read_yaml(project_dir / "dbt_project.yml").get("profile"),
        where="profile in dbt_project.yml",
    )
    profiles = _read_yaml(profiles_path)
    profile = profiles.get(profile_name)
    if not isinstance(profile, dict):
        raise TargetError(
            f"Profile '{profile_name}' is not in {profiles_path}. It has: "
            f"{_listed(profiles)}. Rename one of them, or set profile in "
            "dbt_project.yml."
        )
    outputs = profile.get("outputs")
    if not isinstance(outputs, dict) or not outputs:
        raise TargetError(
            f"Profile '{profile_name}' in {profiles_path} has no outputs."
        )
    # Only the profile itself reads the environment, as for dbt.
    wanted = name or _render(
        _text(profile.get("target"), where="target"), environ, profiles_path
    )
    output = outputs.get(wanted)
    if not isinstance(output, dict):
        raise TargetError(
            f"Target '{wanted}' is not in {profiles_path}. "
            f"Known targets: {_listed(outputs)}.{_nearest(wanted, outputs)} "
            f"Choose one with --target or {TARGET_VARIABLE}."
        )
    return _parse_output(wanted, output, project_dir, environ, profiles_path)


def _parse_output(
    name: str,
    output: Mapping[str, object],
    project_dir: Path,
    environ: Mapping[str, str],
    profiles_path: Path,
) -> Target:
    def rendered(value: object, *, where: str) -> str:
        return _render(_text(value, where=where), environ, profiles_path)

    engine = rendered(output.get("type"), where=f"type of target '{name}'")
    if engine not in SUPPORTED_ENGINES:
        raise TargetError(
            f"Target '{name}' in {profiles_path} is of type '{engine}'. Kenning opens: "
            f"{', '.join(SUPPORTED_ENGINES)}. CONTRIBUTING.md says how to add one."
        )
    path = Path(rendered(output.get("path"), where=f"path of target '{name}'"))
    return Target(
        name=name,
        engine=engine,
        path=(project_dir / path.expanduser()).resolve(),
        config={"storage_compatibility_version": STORAGE_VERSION}
        | _rendered_map(output.get("config_options"), environ, profiles_path),
        settings=_rendered_map(output.get("settings"), environ, profiles_path),
    )


def _rendered_map(
    value: object, environ: Mapping[str, str], profiles_path: Path
) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TargetError(
            f"config_options and settings in {profiles_path} are maps of name to value."
        )
    return {
        str(key): _render(str(entry), environ, profiles_path)
        for key, entry in value.items()
    }


def _render(text: str, environ: Mapping[str, str], profiles_path: Path) -> str:
    def replace(match: re.Match[str]) -> str:
        value = environ.get(match["name"], match["default"])
        if value is None:
            raise TargetError(
                f"{profiles_path} needs the environment variable "
                f"{match['name']}, which is not set. Set it, or give env_var a default."
            )
        return value

    rendered = _ENV_VAR.sub(replace, text)
    if "{{" in _ENV_VAR.sub("", text) or "{%" in text:
        raise TargetError(
            f"{profiles_path} holds Jinja that Kenning does not read: {text!r}. "
            "Use {{ env_var('NAME', 'default') }} or a plain value."
        )
    return rendered


def _read_yaml(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TargetError(
            f"{path} does not exist. Run from the project's folder, or name it with "
            "--project-dir."
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise TargetError(f"{path}{line} is not valid YAML. Correct it.") from None
    if not isinstance(content, dict):
        raise TargetError(f"{path} is not a map of names to settings.")
    return {str(key): value for key, value in content.items()}


def _text(value: object, *, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise TargetError(f"{where} is missing or is not text. Set it in profiles.yml.")
    return value


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(str(name) for name in names)) or "none"


def _nearest(name: str, names: Mapping[str, object]) -> str:
    matches = difflib.get_close_matches(name, [str(known) for known in names], n=1)
    return f" Did you mean '{matches[0]}'?" if matches else ""
