"""Which target profiles.yml means, and what is refused."""

from pathlib import Path

import pytest

from warehouse.errors import TargetError
from warehouse.target import load_target

PROFILES = """
kenning:
  target: "{{ env_var('KENNING_TARGET', 'laptop') }}"
  outputs:
    laptop:
      type: duckdb
      path: "{{ env_var('KENNING_DUCKDB_PATH', 'data/kenning.duckdb') }}"
      settings: {timezone: UTC}
    shared:
      type: duckdb
      path: "{{ env_var(\\"SHARED_PATH\\") }}"
    office:
      type: postgres
      path: x
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dbt_project.yml").write_text("name: kenning\nprofile: kenning\n")
    (tmp_path / "profiles.yml").write_text(PROFILES)
    return tmp_path


def test_load_target_without_a_name_takes_the_profiles_default(project):
    target = load_target(project, environ={})

    assert target.name == "laptop"
    assert target.path == project / "data" / "kenning.duckdb"
    assert target.settings == {"timezone": "UTC"}
    assert target.config == {"storage_compatibility_version": "v1.5.0"}


def test_load_target_with_a_path_in_the_environment_takes_it(project):
    target = load_target(project, environ={"KENNING_DUCKDB_PATH": "/srv/x.duckdb"})

    assert target.path == Path("/srv/x.duckdb")


def test_load_target_with_kenning_target_set_takes_that_one(project):
    environ = {"KENNING_TARGET": "shared", "SHARED_PATH": "/srv/shared.duckdb"}

    assert load_target(project, environ=environ).path == Path("/srv/shared.duckdb")


def test_load_target_takes_the_profiles_target_as_dbt_does(project):
    (project / "profiles.yml").write_text(
        PROFILES.replace("{{ env_var('KENNING_TARGET', 'laptop') }}", "laptop")
    )

    assert load_target(project, environ={"KENNING_TARGET": "office"}).name == "laptop"


def test_load_target_with_a_name_ignores_the_environment(project):
    environ = {"KENNING_TARGET": "shared"}

    assert load_target(project, "laptop", environ=environ).name == "laptop"


def test_load_target_with_a_mistyped_name_lists_the_known_and_names_the_nearest(
    project,
):
    with pytest.raises(TargetError) as caught:
        load_target(project, "laptpo", environ={})

    assert "Known targets: laptop, office, shared" in str(caught.value)
    assert "Did you mean 'laptop'?" in str(caught.value)
    assert caught.value.exit_code == 2


def test_load_target_with_a_variable_that_is_not_set_names_it(project):
    with pytest.raises(TargetError, match="environment variable SHARED_PATH"):
        load_target(project, "shared", environ={})


def test_load_target_with_an_unsupported_engine_names_the_supported(project):
    with pytest.raises(TargetError, match=r"type 'postgres'\. Kenning opens: duckdb"):
        load_target(project, "office", environ={})


def test_load_target_with_other_jinja_refuses_it(project):
    (project / "profiles.yml").write_text(
        PROFILES.replace("'data/kenning.duckdb') }}", "'x') | upper }}")
    )

    with pytest.raises(TargetError, match="Jinja that Kenning does not read"):
        load_target(project, environ={})


def test_load_target_without_profiles_says_where_it_looked(project):
    (project / "profiles.yml").unlink()

    with pytest.raises(TargetError, match=r"profiles\.yml does not exist"):
        load_target(project, environ={})


def test_load_target_with_broken_yaml_names_the_line(project):
    (project / "profiles.yml").write_text("kenning:\n  target: [laptop\n")

    with pytest.raises(TargetError, match=r"profiles\.yml, line 3 is not valid YAML"):
        load_target(project, environ={})


def test_load_target_with_an_unknown_profile_lists_those_there_are(project):
    (project / "dbt_project.yml").write_text("profile: kening\n")

    with pytest.raises(TargetError, match=r"'kening' is not in .* It has: kenning"):
        load_target(project, environ={})
