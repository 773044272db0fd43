#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""docs/protocol/agent-link-v1.md, tests/golden/agent_link and the source say the same, by Python's
own json and hmac: the frames that the page shows are the golden ones, signed as it says; its frames,
members, errors and limits are those of the source; its calls for the shell and its client run
against a relay as they stand there. Closes with `N passed, M failed`.
"""
import asyncio
import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import subprocess
import tempfile

from docs_support import CLAWLINK, ROOT

GOLDEN = ROOT / "tests/golden/agent_link"
PAGE = (ROOT / "docs/protocol/agent-link-v1.md").read_text()
WAIT = 15
results = []


def check(name, problems):
    problems = list(problems)
    print(f"{'FAIL' if problems else 'ok'} {name}" + "".join(f"\n  {p}" for p in problems[:8]))
    results.append(not problems)


def rows(name):
    return dict(line.split("\t", 1) for line in (GOLDEN / name).read_text().split("\n") if line)


def boxes(kind):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [box for what, box in found if what == kind]


def table(title):
    """The cells of the rows of a section's tables, without those of the heading."""
    part = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    found, = [text for text in part if text.startswith(title + "\n")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in found.splitlines() if line.startswith("|")]
    return [row for row in cells if not row[0].startswith("---")][1:]


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


# -- frames ------------------------------------------------------------------------------------


def check_golden_files():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([GOLDEN / "make", folder], check=True)
        made = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
    kept = {path.name: path.read_bytes() for path in GOLDEN.iterdir() if path.name != "make"}
    check("the golden files are what their make writes",
          [name for name in sorted(made.keys() | kept.keys()) if made.get(name) != kept.get(name)])


def check_frames():
    calls, notes = rows("calls.txt"), rows("notes.txt")
    texts = {*calls.values(), *rows("calls_our.txt").values(), *notes.values(),
             (GOLDEN / "client.json").read_text()}
    shown = [line for box in boxes("json") for line in box.splitlines()]
    check(f"each of {len(shown)} texts of the page is a golden one",
          [line[:100] for line in shown if line not in texts])
    seen = {json.loads(line).get("type") for line in shown}
    wanted = {json.loads(text)["type"] for text in (*calls.values(), *notes.values())}
    check("a frame of each type is shown", wanted - seen)
    same = rows("calls_our.txt")
    check("both forms of a frame say the same",
          [name for name, text in calls.items() if json.loads(text) != json.loads(same[name])])


def check_types():
    source = (ROOT / "src/proto/agent_link.c").read_text()
    for title, name in (("Client to relay", "call_types"), ("Relay to client", "note_types")):
        told = {words(row[0])[0]: set(words(row[1])) for row in table(title)}
        listed = re.search(rf"{name}\[\w*\] = \{{(.*?)\}};", source, re.DOTALL)[1]
        check(f"{title}: the types of the source",
              set(told) ^ set(re.findall(r'CL_STR_INIT\("(\w+)"\)', listed)))
        golden = rows("calls.txt" if name == "call_types" else "notes.txt")
        check(f"{title}: their members", [text[:100] for text in golden.values()
              if set(json.loads(text)) - {"type"} != told[json.loads(text)["type"]]])


def check_signatures():
    secret, time = re.search(r"The secret\nin them is `(.*?)`, .* showed `(.*?)`", PAGE).groups()
    texts = {words(row[0])[0]: words(row[1])[0] for row in table("Signatures")}
    problems = []
    for name, text in rows("calls.txt").items():
        frame = json.loads(text)
        members = {**frame, "time": time}
        signed = re.sub("<(.*?)>", lambda match: members[match[1]], texts[frame["type"]])
        right = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        problems += [] if frame["signature"] == right else [name]
    check("golden frames are signed as the page says", problems)
    info = re.search(r"with the info `(.*?)`", PAGE)[1]
    token = re.search(r"`instance-001` it is\n`(.*?)`", PAGE)[1]
    key = hmac.digest(bytes(32), secret.encode(), "sha256")
    made = hmac.digest(key, info.encode() + b"instance-001\x01", "sha256")
    check("the token is made as the page says",
          [] if base64.urlsafe_b64encode(made).decode().rstrip("=") == token ==
          rows("tokens.txt")["instance-001"] else [token])


# -- numbers and names -------------------------------------------------------------------------

# Rows of the page's limits: their constants, and what one of theirs is in the source.
LIMITS = (("CL_AL_PORT",), ("CL_AL_FRAME_BYTES_MAX",), ("CL_AL_INCOMING_BYTES_MAX",),
          ("CL_AL_REGISTER_BYTES_MAX",), ("CL_AL_CLOCK_S",), ("CL_AL_SEEN_MS",),
          ("CL_AL_PROVEN_MS",), ("CL_AL_SEARCHES_PER_ADDRESS", "CL_AL_SEARCHES_IN_ALL"),
          ("CL_AL_CONNS_MAX",), ("CL_AL_PASSES_MAX",), ("CL_PASS_MESSAGES_MAX",),
          ("CL_PASS_LIFE_MS",), ("CL_AL_INSTANCES_MAX", "CL_AL_AGENTS_MAX"),
          ("CL_AL_KEY_BYTES_MAX",))
UNITS = {"hours": 3600 * 1000, "seconds that a message": 1000}


