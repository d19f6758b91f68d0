"""What every test shares: where the project is, and a guard around the user's own files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Fixtures that start nothing until a test asks for them.
pytest_plugins = ("tests.postgres_server",)

settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds dbt_project.yml."""
    return Path(__file__).parents[1]


@pytest.fixture(autouse=True, scope="session")
def _nothing_of_the_users_is_read_or_opened(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("warehouse")
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "DBT_PROFILES_DIR",
            "KENNING_AS_OF",
            "KENNING_DATA_DIR",
            "KENNING_TARGET",
        ):
            patch.delenv(name, raising=False)
        patch.setenv("KENNING_DUCKDB_PATH", str(folder / "kenning.duckdb"))
        patch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "true")
        patch.setenv("GX_ANALYTICS_ENABLED", "false")
        yield
