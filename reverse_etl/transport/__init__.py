"""The only place that speaks HTTP. What others may use of it is named here.

- client: one connection to one service, and what becomes of a request;
- options: patience, limits, network;
- answers: what a server answered, and what it may mean;
- attempts: the tries of one request;
- auth: who we are;
- urls: what may be asked at all;
- network: names looked up and checked before they are reached.
"""

from reverse_etl.transport.answers import (
    Expired,
    Faulty,
    FeedbackReader,
    OutOfQuota,
    Reader,
    Reading,
    Refused,
    Response,
    Stopped,
    Throttled,
)
from reverse_etl.transport.auth import Auth, Signer, TokenAuth
from reverse_etl.transport.client import HttpClient, json_bytes
from reverse_etl.transport.options import (
    Feedback,
    HttpOptions,
    NoLimit,
    RateLimiter,
    RetryPolicy,
    Secret,
)
from reverse_etl.transport.urls import origin_and_path

__all__ = [
    "Auth",
    "Expired",
    "Faulty",
    "Feedback",
    "FeedbackReader",
    "HttpClient",
    "HttpOptions",
    "NoLimit",
    "OutOfQuota",
    "RateLimiter",
    "Reader",
    "Reading",
    "Refused",
    "Response",
    "RetryPolicy",
    "Secret",
    "Signer",
    "Stopped",
    "Throttled",
    "TokenAuth",
    "json_bytes",
    "origin_and_path",
]
