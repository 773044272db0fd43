#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""docs/protocol/v2.md, tests/golden/v2 and the source say the same, by Python's own json and base64.

The texts that the document shows are the golden ones; all of them are what a strict reader of JSON
and base64url takes, and the broken ones are refused by a checker that was written from the
document alone. Errors and members have the names and numbers of the source. Closes with `N passed,
M failed`.
"""
import base64
import hmac
import json
import pathlib
import re
import subprocess
import tempfile

from docs_support import ROOT

GOLDEN = ROOT / "tests/golden/v2"
DOCUMENT = (ROOT / "docs/protocol/v2.md").read_text()
WEEK = 7 * 24 * 3600
results = []


def check(name, problems):
    problems = list(problems)
    print(f"{'FAIL' if problems else 'ok'} {name}" + "".join(f"\n  {p}" for p in problems[:8]))
    results.append(not problems)


def golden(pattern):
    return sorted(GOLDEN.glob(pattern))


# -- strict readers ----------------------------------------------------------------------------


def once(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a name stands twice")
    return dict(pairs)


def refuse(word):
    raise ValueError(f"{word} is no JSON")


def read_json(text):
    if isinstance(text, bytes):
        text = text.decode()  # UTF-8, strictly
    value = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
    return value


def read_base64url(text, length=None):
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("no base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise ValueError("not canonical")
    if length is not None and len(data) != length:
        raise ValueError(f"{len(data)} bytes")
    return data


# -- the envelope, from the document -----------------------------------------------------------

NAME = r"[A-Za-z0-9._-]{1,64}"


def is_line(value, most):
    return (isinstance(value, str) and 1 <= len(value.encode()) <= most
            and not re.search(r"[\x00-\x1f\x7f-\x9f]", value))


def is_address(value, sends):
    if not isinstance(value, str):
        return False
    if value.startswith("v1/"):
        return is_line(value[3:], 256)
    if re.fullmatch(f"{NAME}/{NAME}", value):
        return sends or not value.startswith("relay/")
    if sends:
        return False
    if value.startswith("topic:"):
        return is_line(value[6:], 256)
    if value.startswith("cap:"):
        return re.fullmatch(NAME, value[4:]) is not None
    return "/" not in value and ":" not in value and is_line(value, 256)


def is_number(value, most, least=0):
    return type(value) is int and least <= value <= most


def is_bytes(value, length):
    try:
        return any(read_base64url(value, length)) or length != 16
    except ValueError:
        return False


def is_media_type(value):
    token = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    return is_line(value, 128) and value.isascii() and re.fullmatch(
        f"{token}/{token}[ \t]*(;.*)?", value) is not None


MEMBERS = {
    "alg": lambda value: value == "HS256",
    "kid": lambda value: value == "group",
    "typ": lambda value: value == "clawlink-msg+jws",
    "from": lambda value: is_address(value, True),
    "to": lambda value: is_address(value, False),
    "id": lambda value: is_bytes(value, 16),
    "iat": lambda value: is_number(value, 253402300799),
    "exp": lambda value: is_number(value, 253402300799),
    "re": lambda value: is_bytes(value, 16),
    "cty": is_media_type,
    "str": lambda value: is_bytes(value, 8),
    "seq": lambda value: is_number(value, 2**53 - 1, 1),
    "thr": lambda value: is_line(value, 128),
    "pri": lambda value: is_number(value, 3),
    "dl": lambda value: is_number(value, 253402300799),
    "root": lambda value: is_bytes(value, 16),
    "hops": lambda value: is_number(value, 255),
    "reply_to": lambda value: is_address(value, False),
}
REQUIRED = {"typ", "from", "to", "id", "iat", "exp"}


def read_envelope(text):
    """Header and body, or ValueError."""
    envelope = read_json(text)
    if not isinstance(envelope, dict) or set(envelope) - {"signature"} != {"protected", "payload"}:
        raise ValueError("not the two members, or three")
    # Its strings stand there as they are, without escapes.
    for name, value in envelope.items():
        if not isinstance(value, str) or f'"{name}"' not in text or f'"{value}"' not in text:
            raise ValueError(f"{name} is no plain string")
    data = read_base64url(envelope["protected"])
    header = read_json(data)
    if len(data) > 2048 or not isinstance(header, dict):
        raise ValueError("the header is too large, or no object")
    if not REQUIRED <= set(header) <= set(MEMBERS):
        raise ValueError("a member is missing or unknown")
    for name, value in header.items():
        if not MEMBERS[name](value):
            raise ValueError(f"{name} is {value!r}")
    rules = (
        ("alg" in header) == ("kid" in header) == ("signature" in envelope),
        "signature" not in envelope or read_base64url(envelope["signature"], 32),
        header["iat"] < header["exp"] <= header["iat"] + WEEK,
        header.get("dl", header["iat"]) >= header["iat"],
        ("str" in header) == ("seq" in header),
        ("root" in header) == ("hops" in header),
        "root" not in header or (header.get("hops") == 0 if header["root"] == header["id"]
                                 else header.get("hops") != 0 or "re" in header),
    )
    if not all(rules):
        raise ValueError("members do not fit each other")
    return header, read_base64url(envelope["payload"])


def is_refused(reader, text):
    try:
        reader(text)
    except ValueError:
        return True
    return False


# -- the checks --------------------------------------------------------------------------------


def check_golden_files():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([GOLDEN / "make", folder], check=True)
        made = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
    kept = {path.name: path.read_bytes() for path in golden("*") if path.name != "make"}
    check("the golden files are what their make writes",
          [name for name in sorted(made.keys() | kept.keys()) if made.get(name) != kept.get(name)])
    check("each golden text is strict JSON and compact",
          [path.name for path in golden("*.json") if json.dumps(
              read_json(path.read_bytes()), separators=(",", ":"),
              ensure_ascii=False).encode() != path.read_bytes()])


def check_base64url():
    problems = []
    for line in (GOLDEN / "base64url.txt").read_text().splitlines():
        data, text = line.split(" ")
        if read_base64url(text) != bytes.fromhex(data):
            problems.append(line)
    check("each golden text of base64url is canonical", problems)


def check_envelopes():
    problems = []
    paths = [path for path in golden("envelope.*.json") if not path.name.endswith(".header.json")]
    for path in paths:
        header, body = read_envelope(path.read_text())
        name = path.name[:-len(".json")]
        if header != read_json((GOLDEN / f"{name}.header.json").read_bytes()):
            problems.append(f"{name}: the header")
        if body != (GOLDEN / f"{name}.body").read_bytes():
            problems.append(f"{name}: the body")
    for path in golden("to_v2.*.json"):
        if not path.name.endswith(".call.json"):
            read_envelope(path.read_text())
    check(f"{len(paths)} golden envelopes keep the rules of the document", problems)
    rows = [line.split("\t") for line in (GOLDEN / "bad_envelopes.txt").read_text().splitlines()]
    check(f"{len(rows)} broken envelopes are refused by them",
          [rule for rule, text in rows if not is_refused(read_envelope, text)])
    check("there are enough of both", [] if len(paths) >= 10 and len(rows) > 150 else ["too few"])


def check_signature():
    """As a receiver would by Signed envelopes, with Python's own hmac."""
    envelope = read_json((GOLDEN / "envelope.signed.json").read_bytes())
    secret, = re.findall(r"^The secret here is `(.*?)`", DOCUMENT, re.MULTILINE)
    prk = hmac.digest(bytes(32), secret.encode(), "sha256")
    key = hmac.digest(prk, b"clawlink hs256 v1\x01", "sha256")
    signed = f"{envelope['protected']}.{envelope['payload']}".encode()
    right = hmac.digest(key, signed, "sha256") == read_base64url(envelope["signature"])
    wrong = hmac.digest(secret.encode(), signed, "sha256") == read_base64url(envelope["signature"])
    check("the signed envelope is signed as the document says", [] if right and not wrong else ["no"])


