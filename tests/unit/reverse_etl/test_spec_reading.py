"""What an exposure's meta.sync may say, and how each mistake is refused."""

from dataclasses import replace

import pytest

from reverse_etl.errors import SpecError
from reverse_etl.modes import Mode, Removal
from reverse_etl.spec import (
    Association,
    Cast,
    FieldMapping,
    Guards,
    InDoubt,
    MatchMapping,
    Nulls,
)
from reverse_etl.spec_reading import (
    FIELD_SETTINGS,
    GUARD_SETTINGS,
    MATCH_SETTINGS,
    SETTINGS,
    parse_sync,
    sync_specs,
)
from warehouse.manifest import ColumnInfo, Exposure, Json, Manifest, Model
from warehouse.values import Relation

PATH = "models/activation/_activation__exposures.yml"

SYNC: dict[str, Json] = {
    "destination": "mailer",
    "object": "contacts",
    "mode": "mirror",
    "key": "customer_id",
    "purpose": "email_marketing",
    "mapping": {"email": "email", "list": {"constant": "vips"}},
}


def column(name: str, pii: str | None = "none") -> ColumnInfo:
    return ColumnInfo(name, "text", "", pii)


MODEL = Model(
    unique_id="model.kenning.sync_mailer__vips",
    name="sync_mailer__vips",
    relation=Relation("activation", "sync_mailer__vips"),
    layer="activation",
    description="",
    group="activation",
    access="public",
    materialized="table",
    is_contracted=True,
    columns={
        "customer_id": column("customer_id"),
        "email": column("email", "email"),
        "country_code": column("country_code"),
    },
    depends_on=(),
    path="models/activation/sync_mailer__vips.sql",
)


def exposure(sync: dict[str, Json] | None, name: str = "mailer__vips") -> Exposure:
    return Exposure(
        unique_id=f"exposure.kenning.{name}",
        name=name,
        label=None,
        description="",
        owner_name=None,
        owner_email=None,
        depends_on=(MODEL.unique_id,),
        tags=("sync",),
        sync=sync,
        path=PATH,
    )


def manifest(*exposures: Exposure) -> Manifest:
    return Manifest(
        project_name="kenning",
        dbt_version="1.12.6",
        generated_at="2026-06-30T00:00:00Z",
        models={MODEL.name: MODEL},
        sources={},
        exposures={entry.name: entry for entry in exposures},
    )


def parsed(**changes: Json):
    settings = {name: value for name, value in (SYNC | changes).items() if value != "—"}
    return parse_sync(exposure(settings), manifest())


def test_parse_sync_reads_every_setting():
    spec = parsed(guards={"max_remove_rate": 0.3, "allow_empty": True})

    assert (spec.name, spec.model, spec.path) == (
        "mailer__vips",
        "sync_mailer__vips",
        PATH,
    )
    assert spec.relation == Relation("activation", "sync_mailer__vips")
    assert (spec.destination, spec.object, spec.key) == (
        "mailer",
        "contacts",
        "customer_id",
    )
    assert spec.mode is Mode.MIRROR
    assert spec.mapping == (
        FieldMapping("email", column="email"),
        FieldMapping("list", constant="vips"),
    )
    assert spec.purpose == "email_marketing"
    assert spec.guards == Guards(
        max_remove_rate=0.3, max_change_rate=0.5, allow_empty=True
    )


def test_parse_sync_reads_every_way_to_map_a_field():
    spec = parsed(
        mapping={
            "email": {"from": "email", "hash": "meta.email"},
            "properties.country": {"from": "country_code", "nulls": "clear"},
            "greeting": {"template": "Hi {email} {{now}}"},
            "since": {"from": "country_code", "as": "date", "first_write_only": True},
        }
    )

    assert spec.mapping == (
        FieldMapping("email", column="email", normaliser="meta.email"),
        FieldMapping("properties.country", column="country_code", nulls=Nulls.CLEAR),
        FieldMapping("greeting", template="Hi {email} {{now}}"),
        FieldMapping(
            "since",
            column="country_code",
            cast=Cast.DATE,
            is_first_write_only=True,
        ),
    )
    assert spec.columns == ("email", "country_code")


