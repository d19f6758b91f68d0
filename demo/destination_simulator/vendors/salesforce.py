"""A simulated Salesforce org: collections, a little SOQL, and jobs of the Bulk API 2.0.

Any object is there unless its name begins with "Missing", and takes any field but those
that begin with "Unknown". A contact or lead needs a last name. External ids, whose names
end with "Key__c" or "Id__c", are unique and compare without case. The client secret is the
token that the org gives out.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError
from demo.destination_simulator.vendor import (
    Call,
    Hold,
    Route,
    Vendor,
    Window,
    WrongRequest,
)

JOB_S = 2.0
"""How long a job runs."""

_BASE = "/services/data/{version}"
_TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  an address
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SELECT = re.compile(r"SELECT Id, (\w+) FROM (\w+) WHERE \1 IN \((.*)\)", re.DOTALL)
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "Account": ("Name",),
    "Contact": ("LastName",),
    "Lead": ("LastName", "Company"),
}
_PREFIXES = {"Account": "001", "Contact": "003", "Lead": "00Q"}
_BIN = "recycle bin"


def _token(hold: Hold, call: Call) -> Answer:
    del hold
    # Only who gave the right secret gets here, see `_is_authorised`.
    secret = dict(parse_qsl(call.body.decode())).get("client_secret", "")
    return Answer(
        200,
        {
            "access_token": secret,
            "token_type": "Bearer",
            "instance_url": call.base_url,
            "issued_at": "1782820800000",
        },
    )


def _upsert(hold: Hold, call: Call) -> Answer:
    object_name, field = _object(call), call.params["field"]
    return _each(call, lambda row: _upsert_row(hold, object_name, field, _fields(row)))


def _create(hold: Hold, call: Call) -> Answer:
    return _each(call, lambda row: _create_row(hold, _type(row), _fields(row)))


def _update(hold: Hold, call: Call) -> Answer:
    return _each(
        call,
        lambda row: _update_row(hold, _type(row), str(row.get("id")), _fields(row)),
    )


def _delete(hold: Hold, call: Call) -> Answer:
    ids = call.query["ids"].split(",")
    return Answer(200, [_delete_row(hold, record_id) for record_id in ids])


def _query(hold: Hold, call: Call) -> Answer:
    found = _SELECT.fullmatch(call.query.get("q", ""))
    if found is None:
        raise _refused(400, "MALFORMED_QUERY", "unexpected token")
    field, object_name, texts = found.groups()
    wanted = {re.sub(r"\\(.)", r"\1", text).casefold() for text in _TEXT.findall(texts)}
    records: list[Json] = [
        {
            "attributes": {"type": object_name},
            "Id": record_id,
            field: held[field],
        }
        for record_id, held in hold.collection(object_name).items()
        if str(held.get(field, "")).casefold() in wanted
    ]
    return Answer(200, {"totalSize": len(records), "done": True, "records": records})


def _create_job(hold: Hold, call: Call) -> Answer:
    body = call.json()
    if not isinstance(body, dict):
        raise _refused(400, "JSON_PARSER_ERROR", "not an object")
    if str(body["object"]).startswith("Missing"):
        raise _refused(400, "INVALIDENTITY", "not supported by the Bulk API")
    job_id = f"750{int(hold.new_id()):015d}"
    hold.jobs[job_id] = {
        "id": job_id,
        "state": "Open",
        "apiVersion": 64.0,
        "numberRecordsProcessed": 0,
        "numberRecordsFailed": 0,
        **body,
    }
    return Answer(200, _shown(hold.jobs[job_id]))


def _fill_job(hold: Hold, call: Call) -> Answer:
    job = _job(hold, call)
    if job["state"] != "Open":
        raise _refused(400, "INVALIDJOBSTATE", "the job is not open")
    if "_content" in job:
        raise _refused(
            400, "CLIENTINPUTERROR", "Found multiple contents for job, PUT once"
        )
    job["_content"] = call.body.decode()
    return Answer(201, None)


def _close_job(hold: Hold, call: Call) -> Answer:
    job = _job(hold, call)
    body = call.json()
    state = body.get("state") if isinstance(body, dict) else None
    if job["state"] != "Open":
        raise _refused(400, "INVALIDJOBSTATE", "the job is not open")
    if state == "UploadComplete" and "_content" not in job:
        raise _refused(400, "INVALIDJOBSTATE", "the job has no content")
    job["state"] = str(state)
    job["_ready_at"] = hold.now() + JOB_S
    return Answer(200, _shown(job))


def _show_job(hold: Hold, call: Call) -> Answer:
    job = _job(hold, call)
    if job["state"] == "UploadComplete" and hold.now() >= float(str(job["_ready_at"])):
        _run_job(hold, job)
    return Answer(200, _shown(job))


def _run_job(hold: Hold, job: Record) -> None:
    text = str(job["_content"])
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    columns = list(reader.fieldnames or ())
    if any(column.startswith("Unknown") for column in columns):
        job["state"] = "Failed"
        job["errorMessage"] = "InvalidBatch : Field name not found"
        return
    done: list[list[str]] = []
    failed: list[list[str]] = []
    for row in reader:
        result = _run_row(hold, job, row)
        cells = [row[column] for column in columns]
        record_id = str(result.get("id") or "")
        errors = result["errors"]
        if result["success"] and isinstance(result.get("created", False), bool):
            created = "true" if result.get("created") else "false"
            done.append([record_id, created, *cells])
        elif isinstance(errors, list) and isinstance(errors[0], dict):
            error = errors[0]
            fields = error.get("fields")
            named = ",".join(map(str, fields)) if isinstance(fields, list) else ""
            failed.append(
                [
                    record_id,
                    f"{error['statusCode']}:{error['message']}:{named} --",
                    *cells,
                ]
            )
    job["state"] = "JobComplete"
    job["numberRecordsProcessed"] = len(done) + len(failed)
    job["numberRecordsFailed"] = len(failed)
    results = {
        "successfulResults": (["sf__Id", "sf__Created", *columns], done),
        "failedResults": (["sf__Id", "sf__Error", *columns], failed),
        "unprocessedrecords": (columns, []),
    }
    for kind, (head, rows) in results.items():
        content = io.StringIO()
        # Results come in an order of their own.
        csv.writer(content, lineterminator="\n").writerows([head, *reversed(rows)])
        job[f"_{kind}"] = content.getvalue()


def _run_row(hold: Hold, job: Record, row: Mapping[str, str]) -> Record:
    object_name, fields = str(job["object"]), dict(_read_cells(row))
    match job["operation"]:
        case "upsert":
            external = str(job["externalIdFieldName"])
            return _upsert_row(hold, object_name, external, fields)
        case "insert":
            return _create_row(hold, object_name, fields)
        case "update":
            return _update_row(hold, object_name, str(fields.pop("Id")), fields)
        case "hardDelete":
            return _delete_row(hold, row["Id"], is_hard=True)
        case _:
            return _delete_row(hold, row["Id"])


def _read_cells(row: Mapping[str, str]) -> Iterator[tuple[str, Json]]:
    """An empty cell leaves a field as it is, #N/A clears it."""
    for name, text in row.items():
        if text == "":
            continue
        relationship, _, field = name.partition(".")
        value: Json = None if text == "#N/A" else text
        yield relationship, {field: value} if field else value


