"""How the YAML beside compiled models is written: as yamllint and a reviewer like it."""

from collections.abc import Mapping, Sequence

import yaml

_WIDTH = 96
_FOLDED_FROM = 72

YamlValue = str | bool | Mapping[str, "YamlValue"] | Sequence["YamlValue"]


def contract() -> YamlValue:
    """The setting that makes dbt hold a model to its columns."""
    return {"enforced": True}


def documented_column(
    name: str, data_type: str, description: str, *, tests: Sequence[YamlValue] = ()
) -> YamlValue:
    """A column of a public table; who is a member of what is no personal detail by itself."""
    tested: Mapping[str, YamlValue] = {"data_tests": tests} if tests else {}
    return {
        "name": name,
        "data_type": data_type,
        "description": description,
        **tested,
        "config": {"meta": {"pii": "none"}},
    }


def list_entry(value: YamlValue) -> str:
    """A value as an entry of a list one level in."""
    text: str = yaml.dump(
        [value], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return "".join(
        f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True)
    )


class _Dumper(yaml.SafeDumper):
    """Lists indented under their key, long texts folded, nothing aliased."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _represented_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = ">" if len(text) > _FOLDED_FROM else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represented_text)