def constant(name):
    text = re.search(rf"^#define {name}\s+(.*)$", (ROOT / "src/base/limits.h").read_text(),
                     re.MULTILINE)[1]
    return eval(re.sub(r"(\d)LL", r"\1", text), {"CL_KIB": 1 << 10, "CL_MIB": 1 << 20})


def check_limits():
    told = table("Limits")
    problems = [] if len(told) == len(LIMITS) else ["other rows"]
    for row, names in zip(told, LIMITS):
        unit = [size for start, size in UNITS.items() if row[1].startswith(start)] or [1]
        numbers = [int(number.replace(" ", "")) * unit[0] for number in row[0].split(",")]
        wanted = [constant(name) for name in names]
        problems += [] if numbers == wanted else [f"{row}: {wanted}"]
    check(f"{len(told)} limits are those of the source", problems)
    register_s = re.search(r"no register within (\d) seconds", PAGE)[1]
    check("and so is the time for a register",
          [] if int(register_s) * 1000 == constant("CL_AL_REGISTER_MS") else [register_s])


def check_errors():
    known = {code: http for code, http in re.findall(r'X\(\w+,\s+"(\w+)",\s+(\d+),', (
        ROOT / "src/base/err.h").read_text())}
    source = (ROOT / "src/relay/agent_link_http.c").read_text()
    for http, code in re.findall(r'refuse_as\(exchange, (\d+), CL_STR\("(\w+)"\)', source):
        known[code] = http
    told = [row for row in table("Over HTTP") if re.fullmatch(r"\d{3}(, \d{3})*", row[0])]
    check(f"{len(told)} rows of errors have the numbers of the source",
          ([] if len(told) > 10 else ["there are too few"]) +
          [f"{code} is {known.get(code)}" for row in told for code in words(row[1])
           if known.get(code) not in row[0].split(", ")])


def check_members():
    """What the two readers of configurations know."""
    source = (ROOT / "src/proto/agent_link_config.c").read_text()
    known = set(re.findall(r'\{CL_STR_INIT\("(\w+)"\), read_', source))
    part = PAGE.partition("\n## Configuration files\n")[2].partition("\n## ")[0]
    check(f"{len(known)} members of configurations are on the page",
          ([] if len(known) > 10 else ["there are too few"]) + sorted(known - set(words(part))))


# -- what the page runs ------------------------------------------------------------------------


async def run_page(url):
    """The page's client as both instances, and its calls for the shell."""
    space, problems, news = {"__name__": "client"}, [], asyncio.Queue()
    exec(compile(boxes("python")[0], "agent-link-v1.md", "exec"), space)
    make = space["Client"]
    secret = "your-strong-secret-key"
    one = make(url, secret, "instance-003", "main")
    two = make(url, secret, "instance-002", "xiaobaozi")
    two.on_message = lambda *said: news.put_nowait(said)
    one.on_receipt = one.on_error = two.on_error = lambda said: news.put_nowait(said)

    async def serves(client):
        running = asyncio.ensure_future(client.run())
        end = asyncio.get_running_loop().time() + WAIT
        while client.link is None and asyncio.get_running_loop().time() < end:
            await asyncio.wait([running], timeout=0.01)
        return running
    running = [await serves(client) for client in (one, two)]

    async def hears(*wanted):
        found = [await asyncio.wait_for(news.get(), WAIT) for _ in wanted]
        if sorted(map(str, found)) != sorted(map(str, wanted)):
            problems.append(f"{found}, and not {wanted}")
    await one.send("instance-002/xiaobaozi", "\u4f60\u597d")
    await hears(("instance-003/main", "\u4f60\u597d"), "instance-002/xiaobaozi")
    await one.send("instance-404/x", "hello")
    await hears("there is no agent instance-404/x")
    shell = boxes("sh")[0].replace("http://127.0.0.1:8765", url.replace("ws", "http", 1))
    process = await asyncio.create_subprocess_exec("bash", "-c", shell,
                                                   stdout=asyncio.subprocess.PIPE)
    printed = (await asyncio.wait_for(process.communicate(), WAIT))[0].decode()
    await hears(("instance-001/healthguard", "hello"))
    if printed not in boxes(""):
        problems.append(f"the calls print {printed}")
    wrong = make(url, "another secret", "instance-002", "main")
    try:
        await asyncio.wait_for(wrong.run(), WAIT)
    except ValueError as error:
        problems += [] if "secret" in str(error) else [str(error)]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return problems


def check_client():
    with tempfile.TemporaryDirectory() as folder:
        secret = os.path.join(folder, "secret")
        with open(secret, "w", encoding="ascii", opener=lambda path, flags:
                  os.open(path, flags, 0o600)) as file:
            file.write("your-strong-secret-key\n")
        with open(os.path.join(folder, "log"), "wb") as log:
            relay = subprocess.Popen([CLAWLINK, "relay", "--port", "0", "--agent-link-port", "0",
                                      "--agent-link-secret-file", secret, "--admin-socket", "none"],
                                     stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            line = [relay.stdout.readline() for _ in range(2)][1]
            problems = asyncio.run(run_page(line.split()[-1]))
        except asyncio.TimeoutError:
            problems = [f"nothing came within {WAIT} s"]
        finally:
            relay.terminate()
            relay.stdout.close()
            relay.wait(WAIT)
    check("the client and the calls of the page run", problems)


def main():
    check_golden_files()
    check_frames()
    check_types()
    check_signatures()
    check_limits()
    check_errors()
    check_members()
    check_client()
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