def _results(hold: Hold, call: Call) -> Answer:
    content = _job(hold, call).get(f"_{call.params['results']}")
    if content is None:
        raise _refused(404, "NOT_FOUND", "no such results")
    return Answer(200, None, {"content-type": "text/csv"}, str(content).encode())


def _each(call: Call, write: Callable[[Record], Record]) -> Answer:
    body = call.json()
    rows = body.get("records") if isinstance(body, dict) else None
    results: list[Json] = (
        [write(row) for row in rows or () if isinstance(row, dict)]
        if isinstance(rows, list)
        else []
    )
    return Answer(200, results)


def _upsert_row(hold: Hold, object_name: str, field: str, row: Record) -> Record:
    value = row.get(field)
    if value is None or value == "":
        return _failure("MISSING_ARGUMENT", "no external id", field)
    held = hold.collection(object_name)
    if field == "Id":
        known = {name: each for name, each in row.items() if name != "Id"}
        return _update_row(hold, object_name, str(value), known)
    ids = [
        record_id
        for record_id, record in held.items()
        if str(record.get(field, "")).casefold() == str(value).casefold()
    ]
    if len(ids) > 1:
        return _failure("DUPLICATE_EXTERNAL_ID", "more than one record", field)
    if not ids:
        return _create_row(hold, object_name, row)
    written = _update_row(hold, object_name, ids[0], row)
    return {**written, "created": False} if written["success"] else written


