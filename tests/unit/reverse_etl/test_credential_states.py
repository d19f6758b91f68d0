"""Whether credentials are there, and where they come from; never what they are."""

from pathlib import Path

from reverse_etl.accounts import Account, Given, credential_states
from reverse_etl.destinations.protocol import Credential

WANTED = (
    Credential("url", "address", is_secret=False, default="https://tool.example"),
    Credential("token", "bearer token"),
)


def states(account: Account, **environ: str) -> list[tuple[str, bool, str | None]]:
    return [
        (state.source, state.is_set, state.default)
        for state in credential_states(account, WANTED, environ)
    ]


def test_what_comes_from_the_environment_is_named_by_its_variable():
    account = Account("tool", "tool")

    assert states(account) == [
        ("KENNING_TOOL_URL", False, "https://tool.example"),
        ("KENNING_TOOL_TOKEN", False, None),
    ]
    assert states(account, KENNING_TOOL_TOKEN="x")[1] == (
        "KENNING_TOOL_TOKEN",
        True,
        None,
    )


def test_an_account_that_names_its_own_source_has_no_default():
    account = Account(
        "main", "tool", {"url": Given(env="TOOL_URL"), "token": Given(env="TOOL_TOKEN")}
    )

    assert states(account, TOOL_TOKEN="x") == [
        ("TOOL_URL", False, None),
        ("TOOL_TOKEN", True, None),
    ]


def test_a_file_of_a_secret_is_looked_for_and_named_without_its_folder(tmp_path: Path):
    (tmp_path / "there").write_text("s3cret\n")
    for name, is_set in (("there", True), ("gone", False)):
        account = Account(
            "main",
            "tool",
            {"url": Given(text="https://x"), "token": Given(file=tmp_path / name)},
        )

        assert states(account) == [
            ("destinations.yml", True, None),
            (name, is_set, None),
        ]
        assert "s3cret" not in repr(credential_states(account, WANTED, {}))
