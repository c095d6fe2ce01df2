"""Messages for the errors of an object store: what happened and what to do, without secrets.

The client's messages have the server's whole response; only the status and the error's name are
shown.
"""

from __future__ import annotations

import re

CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
NO_BUCKET = "there is no such bucket; make it, or check its name and the endpoint"
MEANINGS = (
    ("Account must be specified", "no account is given; set {credentials}"),
    (
        r"169\.254\.169\.254|metadata\.google|IDENTITY_ENDPOINT",
        "no credentials were found; set {credentials}",
    ),
    (
        "NoSuchBucket|ContainerNotFound|The specified bucket does not exist",
        NO_BUCKET,
    ),
    (
        "InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired"
        "|AuthenticationFailed|401 Unauthorized|invalid_grant",
        "the credentials are wrong or have expired; check {credentials}",
    ),
    (
        "BareRedirect|PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint",
        "the bucket lies in another region; set AWS_REGION to it",
    ),
    ("BadScheme", "plain http is refused; use https, or set AWS_ALLOW_HTTP=true on a safe network"),
    (
        "(?i)certificate|UnknownIssuer|InvalidContentType|HandshakeFailure|corrupt message",
        "there is no safe connection (TLS); check the endpoint's certificate, and that it "
        "speaks https",
    ),
    ("dns error", "its host name is not known; check the endpoint and the network"),
    ("kind: Connect", "it cannot be reached; check the endpoint and the network"),
    ("kind: Timeout", "it does not answer; check the network and repeat"),
    ("HTTP error", "the connection broke off; check the network and repeat"),
    ("SlowDown|ServerBusy|503 Service|429 Too", "it is overloaded; repeat later"),
    ("501 Not Implemented|NotImplemented", "it does not know what the log needs of it"),
    (
        "lacked the necessary privileges|403 Forbidden",
        "these credentials have no permission; check {credentials}, and what they may do",
    ),
)
"""Patterns in the client's messages, and the message to show; the first match is used."""
CERTAIN = "Server returned non-2xx status code: 4|BareRedirect|BadScheme|Account must be specified"


def meaning(error: Exception, scheme: str) -> str:
    """Return what happened and what to do about it, in one line."""
    text = str(error)
    credentials = CREDENTIALS.get(scheme, "the credentials")
    for pattern, message in MEANINGS:
        if re.search(pattern, text):
            return message.format(credentials=credentials)
    status = re.search(r"status code: (\d+ [^:\n]+)", text)
    code = re.search(r"<Code>(\w+)</Code>", text)
    if status:
        return f"it answered {status[1]}" + (f" ({code[1]})" if code else "")
    first = text.partition("\n")[0]
    return re.sub(r"\?\S+", "", first)[:200]  # what follows a question mark may be a signature


def nothing_happened(error: Exception) -> bool:
    """Return whether the store certainly did not carry out the request.

    False when the request was repeated: an earlier one may have succeeded and its response been
    lost.
    """
    text = str(error)
    return re.search(CERTAIN, text) is not None and not re.search(r"after [1-9]\d* retries", text)