def _create_row(hold: Hold, object_name: str, row: Record) -> Record:
    for name in _REQUIRED.get(object_name, ()):
        if not row.get(name):
            return _failure("REQUIRED_FIELD_MISSING", f"missing: [{name}]", name)
    problem = _problem(hold, object_name, row, None)
    if problem is not None:
        return problem
    record_id = f"{_PREFIXES.get(object_name, 'a00')}{int(hold.new_id()):015d}"
    kept: Record = {name: value for name, value in row.items() if value is not None}
    hold.collection(object_name)[record_id] = kept
    return {"id": record_id, "success": True, "errors": [], "created": True}


def _update_row(hold: Hold, object_name: str, record_id: str, row: Record) -> Record:
    held = hold.collection(object_name).get(record_id)
    if held is None:
        code = (
            "ENTITY_IS_DELETED"
            if record_id in hold.collection(_BIN)
            else "INVALID_CROSS_REFERENCE_KEY"
        )
        return _failure(code, "no such record", None)
    for name in _REQUIRED.get(object_name, ()):
        if row.get(name, "") is None:
            return _failure("REQUIRED_FIELD_MISSING", f"missing: [{name}]", name)
    problem = _problem(hold, object_name, row, record_id)
    if problem is not None:
        return problem
    merged = {**held, **row}
    hold.collection(object_name)[record_id] = {
        name: value for name, value in merged.items() if value is not None
    }
    return {"id": record_id, "success": True, "errors": []}


def _delete_row(hold: Hold, record_id: str, *, is_hard: bool = False) -> Record:
    for object_name, held in hold.records.items():
        if object_name != _BIN and record_id in held:
            code = hold.refuse({"id": record_id, **held[record_id]})
            if code is not None:
                return _failure(code, "refused", None)
            gone = held.pop(record_id)
            if is_hard:
                hold.erased.add(record_id)
            else:
                hold.collection(_BIN)[record_id] = gone
            return {"id": record_id, "success": True, "errors": []}
    return _failure("ENTITY_IS_DELETED", "entity is deleted", None)


def _problem(
    hold: Hold, object_name: str, row: Record, record_id: str | None
) -> Record | None:
    """Why a row is refused, when it is."""
    refused = hold.refuse(row)
    if refused is not None:
        return _failure(refused, "refused", None)
    for name, value in row.items():
        if name == "Email" and value and not _EMAIL.fullmatch(str(value)):
            return _failure("INVALID_EMAIL_ADDRESS", f"{value!r} is invalid", name)
        if name.startswith("Unknown"):
            return _failure("INVALID_FIELD", f"No such column '{name}'", name)
        if isinstance(value, str) and len(value) > 32_000:
            return _failure("STRING_TOO_LONG", f"{value[:9]}… is too long", name)
        if isinstance(value, dict) and not _has_parent(hold, name, value):
            return _failure("INVALID_FIELD", "Foreign key external ID not found", name)
        if name.endswith(("Key__c", "Id__c")) and any(
            other_id != record_id
            and str(other.get(name)).casefold() == str(value).casefold()
            for other_id, other in hold.collection(object_name).items()
        ):
            return _failure("DUPLICATE_VALUE", f"duplicates {value!r}", name)
    return None


def _has_parent(hold: Hold, object_name: str, named: Record) -> bool:
    (field, value), *_ = named.items()
    return any(
        held.get(field) == value for held in hold.collection(object_name).values()
    )


def _failure(code: str, message: str, field: str | None) -> Record:
    return {
        "success": False,
        "errors": [
            {
                "statusCode": code,
                "message": message,
                "fields": [] if field is None else [field],
            }
        ],
    }


def _fields(row: Record) -> Record:
    """What a row says of its record: an empty text is the same as none."""
    return {
        name: None if value == "" else value
        for name, value in row.items()
        if name not in ("attributes", "id")
    }


