"""The cookie banner of the open Snowplow sample, through the real models, equals what its peer expects.

Every column of the six expected tables is compared. Three of them are not ours one to one:
- `last_allow_all_event` is when that event was loaded. Ours, last_allowed_all_at, is when it happened, one
  millisecond before; so it is read from the log here.
- `allow` of the totals is worked out here: we keep allow_all and allow_selected, of which it is the sum.
- `expires_in_six_months` of the totals depends on the day it is counted on, and on how long a yes holds. At the
  as_of of this test every yes is older than that, as it was on the day of the peer's run.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.snowplow_web import build, expected_file, needs_sample

pytestmark = needs_sample

# Expected table: what our tables say in its columns.
FOUND = {
    "consent_log": """
        select event_id, anonymous_id as domain_userid, user_id, country_code as geo_country, page_view_id,
            session_id as domain_sessionid, occurred_at as derived_tstamp, loaded_at as load_tstamp,
            case event_name when 'banner_shown' then 'cmp_visible' else 'consent_preferences' end as event_name,
            answer as event_type, legal_basis as basis_for_processing, policy_url as consent_url,
            policy_version as consent_version, scopes as consent_scopes, domains as domains_applied,
            is_gdpr_applied as gdpr_applies, load_seconds as cmp_load_time
        from core.fct_banner_events
        """,
    "consent_users": """
        select anonymous_id as domain_userid, user_id, country_code as geo_country, shown_count as cmp_events,
            answered_count as consent_events, last_shown_at as last_cmp_event_tstamp,
            last_answered_at as last_consent_event_tstamp, last_answer as last_consent_event_type,
            last_scopes as last_consent_scopes, last_policy_version as last_consent_version,
            last_policy_url as last_consent_url, last_domains as last_domains_applied,
            last_loaded_at as last_processed_event, is_latest_version
        from core.dim_banner_visitors
        """,
    "consent_versions": """
        select policy_version as consent_version, started_at as version_start_tstamp, scopes as consent_scopes,
            policy_url as consent_url, domains as domains_applied, is_latest_version,
            (select max(loaded_at) from core.fct_banner_events as events
            where answer = 'allow_all' and events.policy_version = versions.policy_version) as last_allow_all_event
        from core.dim_banner_versions as versions
        """,
    "consent_totals": """
        select policy_version as consent_version, started_at as version_start_tstamp, scopes as consent_scopes,
            policy_url as consent_url, domains as domains_applied, is_latest_version,
            (select max(loaded_at) from core.fct_banner_events as events
            where answer = 'allow_all' and events.policy_version = versions.policy_version) as last_allow_all_event,
            visitor_count as total_visitors,
            allow_all_count as allow_all, allow_selected_count as allow_selected,
            allow_all_count + allow_selected_count as allow, pending_count as pending, deny_count as denied,
            expired_count as expired, withdrawn_count as withdrawn, implicit_count as implicit_consent,
            soon_expired_count as expires_in_six_months
        from core.dim_banner_versions as versions
        """,
    "consent_scope_status": """
        select scope, visitor_count as total_consent from core.dim_banner_scopes
        """,
    "consent_cmp_stats": """
        select event_id, anonymous_id as domain_userid, page_view_id, session_id as domain_sessionid,
            load_seconds as cmp_load_time, shown_at as cmp_tstamp, answered_at as first_consent_event_tstamp,
            answer as first_consent_event_type, answer_seconds as cmp_interaction_time
        from core.fct_banner_views
        """,
}


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    path = build(tmp_path_factory.mktemp("snowplow"), as_of="2023-03-01", settings={})
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("table", FOUND)
def test_banner_tables_equal_the_expected_ones(
    warehouse: duckdb.DuckDBPyConnection, table: str
) -> None:
    # The expected text is compared as values of our columns' types, column by column.
    warehouse.execute(f"create or replace temp view found as {FOUND[table]}")
    typed = _rows(warehouse, "select name, type from pragma_table_info('found')")
    warehouse.execute(
        "create or replace temp view expected as select "
        + ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in typed)
        + f" from read_csv('{expected_file(table)}', all_varchar = true)"
    )

    assert [name for name, _ in typed] == _header(table)
    assert _rows(warehouse, "from expected except all from found") == []
    assert _rows(warehouse, "from found except all from expected") == []


def test_answers_count_for_the_purposes_behind_the_scopes(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    counted = _rows(
        warehouse,
        """
        select purpose, action, count(*) from core.fct_consent_events
        where consent_source = 'cookie_banner' group by all order by all
        """,
    )
    expected = _rows(
        warehouse,
        f"""
        with answers as (
            select event_id, coalesce(consent_scopes, '') as scopes
            from read_csv('{expected_file("consent_log")}', all_varchar = true)
            where event_name = 'consent_preferences'
        )
        select purpose, case when contains(scopes, scope) then 'granted' else 'denied' end as action, count(*)
        from answers, (values ('ads', 'marketing'), ('analytics', 'statistics'), ('personalisation', 'preferences'))
            as purposes (purpose, scope)
        group by all order by all
        """,
    )

    assert counted == expected != []


def _rows(warehouse: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return warehouse.execute(query).fetchall()


def _header(table: str) -> list[str]:
    with Path(expected_file(table)).open(encoding="utf-8") as file:
        return file.readline().strip().split(",")