def test_parse_sync_reads_what_a_list_needs():
    spec = parsed(
        mapping="—",
        settings={"list_id": 12, "quiet": True},
        match={"email": {"from": "email", "hash": "meta.email", "hashed": True}},
        associations={"country": "country_code"},
        on_remove="remove",
        on_withdrawal="delete",
        in_doubt="skip",
        refresh_after_days=90,
        default_region="NO",
    )

    assert spec.mapping == ()
    assert spec.settings == {"list_id": "12", "quiet": "true"}
    assert spec.match == (
        MatchMapping("email", "email", normaliser="meta.email", is_hashed=True),
    )
    assert spec.associations == (Association("country", "country_code"),)
    assert (spec.on_removal, spec.on_withdrawal) == (Removal.REMOVE, Removal.DELETE)
    assert spec.in_doubt is InDoubt.SKIP
    assert (spec.refresh_after_days, spec.default_region) == (90, "NO")
    assert spec.public_columns == {"customer_id", "country_code"}


def test_sync_specs_are_those_with_meta_sync_by_name():
    specs = sync_specs(
        manifest(
            exposure(SYNC, "mailer__vips"),
            exposure(None, "dashboard"),
            exposure(SYNC, "files__vips"),
        )
    )

    assert [spec.name for spec in specs] == ["files__vips", "mailer__vips"]


def test_columns_are_those_mapped_each_once():
    spec = parsed(
        mapping={"email": "email", "address": "email", "list": {"constant": 1}}
    )

    assert spec.columns == ("email",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"destnation": "x"}, "no setting 'destnation'. Did you mean 'destination'?"),
        (
            {"mode": "sideways"},
            "mode 'sideways' is not one. There are: upsert, insert, update, mirror",
        ),
        ({"mode": "miror"}, "Did you mean 'mirror'?"),
        ({"destination": "—"}, "'destination' is missing"),
        ({"object": "Con tacts"}, "object 'Con tacts' is not a name"),
        ({"object": "../leads"}, "object '../leads' is not a name"),
        ({"key": "custmer_id"}, "column 'custmer_id'"),
        ({"key": "custmer_id"}, "Did you mean 'customer_id'?"),
        ({"mapping": {}}, "'mapping' is empty or no map"),
        ({"mapping": {"email": "emial"}}, "mapping.email names column 'emial'"),
        ({"mapping": {"customer_id": "email"}}, "'customer_id', which is the key"),
        ({"mapping": {"a": ["email"]}}, "mapping.a is neither"),
        ({"mapping": {"a": {"constnt": 1}}}, "Did you mean 'constant'?"),
        ({"mapping": {"a": {"constant": [1]}}}, "a.constant is text, a number"),
        ({"mapping": {"a": {}}}, "mapping.a has 0 of from, constant and template"),
        (
            {"mapping": {"a": {"from": "email", "constant": 1}}},
            "mapping.a has 2 of from, constant and template",
        ),
        ({"mapping": {"a": {"from": "emial"}}}, "Did you mean 'email'?"),
        ({"mapping": {"a": {"from": ["email"]}}}, "a.from is not a column's name"),
        ({"mapping": {"a": "email", "a.b": "email"}}, "lies inside mapping.a"),
        ({"mapping": {"a..b": "email"}}, "empty part between its dots"),
        (
            {"mapping": {"a": {"from": "email", "nulls": "keep"}}},
            "nulls 'keep' is not one. There are: ignore, clear",
        ),
        (
            {"mapping": {"a": {"from": "email", "as": "int"}}},
            "Did you mean 'integer'?",
        ),
        (
            {"mapping": {"a": {"from": "email", "hash": "meta.emial"}}},
            "Did you mean 'meta.email'?",
        ),
        ({"mapping": {"a": {"from": "email", "hashed": True}}}, "hashed needs hash"),
        ({"mapping": {"a": {"template": "no column"}}}, "at least one {column}"),
        ({"mapping": {"a": {"template": "{email"}}}, "at least one {column}"),
        ({"mapping": {"a": {"template": "{emial}"}}}, "Did you mean 'email'?"),
        ({"match": ["email"]}, "'match' is a map"),
        ({"match": {"email": 1}}, "match.email is neither a column nor a map"),
        ({"match": {"email": "emial"}}, "match.email names column 'emial'"),
        ({"match": {"email": {"from": "email", "nulls": "clear"}}}, "no setting under"),
        ({"associations": {"company": 1}}, "associations.company is not a column's"),
        ({"settings": {"list_id": ["1"]}}, "settings.list_id is not text"),
        ({"on_remove": "erase"}, "on_remove 'erase' is not one"),
        ({"on_withdrawal": "forget"}, "on_withdrawal 'forget' is not one"),
        ({"in_doubt": "retry"}, "in_doubt 'retry' is not one"),
        ({"refresh_after_days": 0}, "a number of days, 1 or more"),
        ({"refresh_after_days": 9, "mode": "append"}, "would be told again"),
        ({"default_region": "Norway"}, "a country's two letters"),
        ({"guards": {"max_growth_rate": -1}}, "is a share, 0 or more"),
        ({"guards": {"min_held_rows": -1}}, "is a number of rows"),
        ({"purpose": "—"}, "'purpose' is missing"),
        ({"purpose": ""}, "'purpose' is missing"),
        ({"purpose": "none"}, "add `personal_data: false`"),
        ({"personal_data": False}, "contradicts purpose 'email_marketing'"),
        ({"personal_data": "no"}, "'personal_data' is true or false"),
        (
            {"purpose": "none", "personal_data": False},
            "marks as personal: email (email)",
        ),
        ({"guards": {"max_remove_pct": 5}}, "Did you mean 'max_remove_rate'?"),
        ({"guards": {"max_remove_rate": 5}}, "is a share between 0 and 1"),
        ({"guards": {"max_change_rate": True}}, "is a share between 0 and 1"),
        ({"guards": {"max_change_rate": float("nan")}}, "is a share between 0 and 1"),
        ({"guards": {"allow_empty": "yes"}}, "allow_empty is true or false"),
        ({"guards": []}, "'guards' is a map"),
    ],
)
def test_parse_sync_refuses_and_says_where(changes, message):
    with pytest.raises(SpecError) as caught:
        parsed(**changes)

    assert message in str(caught.value)
    assert str(caught.value).startswith(f"Sync 'mailer__vips' in {PATH}: ")
    assert caught.value.exit_code == 2