def check_calls():
    problems = []
    for path in golden("*.call.json"):
        if path.name.startswith("to_v2"):
            continue
        call = read_json(path.read_bytes())
        answer = read_json(path.with_name(path.name.replace(".call.", ".result.")).read_bytes())
        method = path.name[:-len(".call.json")]
        if list(call) != ["jsonrpc", "id", "method", "params"] or call["method"] != method:
            problems.append(f"{path.name} is no call of {method}")
        if list(answer) != ["jsonrpc", "id", "result"] or answer["id"] != call["id"]:
            problems.append(f"{path.name} has no answer")
        if method == "send":
            read_envelope(json.dumps(call["params"]["envelope"]))
    check("each golden call has its answer", problems)
    lines = (GOLDEN / "bad_calls.txt").read_text().splitlines()
    rows = [line.split("\t", 3) for line in lines]
    check(f"of {len(rows)} broken calls just those that are no JSON object say so", [
        text for code, _, _, text in rows
        if (is_refused(read_json, text) or text[:1] not in "{[") != (code == "-32700")])


def shown_lines():
    blocks = re.findall(r"^```json\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return {line for block in blocks for line in block.splitlines()}


def check_document():
    texts = {path.read_text(): path.name for path in golden("*.json")}
    texts[(GOLDEN / "envelope.blob.body").read_text()] = "envelope.blob.body"
    shown = shown_lines()
    check("each text of the document is a golden one",
          [line[:100] for line in shown if line not in texts])
    wanted = [name for text, name in texts.items() if text not in shown and not name.startswith(
        ("to_v", "envelope."))]
    check("each golden call, answer, note and error is in the document", wanted)
    sections = set(re.findall(r"^## (.*)|^### (.*)$", DOCUMENT, re.MULTILINE))
    titles = " ".join(a or b for a, b in sections)
    methods = re.findall(r'X\(\w+,\s+\w+,\s+\w+,\s+"([a-z.]+)"\)',
                         (ROOT / "src/proto/v2.h").read_text())
    check(f"each of {len(methods)} methods has its section",
          [] if len(methods) == 16 else ["there are others"] +
          [method for method in methods if method not in titles])


def check_client():
    """The client of the document, without its network."""
    source, = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    client = {"__name__": "client"}
    exec(compile(source, "v2.md", "exec"), client)
    problems = []
    for number in (1, 2):
        made = client["envelope"]("mini/otto", "Review \u00fc", thr="parser", re=16 * "A" + "BBBBBA")
        header, body = read_envelope(json.dumps(made))
        if body.decode() != "Review \u00fc" or header["seq"] != number:
            problems.append(f"{header} {body}")
        if client["opened"](made) != (header, body):
            problems.append("it does not read what it writes")
    task = read_json((GOLDEN / "envelope.task.json").read_bytes())
    if client["opened"](task)[1] != b"Review the parser":
        problems.append("it does not read the golden envelope")
    check("the client of the document makes envelopes by its rules", problems)


def check_source():
    errors = {}
    for wire, http, retry in re.findall(r'X\(\w+,\s+"(\w+)",\s+(\d+),\s+\d+,\s+(\w+)\)',
                                        (ROOT / "src/base/err.h").read_text()):
        errors[wire] = (http, {"true": "yes", "false": "no"}[retry])
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| (\w+) \|", DOCUMENT, re.MULTILINE)
    check(f"{len(rows)} errors have the numbers of the source",
          ([] if len(rows) > 15 else ["there are too few"]) +
          [f"{row} is {errors.get(row[1])}" for row in rows if errors.get(row[1]) != row[::2]])
    source = (ROOT / "src/proto/v2_shapes.h").read_text() + (
        ROOT / "src/proto/envelope.h").read_text()
    members = set(re.findall(r"F\(S, \w+,\s+\w+,\s+(\w+),", source))
    words = set(re.findall(r'"(\w+)"', (ROOT / "src/proto/v2_words.h").read_text()))
    said = set(re.findall(r"[`\"]([a-z_0-9]+)[`\"]", DOCUMENT))
    check(f"{len(members)} members and {len(words)} words are in the document",
          ([] if len(members) > 60 and len(words) > 20 else ["there are too few"]) +
          sorted((members | words) - said))


def main():
    check_golden_files()
    check_base64url()
    check_envelopes()
    check_signature()
    check_calls()
    check_document()
    check_client()
    check_source()
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
