"""Sessions, page views and visitors of the open Snowplow sample, through the real models, equal the expected tables.

The sample's own rules are set by variables. Columns of the expected tables that are not compared, and why:
- `event_counts`: how often each kind of event came; `fct_customer_events` and the hits answer that.
- `is_engaged`, `cv_*`: the peer's own score, and its conversions by a rule that we do not have.
- `*_urlscheme`, `*_urlquery`, `*_urlfragment`: parts of an address that stands beside them whole.
- `mkt_source_platform`: no column of the source; the peer reads it from the address.
- `default_channel_group`: ours are channel_group, by a seed of our own.
- `geo_region`, `geo_zipcode`, `geo_latitude`, `geo_longitude`, `geo_timezone`, `*_country_name`, `*_continent`,
  `br_lang_name`: we keep country, region and city of an IP address, and its language, and no more of it.
- `user_ipaddress`, `useragent`: sessions tell bots and our own visits by them, and keep neither.
- `br_*` (but br_lang), `os_*`, `category` and what follows up to `operating_system_version`, `doc_*`, `*_scrolled`,
  `screen_resolution`: the device and the screen, which we do not keep.
- `content_group` of page views: a rule of the peer's site.
- `dvce_created_tstamp`, `collector_tstamp`, `derived_tstamp` of page views: they stand in stg_snowplow__events,
  under the page view's record_key.
- `user_id`, `network_userid` and other columns of page views that describe the visit: they stand in fct_sessions, under the page view's session_key.
"""

from collections.abc import Iterator

import duckdb
import pytest
import yaml

from tests.snowplow_web import PROJECT, build, expected_file, needs_sample

pytestmark = needs_sample

RULES = {
    "max_days": 3,
    "max_sent_delay_days": 3,
    "sources_with_session_id_only": ["snowplow"],
    "is_page_view_needed": True,
    "ping_seconds": 10,
    "ping_lead_seconds": 5,
    "max_gap_seconds": 0,
}

# Expected table: our rows in its columns.
FOUND = {
    "sessions": """
        select sessions.app_id, sessions.platform, sessions.session_id as domain_sessionid,
            sessions.tracker_session_index as domain_sessionidx, sessions.started_at as start_tstamp,
            sessions.ended_at as end_tstamp, sessions.user_id, sessions.visitor_id as domain_userid,
            visitors.last_user_id as stitched_user_id, sessions.network_user_id as network_userid,
            sessions.page_view_count as page_views, sessions.engaged_seconds as engaged_time_in_s,
            sessions.event_count as total_events, sessions.duration_seconds as absolute_time_in_s,
            sessions.landing_page_title as first_page_title, sessions.landing_page_url as first_page_url,
            sessions.landing_page_host as first_page_urlhost, sessions.landing_page_path as first_page_urlpath,
            sessions.exit_page_title as last_page_title, sessions.exit_page_url as last_page_url,
            sessions.exit_page_host as last_page_urlhost, sessions.exit_page_path as last_page_urlpath,
            sessions.referrer_url as referrer, sessions.referrer_host as refr_urlhost,
            sessions.referrer_medium as refr_medium, sessions.referrer_source as refr_source,
            sessions.referrer_term as refr_term, sessions.utm_medium as mkt_medium,
            sessions.utm_source as mkt_source, sessions.utm_term as mkt_term, sessions.utm_content as mkt_content,
            sessions.utm_campaign as mkt_campaign, sessions.click_id as mkt_clickid,
            sessions.click_network as mkt_network, sessions.country_code as geo_country,
            sessions.region_name as geo_region_name, sessions.city as geo_city,
            sessions.last_country_code as last_geo_country, sessions.last_region_name as last_geo_region_name,
            sessions.last_city as last_geo_city, sessions.locale as br_lang, sessions.last_locale as last_br_lang
        from core.fct_sessions as sessions
        left join core.dim_visitors as visitors on sessions.visitor_key = visitors.visitor_key
        """,
    "page_views": """
        select views.page_view_id, views.record_key as event_id, views.app_id, views.platform,
            sessions.visitor_id as domain_userid, sessions.session_id as domain_sessionid,
            sessions.tracker_session_index as domain_sessionidx,
            views.page_view_index as page_view_in_session_index,
            max(views.page_view_index) over (partition by views.session_key) as page_views_in_session,
            views.started_at as start_tstamp, views.ended_at as end_tstamp,
            views.engaged_seconds as engaged_time_in_s,
            date_diff('second', views.started_at, views.ended_at) as absolute_time_in_s,
            views.page_title, views.page_url, views.page_host as page_urlhost, views.page_path as page_urlpath,
            views.referrer_url as page_referrer, views.referrer_host as refr_urlhost
        from core.fct_page_views as views
        inner join core.fct_sessions as sessions on views.session_key = sessions.session_key
        """,
    "users": """
        select first_user_id as user_id, visitor_id as domain_userid, first_network_user_id as network_userid,
            first_seen_at as start_tstamp, last_seen_at as end_tstamp, page_view_count as page_views,
            session_count as sessions, engaged_seconds as engaged_time_in_s,
            first_page_title, first_page_url, last_page_title, last_page_url,
            first_referrer_url as referrer, first_referrer_host as refr_urlhost,
            first_utm_medium as mkt_medium, first_utm_source as mkt_source, first_utm_term as mkt_term,
            first_utm_content as mkt_content, first_utm_campaign as mkt_campaign, first_click_id as mkt_clickid,
            first_click_network as mkt_network, first_country_code as first_geo_country,
            last_country_code as last_geo_country
        from core.dim_visitors
        """,
    "base_quarantined_sessions": "select session_id from core.fct_quarantined_sessions",
}


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    path = build(
        tmp_path_factory.mktemp("snowplow"),
        as_of="2023-03-01",
        settings={"session_rules": {**project["vars"]["session_rules"], **RULES}},
    )
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("table", FOUND)
def test_tables_equal_the_expected_ones(
    warehouse: duckdb.DuckDBPyConnection, table: str
) -> None:
    # The expected text is compared as values of our columns' types, column by column.
    warehouse.execute(f"create or replace temp view found as {FOUND[table]}")
    typed = warehouse.execute(
        "select name, type from pragma_table_info('found')"
    ).fetchall()
    warehouse.execute(
        "create or replace temp view expected as select "
        + ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in typed)
        + f" from read_csv('{expected_file(table)}', all_varchar = true)"
    )

    missing = warehouse.execute("from expected except all from found").fetchall()
    surplus = warehouse.execute("from found except all from expected").fetchall()
    assert missing == []
    assert surplus == []
    assert warehouse.execute("select count(*) from found").fetchall() != [(0,)]