def test_model_without_documented_columns_is_told_where_they_go():
    bare = replace(MODEL, columns={})

    with pytest.raises(SpecError) as caught:
        parse_sync(exposure(SYNC), replace(manifest(), models={bare.name: bare}))

    assert "sync_mailer__vips documents no columns. List them under `models:`" in str(
        caught.value
    )


def test_parse_sync_without_personal_data_needs_no_purpose():
    spec = parsed(
        purpose="none", personal_data=False, mapping={"country": "country_code"}
    )

    assert spec.purpose is None


def test_parse_sync_with_a_purpose_needs_the_customer_of_each_row():
    model = Model(
        **{
            **{name: getattr(MODEL, name) for name in Model.__slots__},
            "columns": {"email": column("email", "email")},
        }
    )
    incomplete = Manifest("kenning", "1.12.6", "", {model.name: model}, {}, {})

    with pytest.raises(SpecError, match="purpose names column 'customer_id'"):
        parse_sync(
            exposure(SYNC | {"key": "email", "mapping": {"e": "email"}}), incomplete
        )


def test_parse_sync_of_two_models_is_refused():
    two = Exposure(
        **{
            **{name: getattr(exposure(SYNC), name) for name in Exposure.__slots__},
            "depends_on": ("model.kenning.a", "model.kenning.b"),
        }
    )

    with pytest.raises(SpecError, match="depends on 2 nodes"):
        parse_sync(two, manifest())


@pytest.mark.parametrize(
    "setting", sorted({*SETTINGS, *FIELD_SETTINGS, *MATCH_SETTINGS, *GUARD_SETTINGS})
)
def test_every_setting_is_explained(setting, project_root):
    page = (project_root / "docs" / "how-to" / "add-a-sync.md").read_text("utf-8")

    assert f"| `{setting}` |" in page