def _type(row: Record) -> str:
    attributes = row["attributes"]
    name = str(attributes.get("type")) if isinstance(attributes, dict) else ""
    if name.startswith("Missing"):
        raise _refused(400, "INVALID_TYPE", "no such object")
    return name


def _object(call: Call) -> str:
    if call.params["object"].startswith("Missing"):
        raise _refused(404, "NOT_FOUND", "The requested resource does not exist")
    return call.params["object"]


def _job(hold: Hold, call: Call) -> Record:
    job = hold.jobs.get(call.params["job"])
    if job is None:
        raise _refused(404, "NOT_FOUND", "The requested resource does not exist")
    return job


def _shown(job: Record) -> Record:
    return {name: value for name, value in job.items() if not name.startswith("_")}


def _refused(status: int, code: str, message: str) -> RefusedError:
    return RefusedError(status, code, [{"errorCode": code, "message": message}])


def _is_authorised(call: Call, token: str) -> bool:
    if call.path == _TOKEN_PATH:
        return call.form().get("client_secret") == token
    return call.headers.get("authorization") == f"Bearer {token}"


def _environ(url: str, token: str) -> Mapping[str, str]:
    return {
        "KENNING_SALESFORCE_URL": url,
        "KENNING_SALESFORCE_CLIENT_ID": "simulated-app",
        "KENNING_SALESFORCE_CLIENT_SECRET": token,
    }


_SOBJECTS = f"{_BASE}/composite/sobjects"
_JOBS = f"{_BASE}/jobs/ingest"
_NO_ROWS: Json = {"allOrNone": False, "records": {"LastName": "Ada"}}

VENDOR = Vendor(
    name="salesforce",
    routes=(
        Route("token", "POST", _TOKEN_PATH, _token, limit_group="token"),
        Route(
            "upsert",
            "PATCH",
            f"{_SOBJECTS}/{{object}}/{{field}}",
            _upsert,
            canary=WrongRequest(
                _NO_ROWS,
                path="/services/data/v64.0/composite/sobjects/Contact/Key__c",
            ),
        ),
        Route(
            "create",
            "POST",
            _SOBJECTS,
            _create,
            canary=WrongRequest(
                _NO_ROWS, path="/services/data/v64.0/composite/sobjects"
            ),
        ),
        Route(
            "update",
            "PATCH",
            _SOBJECTS,
            _update,
            canary=WrongRequest(
                {"records": [{"attributes": {"type": "Contact"}, "LastName": "Ada"}]},
                path="/services/data/v64.0/composite/sobjects",
            ),
        ),
        Route(
            "delete",
            "DELETE",
            _SOBJECTS,
            _delete,
            canary=WrongRequest(None, path="/services/data/v64.0/composite/sobjects"),
        ),
        Route("query", "GET", f"{_BASE}/query", _query),
        Route(
            "create_job",
            "POST",
            _JOBS,
            _create_job,
            canary=WrongRequest(
                {"object": "Contact", "operation": "upsert"},
                path="/services/data/v64.0/jobs/ingest",
            ),
        ),
        Route(
            "fill_job",
            "PUT",
            f"{_JOBS}/{{job}}/batches",
            _fill_job,
            canary=WrongRequest(
                {"Id": "1"}, path="/services/data/v64.0/jobs/ingest/750/batches"
            ),
        ),
        Route(
            "close_job",
            "PATCH",
            f"{_JOBS}/{{job}}",
            _close_job,
            canary=WrongRequest(
                {"state": "JobComplete"}, path="/services/data/v64.0/jobs/ingest/750"
            ),
        ),
        Route("show_job", "GET", f"{_JOBS}/{{job}}", _show_job),
        Route("results", "GET", f"{_JOBS}/{{job}}/{{results}}", _results),
    ),
    environ=_environ,
    is_authorised=_is_authorised,
    unauthorised=_refused(
        401, "INVALID_SESSION_ID", "Session expired or invalid"
    ).answer,
    throttled=lambda _: (
        _refused(
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        ).answer
    ),
    out_of_quota=_refused(
        403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."
    ).answer,
    limits=(Window(25, 0.0), Window(100_000, 86_400.0)),
    headers=lambda _: {"sforce-limit-info": "api-usage=18/100000"},
    failed_job={
        "state": "Failed",
        "errorMessage": "ExceededQuota : the job was stopped",
    },
)
