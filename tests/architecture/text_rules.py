"""What the repository's texts may say, one function a rule, over texts by path.

The texts are those that git tracks or would track.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

Texts = Mapping[str, str]

# Spelled so that this file does not hold what it looks for.
_REGISTRIES = re.compile(
    r"\b(pypi|pythonhosted|npmjs|crates|rubygems|anaconda|debian)\.(org|io|com)\b"
    r"|--(extra-)?index-url\s+\S|\bfind-links\b",
    re.IGNORECASE,
)
_MACHINE_PATHS = re.compile(r"(?<![\w.}/-])/(?:work|root|home|Users)/[\w.-]")
_LEFT_FOR_LATER = re.compile(r"\b(TO[D]O|FIX[M]E)\b")

# A reader meets these in this order. Each is looked for in the headings of the second level.
README_SECTIONS = (
    ("the two commands", r"two commands|start|try it"),
    ("what you now have", r"now have|what you (get|have)"),
    ("where to change what", r"where|change"),
    ("warehouses and destinations", r"warehouse|destination"),
    ("tests", r"test"),
    ("links", r"read on|more|links|further"),
)


def no_text_names_a_registry(texts: Texts) -> list[str]:
    return [
        f"{path}:{number} names a package registry: {line.strip()[:60]}"
        for path, number, line in _lines(texts)
        if _REGISTRIES.search(line)
    ]


def no_text_names_a_path_of_one_machine(texts: Texts) -> list[str]:
    return [
        f"{path}:{number} names a path of one machine: {line.strip()[:60]}"
        for path, number, line in _lines(texts)
        if _MACHINE_PATHS.search(line)
    ]


def nothing_is_left_for_later(texts: Texts) -> list[str]:
    return [
        f"{path}:{number} leaves work in a comment. Do it, or record it where it is planned."
        for path, number, line in _lines(texts)
        if _LEFT_FOR_LATER.search(line)
    ]


def every_variable_is_explained(texts: Texts) -> list[str]:
    """A comment above each variable of dbt_project.yml, which has a default there."""
    lines = texts["dbt_project.yml"].split("\nvars:\n")[1].split("\n")
    breaches = []
    for above, line in zip(["", *lines], lines, strict=False):
        if line and not line.startswith(" "):
            break
        name = re.match(r"  ([a-z_]+):", line)
        if name and not above.lstrip().startswith("#"):
            breaches.append(
                f"dbt_project.yml: variable {name[1]} has no comment above it."
            )
    return breaches


def variables_have_their_default_in_one_place(texts: Texts) -> list[str]:
    return [
        f"{path}:{number} gives var() a default. Its default is in dbt_project.yml."
        for path, number, line in _lines(texts)
        if path.endswith((".sql", ".yml"))
        if re.search(r"\bvar\(\s*['\"]\w+['\"]\s*,", line)
    ]


def dbt_is_not_pointed_at_the_truth(texts: Texts) -> list[str]:
    return [
        f"{path}:{number} says 'truth'. dbt never opens the demo's truth."
        for path, number, line in _lines(texts)
        if path in {"dbt_project.yml", "profiles.yml"} or path.startswith("macros/")
        if re.search(r"(?<![a-z0-9])truth(?![a-z0-9])", line.lower())
    ]


def no_dbt_package_is_asked_for(texts: Texts) -> list[str]:
    return [
        f"{path}: dbt packages are not used. Write the macro under macros/."
        for path in texts
        if path in {"packages.yml", "dependencies.yml", "package-lock.yml"}
    ]


def every_decision_has_a_status_and_a_date(texts: Texts) -> list[str]:
    breaches = []
    for path, text in texts.items():
        if not path.startswith("docs/decisions/") or path.endswith("README.md"):
            continue
        name = PurePosixPath(path).name
        if not re.match(r"\d{4}-[a-z0-9-]+\.md\Z", name):
            breaches.append(f"{path}: name it 0001-what-was-decided.md.")
        if not re.search(
            r"^Status: (proposed|accepted|superseded by \d{4})$", text, re.MULTILINE
        ):
            breaches.append(f"{path} has no line 'Status: accepted'.")
        if not re.search(r"^Date: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE):
            breaches.append(f"{path} has no line 'Date: YYYY-MM-DD'.")
    return breaches


def decision_numbers_are_unique(texts: Texts) -> list[str]:
    numbers: dict[str, str] = {}
    breaches = []
    for path in sorted(texts):
        if path.startswith("docs/decisions/"):
            number = PurePosixPath(path).name[:4]
            if number in numbers:
                breaches.append(f"{path} and {numbers[number]} have one number.")
            numbers[number] = path
    return breaches


def the_readme_answers_in_order(texts: Texts) -> list[str]:
    readme = texts.get("README.md")
    if readme is None:
        return ["README.md is missing."]
    breaches = []
    opening = readme.split("\n## ")[0]
    if not re.match(r"# \S+\n\n\S[^\n]*", opening):
        breaches.append(
            "README.md begins with its name and one sentence on what it is."
        )
    if "```" not in opening:
        breaches.append(
            "README.md shows the flow as a picture before its first section."
        )
    headings = re.findall(r"^## (.+)$", readme, re.MULTILINE)
    position = 0
    for section, pattern in README_SECTIONS:
        found = [
            index
            for index, heading in enumerate(headings)
            if index >= position and re.search(pattern, heading, re.IGNORECASE)
        ]
        if found:
            position = found[0] + 1
        else:
            breaches.append(f"README.md has no section on {section} in its place.")
    return breaches


def links_lead_somewhere(texts: Texts) -> list[str]:
    """Links of Markdown files to files of the repository."""
    folders = {str(parent) for path in texts for parent in PurePosixPath(path).parents}
    breaches = []
    for path, number, line in _lines(texts):
        if not path.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            resolved = _resolved(PurePosixPath(path).parent / target)
            if resolved not in texts and resolved not in folders:
                breaches.append(
                    f"{path}:{number} links to {target}, which is not there."
                )
    return breaches


def _resolved(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts) or "."


def _lines(texts: Texts) -> list[tuple[str, int, str]]:
    return [
        (path, number, line)
        for path, text in texts.items()
        for number, line in enumerate(text.split("\n"), start=1)
    ]


RULES = (
    no_text_names_a_registry,
    no_text_names_a_path_of_one_machine,
    nothing_is_left_for_later,
    every_variable_is_explained,
    variables_have_their_default_in_one_place,
    dbt_is_not_pointed_at_the_truth,
    no_dbt_package_is_asked_for,
    every_decision_has_a_status_and_a_date,
    decision_numbers_are_unique,
    the_readme_answers_in_order,
    links_lead_somewhere,
)
