# SPDX-License-Identifier: MIT
"""clawlink-v1.md over HTTP: the token, every endpoint, JSON in, what web pages may not do.

The sections below follow the document; a docstring names the row or sentence it proves.
Delivery, WebSockets and limits: test_v1_delivery.py. Options, start and stop: test_v1_process.py.
Not testable from outside: the 120 s of `discover` and the 7 days of silent agents (the relay's
clock is its own); the simulator covers them.
"""
import datetime
import gzip
import json
import re
import socket
import time

from support import (Http, Library, WebSocket, equal, exact, heard, holds, main, refused, short,
                     test)

TOKEN = "correct horse-battery_staple.42"
UNAUTHORIZED = "Unauthorized. Provide Authorization: Bearer <token>"
DELEGATE_NEEDS = "from_agent, to_agent, and task are required"
BROADCAST_NEEDS = "from_agent and content required"
FILES_NEED = "file_key, content, and agent_id required"
AGENT = {"agent_id", "name", "capabilities", "machine", "description", "registered_at",
         "last_heartbeat", "status"}
FALSY = [None, False, 0, "", [], {}]
POSTS = {
    "/register": {"agent_id": "a"},
    "/heartbeat": {"agent_id": "a"},
    "/delegate": {"from_agent": "a", "to_agent": "b", "task": "t"},
    "/broadcast": {"from_agent": "a", "content": "c"},
    "/respond": {"from_agent": "a", "to_agent": "b", "message_id": "m", "result": "r"},
    "/files": {"file_key": "k", "content": "c", "agent_id": "a"},
}
GETS = ["/", "/discover", "/poll/a", "/files", "/files/k"]


def is_time(text, what="timestamp"):
    """ISO-8601 UTC with offset and microseconds, and about now."""
    holds(isinstance(text, str), f"{what} is {text!r}")
    shape = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"
    holds(re.fullmatch(shape, text), f"{what} is {text!r}")
    age = time.time() - datetime.datetime.fromisoformat(text).timestamp()
    holds(-5 < age < 60, f"{what} {text} is {age} s old")


def is_id(text):
    holds(re.fullmatch(r"[0-9a-f]{12}", text or ""), f"message id {text!r}")


def is_now(seconds):
    holds(isinstance(seconds, float), f"last_heartbeat is {seconds!r}, not a float")
    holds(abs(time.time() - seconds) < 60, f"last_heartbeat is {seconds}")


def members(message, *wanted):
    equal(set(message), set(wanted), "members")


# -- The token ---------------------------------------------------------------------------------


@test()
def without_token_every_call_works_without_authentication(relay):
    """Without `--token`: no authentication."""
    equal(relay.good("/")["auth_required"], False, "auth_required")
    for path, body in POSTS.items():
        relay.good(path, body)
    for path in GETS:
        relay.good(path)
    # A client that sends a token all the same is no worse off.
    answer = relay.get("/discover?token=x", headers={"Authorization": "Bearer y"})
    equal(answer.status_code, 200, "status with a needless token")


@test(token=TOKEN)
def with_token_every_call_needs_it(relay):
    """Every request, `GET /` included, needs the token: 401 with the fixed text."""
    relay.http.headers.pop("Authorization")
    for path, body in POSTS.items():
        refused(relay.post(path, body), 401, UNAUTHORIZED, "unauthorized")
    for path in GETS:
        refused(relay.get(path), 401, UNAUTHORIZED, "unauthorized")
    relay.token = None
    refused(WebSocket(relay, "a").opening, 401, UNAUTHORIZED)
    relay.token = TOKEN
    equal(relay.get("/files/k", headers={"Authorization": "Bearer " + TOKEN}).status_code, 404,
          "the refused put left a file; status")


@test(token=TOKEN)
def healthz_needs_no_token(relay):
    """`/healthz` excepted."""
    relay.http.headers.pop("Authorization")
    equal(relay.good("/healthz"), {"status": "ok"}, "/healthz")


@test()
def healthz_says_ok(relay):
    answer = relay.get("/healthz")
    equal((answer.status_code, answer.json()), (200, {"status": "ok"}), "/healthz")


@test(token=TOKEN)
def bearer_header_opens_every_call(relay):
    """`Authorization: Bearer T`."""
    equal(relay.good("/")["auth_required"], True, "auth_required")
    for path, body in POSTS.items():
        relay.good(path, body)
    for path in GETS:
        relay.good(path)
    equal(WebSocket(relay, "a").opening.status, 101, "status of an upgrade")


@test(token=TOKEN)
def query_token_opens_every_call(relay):
    """The query parameter `?token=T` is accepted too (percent-decoded, the first one)."""
    relay.http.headers.pop("Authorization")
    query = "?token=" + TOKEN.replace(" ", "%20")
    for path, body in POSTS.items():
        equal(relay.post(path + query, body).status_code, 200, "status of " + path)
    for path in GETS:
        equal(relay.get(path + query).status_code, 200, "status of " + path)
    encoded = "?x=1&token=" + "".join(f"%{ord(c):02X}" for c in TOKEN)
    equal(relay.get("/" + encoded).status_code, 200, "status, all percent-encoded")
    equal(relay.get("/" + query + "&token=wrong").status_code, 200, "the first one counts; status")
    refused(relay.get("/?token=wrong&" + query[1:]), 401, UNAUTHORIZED)
    refused(relay.get("/?token="), 401, UNAUTHORIZED)
    refused(relay.get("/?Token=" + query[7:]), 401, UNAUTHORIZED)
    relay.token = None
    equal(WebSocket(relay, "a", query=query).opening.status, 101, "status of an upgrade")
    socket_of_library = Library(relay, "b", query)
    relay.post("/delegate" + query, {"from_agent": "a", "to_agent": "b", "task": "t"})
    equal(socket_of_library.message()["task"], "t", "task")


@test(token=TOKEN)
def bearer_is_case_sensitive_and_wins(relay):
    """`Bearer ` is case-sensitive and wins over `?token=`, even when wrong; any other scheme
    falls back to `?token=`."""
    relay.http.headers.pop("Authorization")
    query = "/?token=" + TOKEN.replace(" ", "%20")
    for value in ("Bearer wrong", "Bearer " + TOKEN[:-1], "Bearer " + TOKEN + "x"):
        refused(relay.get(query, headers={"Authorization": value}), 401, UNAUTHORIZED)
    for value in ("bearer wrong", "BEARER " + TOKEN, "Basic dXNlcjpwYXNz", "Token x", "x"):
        answer = relay.get(query, headers={"Authorization": value})
        equal(answer.status_code, 200, f"{value!r} falls back to ?token=; status")
    for value in ("bearer " + TOKEN, "BEARER " + TOKEN, "Basic " + TOKEN, TOKEN):
        refused(relay.get("/", headers={"Authorization": value}), 401, UNAUTHORIZED)


@test(token=TOKEN)
def refusals_of_a_token_are_all_alike(relay):
    """Comparison is constant-time: nothing in the answer tells how wrong a token is."""
    seen = set()
    for value in (None, "", "x", TOKEN[:-1], TOKEN[:-1] + "3", TOKEN + "4", "y" * 400, "\xe4"):
        fields = [] if value is None else [b"Authorization: Bearer ".decode() + value]
        with Http(relay) as connection:
            lines = ["GET / HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]
            connection.send("\r\n".join(lines).encode("latin-1"))
            answer = connection.answer()
        kept = {k: v for k, v in answer.headers.items() if k != "date"}
        seen.add((answer.status, answer.body, str(sorted(kept.items()))))
    equal(len(seen), 1, f"kinds of refusals {short(seen)}; count")


@test(token=TOKEN)
def token_is_checked_before_404_405_and_the_body(relay):
    """It is checked before 404, 405 and the body."""
    relay.http.headers.pop("Authorization")
    refused(relay.get("/nowhere"), 401, UNAUTHORIZED)
    refused(relay.http.delete(relay.url + "/register", timeout=5), 401, UNAUTHORIZED)
    refused(relay.post("/delegate", b"{not json"), 401, UNAUTHORIZED)
    refused(relay.post("/delegate", b""), 401, UNAUTHORIZED)
    for headers in ({"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}):
        refused(relay.post("/delegate", b"{}", headers=headers), 401, UNAUTHORIZED)
    with Http(relay) as connection:  # before the body even comes
        connection.send("POST /files HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                        "Content-Type: application/json\r\nContent-Length: 1048575\r\n\r\n")
        refused(connection.answer(), 401, UNAUTHORIZED)


@test("--no-query-token", token=TOKEN)
def an_option_turns_the_query_token_off(relay):
    """`?token=` stays for these root paths only (an option turns it off)."""
    relay.good("/")
    relay.http.headers.pop("Authorization")
    refused(relay.get("/?token=" + TOKEN.replace(" ", "%20")), 401, UNAUTHORIZED)


# -- The calls ---------------------------------------------------------------------------------


@test()
def root_tells_what_the_relay_is(relay):
    """`GET /`."""
    about = relay.good("/")
    members(about, "service", "version", "auth_required", "agents_online", "total_broadcasts",
            "shared_files", "note", "endpoints", "server_time")
    equal(about["service"], "ClawLink Relay", "service")
    for name in ("version", "note"):
        holds(isinstance(about[name], str) and about[name], f"{name} is {about[name]!r}")
    for name in ("agents_online", "total_broadcasts", "shared_files"):
        equal(repr(about[name]), "0", name)
    is_time(about["server_time"], "server_time")
    holds(isinstance(about["endpoints"], dict) and about["endpoints"], "endpoints is no object")
    for name, call in about["endpoints"].items():
        holds(re.fullmatch(r"(GET|POST|WS|WEBSOCKET) /\S*", call), f"endpoint {name}: {call!r}")
    told = " ".join(about["endpoints"].values())
    for path in ("/register", "/discover", "/heartbeat", "/delegate", "/broadcast", "/respond",
                 "/poll/", "/files", "/ws/"):
        holds(path in told, f"no {path} among the endpoints {told}")


@test()
def root_counts_agents_broadcasts_and_files(relay):
    """`GET /`: agents_online, total_broadcasts, shared_files."""
    relay.register("a", "b")
    relay.good("/broadcast", {"from_agent": "a", "content": "c"})
    for content in ("1", "2"):
        relay.good("/files", {"file_key": "k", "content": content, "agent_id": "a"})
    about = relay.good("/")
    found = [about[n] for n in ("agents_online", "total_broadcasts", "shared_files")]
    equal(found, [2, 1, 1], "agents, broadcasts, files")


@test()
def last_200_broadcasts_are_kept(relay):
    """`POST /broadcast`: the last 200 are kept."""
    for number in range(205):
        relay.good("/broadcast", {"from_agent": "a", "content": number + 1})
    equal(relay.good("/")["total_broadcasts"], 200, "total_broadcasts")


@test()
def register_returns_the_record(relay):
    """`POST /register` with every member."""
    sent = {"agent_id": "mira", "name": "Mira", "capabilities": ["search", "write"],
            "machine": "studio", "description": "reads much"}
    answer = relay.good("/register", sent)
    members(answer, "status", "agent", "server_time")
    equal(answer["status"], "registered", "status")
    is_time(answer["server_time"], "server_time")
    agent = answer["agent"]
    equal(set(agent), AGENT, "members of the record")
    equal({k: agent[k] for k in sent}, sent, "what was sent")
    is_time(agent["registered_at"], "registered_at")
    is_now(agent["last_heartbeat"])
    equal(agent["status"], "online", "status of the agent")


@test()
def register_fills_in_what_is_absent(relay):
    """Missing `agent_id`: 8 hex digits; `name`: `agent-` + 4; `machine`: the peer's address."""
    agent = relay.good("/register", {})["agent"]
    holds(re.fullmatch(r"[0-9a-f]{8}", agent["agent_id"]), f"agent_id {agent['agent_id']!r}")
    equal(agent["name"], "agent-" + agent["agent_id"][:4], "name")
    equal(agent["machine"], "127.0.0.1", "machine")
    equal(agent["capabilities"], [], "capabilities")
    equal(agent["description"], "", "description")
    equal(set(agent), AGENT, "members of the record")
    equal(relay.good("/register", {"agent_id": "zoe-1"})["agent"]["name"], "agent-zoe-", "name")
    other = relay.good("/register", {})["agent"]
    holds(other["agent_id"] != agent["agent_id"], "the same id was made twice")


@test()
def registering_again_replaces_the_record_and_keeps_the_queue(relay):
    """Registering a known id replaces its record and keeps its queue."""
    relay.good("/register", {"agent_id": "a", "name": "old", "description": "old"})
    relay.delegate("b", "a", "stays")
    agent = relay.good("/register", {"agent_id": "a", "name": "new"})["agent"]
    equal((agent["name"], agent["description"]), ("new", ""), "record")
    equal(relay.good("/discover")["count"], 1, "count")
    equal(relay.agent("a")["name"], "new", "name in discover")
    equal(relay.tasks("a"), ["stays"], "queue")


@test()
def others_get_agent_joined_on_websockets_only(relay):
    """Others get an `agent_joined` push; messages: agent (the record), timestamp; WebSockets
    only."""
    relay.register("a", "poller")
    listener = WebSocket(relay, "a")
    record = relay.good("/register", {"agent_id": "new", "capabilities": ["x"]})["agent"]
    joined = listener.message()
    members(joined, "type", "agent", "timestamp")
    equal(joined["type"], "agent_joined", "type")
    equal(joined["agent"], record, "the record")
    is_time(joined["timestamp"])
    equal(relay.poll("poller"), [], "polled")
    own = WebSocket(relay, "new")
    relay.good("/register", {"agent_id": "new"})
    relay.delegate("x", "new", "marker")
    equal(own.message().get("task"), "marker", "the newcomer's own socket")


@test()
def discover_lists_fresh_agents(relay):
    """`GET /discover`."""
    empty = relay.good("/discover")
    members(empty, "agents", "count", "server_time")
    equal((empty["agents"], empty["count"]), ([], 0), "nobody yet")
    relay.register("a", "b")
    found = relay.good("/discover")
    is_time(found["server_time"], "server_time")
    equal(found["count"], 2, "count")
    equal([a["agent_id"] for a in found["agents"]], ["a", "b"], "ids")
    for agent in found["agents"]:
        equal(set(agent), AGENT, "members of the record")
        is_now(agent["last_heartbeat"])


@test()
def heartbeat_answers_ok_unknown_agent_or_400(relay):
    """`POST /heartbeat`."""
    relay.register("a")
    before = heard(relay, "a")
    equal(relay.good("/heartbeat", {"agent_id": "a"}), {"status": "ok"}, "answer")
    holds(heard(relay, "a") > before, "last_heartbeat did not rise")
    equal(relay.good("/heartbeat", {"agent_id": "ghost"}), {"status": "unknown_agent"}, "answer")
    equal(relay.agent("ghost"), None, "a heartbeat registered somebody; agent")
    refused(relay.post("/heartbeat", {}), 400, "agent_id required")


@test()
def delegate_queues_for_a_poller(relay):
    """`POST /delegate`, and the members of a polled `task_delegation`."""
    relay.register("a", "b")
    answer = relay.delegate("a", "b", "read this", context={"url": "x", "n": [1]},
                            priority="high")
    members(answer, "status", "delivery", "message_id")
    equal((answer["status"], answer["delivery"]), ("delegated", "queued"), "answer")
    is_id(answer["message_id"])
    message, = relay.poll("b")
    is_time(message.pop("timestamp"))
    is_time(message.pop("queued_at"), "queued_at")
    equal(message, {"type": "task_delegation", "message_id": answer["message_id"],
                    "from_agent": "a", "to_agent": "b", "task": "read this",
                    "context": {"url": "x", "n": [1]}, "priority": "high"}, "message")


@test()
def delegate_pushes_to_a_websocket(relay):
    """`POST /delegate`: "delivery":"websocket"; a message never queued has no `queued_at`."""
    listener = WebSocket(relay, "b")
    answer = relay.delegate("a", "b", "t")
    equal(answer["delivery"], "websocket", "delivery")
    message = listener.message()
    is_time(message.pop("timestamp"))
    equal(message, {"type": "task_delegation", "message_id": answer["message_id"],
                    "from_agent": "a", "to_agent": "b", "task": "t", "context": {},
                    "priority": "normal"}, "message")


@test()
def delegate_without_its_three_members_is_refused(relay):
    """Any of the three missing or empty: 400 with the fixed text."""
    for name in ("from_agent", "to_agent", "task"):
        body = dict(POSTS["/delegate"])
        del body[name]
        refused(relay.post("/delegate", body), 400, DELEGATE_NEEDS)
        for empty in FALSY:
            refused(relay.post("/delegate", {**body, name: empty}), 400, DELEGATE_NEEDS)
    equal(relay.poll("b"), [], "polled")


@test()
def delegate_knows_four_priorities(relay):
    """low, normal, high, urgent; without `priority`: normal; an unknown priority: 400."""
    for priority in ("low", "normal", "high", "urgent"):
        relay.delegate("a", priority, "t", priority=priority)
        equal(relay.poll(priority)[0]["priority"], priority, "priority")
    relay.delegate("a", "b", "t")
    equal(relay.poll("b")[0]["priority"], "normal", "priority")
    for priority in ("Urgent", "critical", "", 5, True, ["high"]):
        refused(relay.post("/delegate", {**POSTS["/delegate"], "priority": priority}), 400)
    equal(relay.poll("b"), [], "polled")


@test()
def broadcast_reaches_everyone_but_the_sender(relay):
    """`POST /broadcast`, and the members of a `knowledge_broadcast`."""
    relay.register("a", "b", "c")
    listener = WebSocket(relay, "c")
    answer = relay.good("/broadcast", {"from_agent": "a", "content": "sun is up",
                                       "topic": "weather", "tags": ["sky"]})
    members(answer, "status", "message_id", "recipients")
    equal((answer["status"], answer["recipients"]), ("broadcast_sent", 2), "answer")
    is_id(answer["message_id"])
    wanted = {"type": "knowledge_broadcast", "message_id": answer["message_id"],
              "from_agent": "a", "content": "sun is up", "topic": "weather", "tags": ["sky"]}
    pushed, (polled,) = listener.message(), relay.poll("b")
    is_time(polled.pop("queued_at"), "queued_at")
    for message in (pushed, polled):
        is_time(message.pop("timestamp"))
        equal(message, wanted, "message")
    equal(relay.poll("a"), [], "the sender's own queue")


@test()
def broadcast_has_defaults_and_needs_two_members(relay):
    """`topic`? ("general"), `tags`?; missing: 400 with the fixed text."""
    relay.register("b")
    relay.good("/broadcast", {"from_agent": "a", "content": "c"})
    message, = relay.poll("b")
    equal((message["topic"], message["tags"]), ("general", []), "topic and tags")
    for name in ("from_agent", "content"):
        body = dict(POSTS["/broadcast"])
        del body[name]
        refused(relay.post("/broadcast", body), 400, BROADCAST_NEEDS)
        for empty in FALSY:
            refused(relay.post("/broadcast", {**body, name: empty}), 400, BROADCAST_NEEDS)


@test()
def recipients_is_the_true_number(relay):
    """`recipients`: agents registered, without the sender."""
    send = {"from_agent": "stranger", "content": "c"}
    equal(relay.good("/broadcast", send)["recipients"], 0, "recipients, nobody there")
    relay.register("a", "b", "c")
    equal(relay.good("/broadcast", send)["recipients"], 3, "recipients, a stranger sends")
    send["from_agent"] = "a"
    equal(relay.good("/broadcast", send)["recipients"], 2, "recipients, one of them sends")
    relay.delegate("a", "unregistered", "t")
    equal(relay.good("/broadcast", send)["recipients"], 2, "an unregistered inbox; recipients")


@test()
def respond_carries_a_result_back(relay):
    """`POST /respond`, and the members of a `task_response`."""
    relay.register("a", "b")
    task = relay.delegate("a", "b", "t")["message_id"]
    sent = {"from_agent": "b", "to_agent": "a", "message_id": task, "result": {"n": 1}}
    for status in ("in_progress", "failed", "completed", None):
        body = sent if status is None else {**sent, "status": status}
        equal(relay.good("/respond", body), {"status": "response_sent", "delivery": "queued"},
              "answer")
        message, = relay.poll("a")
        is_time(message.pop("timestamp"))
        is_time(message.pop("queued_at"), "queued_at")
        is_id(message.pop("response_id"))
        equal(message, {"type": "task_response", **sent, "status": status or "completed"},
              "message")
    listener = WebSocket(relay, "a")
    equal(relay.good("/respond", sent)["delivery"], "websocket", "delivery")
    members(listener.message(), "type", "message_id", "response_id", "from_agent", "to_agent",
            "result", "status", "timestamp")


@test()
def respond_requires_only_to_agent(relay):
    """`/respond` requires only `to_agent`: absent members are null, `status` is "completed"."""
    relay.good("/respond", {"to_agent": "a"})
    message, = relay.poll("a")
    equal([message[n] for n in ("from_agent", "message_id", "result", "status")],
          [None, None, None, "completed"], "defaults")
    for body in [{}] + [{"to_agent": empty, "from_agent": "b"} for empty in FALSY]:
        refused(relay.post("/respond", body), 400)


@test()
def poll_hands_over_once_and_counts_as_a_heartbeat(relay):
    """`GET /poll/<agent_id>`."""
    equal(relay.good("/poll/nobody"), {"messages": [], "count": 0}, "an unknown agent's poll")
    equal(relay.agent("nobody"), None, "a poll registered somebody; agent")
    relay.register("a")
    before = heard(relay, "a")
    for task in ("1", "2", "3"):
        relay.delegate("b", "a", task)
    answer = relay.good("/poll/a")
    equal([m["task"] for m in answer["messages"]], ["1", "2", "3"], "tasks")
    equal(answer["count"], 3, "count")
    equal(relay.good("/poll/a"), {"messages": [], "count": 0}, "the next poll")
    holds(heard(relay, "a") > before, "last_heartbeat did not rise")


@test()
def files_have_versions_from_1(relay):
    """`POST /files`, `GET /files`, `GET /files/<file_key>`."""
    equal(relay.good("/files"), {"files": [], "count": 0}, "no files yet")
    sent = {"file_key": "plan", "content": "one", "agent_id": "a"}
    equal(relay.good("/files", sent), {"status": "saved", "version": 1}, "first put")
    record = relay.good("/files/plan")
    is_time(record.pop("updated_at"), "updated_at")
    equal(record, {"file_key": "plan", "content": "one", "file_type": "text",
                   "last_editor": "a", "version": 1}, "record")
    change = {"file_key": "plan", "content": "two", "agent_id": "b", "file_type": "markdown"}
    equal(relay.good("/files", change), {"status": "saved", "version": 2}, "second put")
    relay.good("/files", {"file_key": "other", "content": "x", "agent_id": "a"})
    listed = relay.good("/files")
    equal(listed["count"], 2, "count")
    for row in listed["files"]:
        is_time(row.pop("updated_at"), "updated_at")
    equal(sorted(listed["files"], key=lambda row: row["file_key"]), [
        {"file_key": "other", "file_type": "text", "last_editor": "a", "version": 1},
        {"file_key": "plan", "file_type": "markdown", "last_editor": "b", "version": 2}], "list")
    equal(relay.good("/files/plan")["content"], "two", "content")
    refused(relay.get("/files/none"), 404, "file not found")


@test()
def files_need_key_content_and_agent(relay):
    """Missing: 400 with the fixed text; fixed: an empty string is content."""
    for name in ("file_key", "content", "agent_id"):
        body = dict(POSTS["/files"])
        del body[name]
        refused(relay.post("/files", body), 400, FILES_NEED)
        for empty in FALSY:
            if (name, empty) != ("content", ""):
                refused(relay.post("/files", {**body, name: empty}), 400, FILES_NEED)
    equal(relay.good("/files")["count"], 0, "count after refused puts")
    relay.good("/files", {"file_key": "k", "content": "", "agent_id": "a"})
    equal(relay.good("/files/k")["content"], "", "content")


@test()
def others_get_file_updated(relay):
    """Others get `file_updated`: file_key, version, last_editor, timestamp."""
    relay.register("a", "b", "c")
    listener = WebSocket(relay, "c")
    relay.good("/files", {"file_key": "k", "content": "c", "agent_id": "a"})
    wanted = {"type": "file_updated", "file_key": "k", "version": 1, "last_editor": "a"}
    pushed, (polled,) = listener.message(), relay.poll("b")
    is_time(polled.pop("queued_at"), "queued_at")
    for message in (pushed, polled):
        is_time(message.pop("timestamp"))
        equal(message, wanted, "message")
    equal(relay.poll("a"), [], "the editor's own queue")


@test()
def file_keys_with_slashes_and_percent_encoding_work(relay):
    """Fixed: `GET /files/<rest>` takes unencoded slashes too; percent-encoded keys work."""
    keys = {"docs/plan.md": "docs/plan.md", "a/b c?d#e%f": "a%2Fb%20c%3Fd%23e%25f",
            "über/日本": "%C3%BCber%2F%E6%97%A5%E6%9C%AC", "..": "%2E%2E", "100%25": "100%2525",
            "a/../b": "a%2F..%2Fb", "x+y": "x+y", "k" * 256: "k" * 256, "tail/": "tail/"}
    for number, key in enumerate(keys):
        relay.good("/files", {"file_key": key, "content": str(number), "agent_id": "a"})
    for number, (key, written) in enumerate(keys.items()):
        with Http(relay) as connection:
            record = connection.ask("GET", "/files/" + written).json()
        equal((record.get("file_key"), record.get("content")), (key, str(number)), "record")
    with Http(relay) as connection:
        equal(connection.ask("GET", "/files/docs%2Fplan.md").json().get("content"), "0", "content")
        equal(connection.ask("GET", "/files/docs/plan.md?x=/y").json().get("content"), "0",
              "the query is no part of the key; content")


@test()
def ids_and_keys_are_1_to_256_bytes_without_control_characters(relay):
    """Ids and keys are any UTF-8 of 1 to 256 bytes without control characters."""
    for good in ("x" * 256, "日" * 85, "a b", "a/b", "ö", "\U0001f980", "a\"b\\c", "../etc"):
        record = relay.good("/register", {"agent_id": good})["agent"]
        equal(record["agent_id"], good, "agent_id")
        relay.delegate("s", good, "t")
        equal(relay.tasks(good), ["t"], f"tasks of {good!r}")
    for bad in ("x" * 257, "日" * 86, "a\nb", "\x00", "a\x7f", "\x1b[31m"):
        refused(relay.post("/register", {"agent_id": bad}), 400)
        refused(relay.post("/heartbeat", {"agent_id": bad}), 400)
        refused(relay.post("/delegate", {**POSTS["/delegate"], "to_agent": bad}), 400)
        refused(relay.post("/delegate", {**POSTS["/delegate"], "from_agent": bad}), 400)
        refused(relay.post("/files", {**POSTS["/files"], "file_key": bad}), 400)
    for bad in ("%00", "%0A", "%FF", "%C3", "%ED%A0%80", "%C0%80", "x" * 257, "%zz", "%4"):
        with Http(relay) as connection:
            refused(connection.ask("GET", "/poll/" + bad), (400, 404))


# -- Rules for every request -------------------------------------------------------------------

BAD_JSON = {
    "empty": b"", "space": b"  \r\n", "broken": b'{"agent_id":', "two values": b"{}{}",
    "array": b"[]", "number": b"7", "string": b'"x"', "null": b"null",
    "NaN": b'{"name":NaN}', "Infinity": b'{"name":-Infinity}', "lone surrogate":
    b'{"name":"\\ud800"}', "low surrogate first": b'{"name":"\\udc00\\ud800"}',
    "duplicate names": b'{"agent_id":"a","agent_id":"a"}',
    "duplicate escaped": b'{"name":"a","n\\u0061me":"a"}',
    "duplicates below": b'{"context":{"x":1,"x":2}}',
    "invalid UTF-8": b'{"name":"\xff"}', "overlong UTF-8": b'{"name":"\xc0\x80"}',
    "surrogate in UTF-8": b'{"name":"\xed\xa0\x80"}', "a BOM": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"), "too deep": b'{"a":' * 200 + b"1" + b"}" * 200,
    "very deep": b"[" * 100000, "trailing comma": b'{"a":1,}', "single quotes": b"{'a':1}",
    "a comment": b'{/**/"a":1}', "leading zero": b'{"a":01}', "plus": b'{"a":+1}',
    "bare point": b'{"a":1.}', "hex": b'{"a":0x1}', "control character": b'{"a":"\x01"}',
    "bad escape": b'{"a":"\\x41"}', "cut escape": b'{"a":"\\u12"}', "NUL after": b"{}\x00",
    "unquoted name": b"{a:1}", "true with a capital": b'{"a":True}',
}


@test()
def bad_json_is_400_everywhere(relay):
    """NaN, lone surrogates, duplicate names, invalid UTF-8, a BOM, too deep, empty, not an
    object: 400 `{"error":...}`."""
    for path in POSTS:
        for what, body in BAD_JSON.items():
            answer = relay.post(path, body)
            holds(answer.status_code == 400, f"{what} to {path}: {answer.status_code}")
            refused(answer, 400)
    equal(relay.good("/discover")["count"], 0, "count of agents")


@test()
def ids_that_are_no_strings_are_400(relay):
    """`agent_id`, `from_agent`, `to_agent`, `file_key` must be strings (400)."""
    for path, body in POSTS.items():
        for name in ("agent_id", "from_agent", "to_agent", "file_key"):
            if name in body:
                for value in (5, 1.5, True, ["a"], {"a": 1}):
                    refused(relay.post(path, {**body, name: value}), 400)
    equal(relay.good("/discover")["count"], 0, "count of agents")


@test()
def a_compressed_body_is_415(relay):
    """A compressed body: 415."""
    packed = gzip.compress(b'{"agent_id":"a"}')
    for coding in ("gzip", "deflate", "br", "GZIP", "zstd"):
        refused(relay.post("/register", packed, headers={"Content-Encoding": coding}), 415)
    equal(relay.good("/discover")["count"], 0, "count of agents")


ANY_VALUE = (b'[1.10,1e400,12345678901234567890,-0,1E5,0.000000000000000000001,true,null,'
             b'{"deep":[["\\u00e9\\n\\ud83e\\udd80\\u0000/\\/"]],"":0}]')


@test()
def free_members_may_be_any_value_and_are_forwarded_exactly(relay):
    """task, content, context, topic, tags, result, status, capabilities, name, machine,
    description, file_type may be any JSON value; numbers are forwarded exactly as written."""
    wanted = exact(ANY_VALUE)
    relay.register("b")
    sends = {"/delegate": (b'"from_agent":"a","to_agent":"b"', ["task", "context"]),
             "/broadcast": (b'"from_agent":"a"', ["content", "topic", "tags"]),
             "/respond": (b'"from_agent":"a","to_agent":"b"', ["result", "status"])}
    for path, (fixed, names) in sends.items():
        free = b"".join(b',"%s":%s' % (name.encode(), ANY_VALUE) for name in names)
        equal(relay.post(path, b"{" + fixed + free + b"}").status_code, 200, "status of " + path)
        message, = exact(relay.get("/poll/b").text)["messages"]
        for name in names:
            equal(message[name], wanted, f"{name} by {path}")
    names = ["capabilities", "name", "machine", "description"]
    free = b"".join(b',"%s":%s' % (name.encode(), ANY_VALUE) for name in names)
    answer = relay.post("/register", b'{"agent_id":"c"' + free + b"}")
    records = [exact(answer.text)["agent"], exact(relay.get("/discover").text)["agents"][-1]]
    for name in names:
        equal([record[name] for record in records], [wanted, wanted], name)
    relay.post("/files", b'{"file_key":"k","content":"c","agent_id":"a","file_type":' + ANY_VALUE
               + b"}")
    equal(exact(relay.get("/files/k").text)["file_type"], wanted, "file_type")
    equal(exact(relay.get("/files").text)["files"][0]["file_type"], wanted, "file_type, listed")


@test()
def defaults_apply_to_absent_members_only(relay):
    """Defaults apply to absent members only, null stays null."""
    relay.register("b")
    relay.delegate("a", "b", "t", context=None)
    equal(relay.poll("b")[0]["context"], None, "context")
    relay.good("/broadcast", {"from_agent": "a", "content": "c", "topic": None, "tags": None})
    message, = relay.poll("b")
    equal((message["topic"], message["tags"]), (None, None), "topic and tags")
    relay.good("/respond", {"to_agent": "b", "status": None})
    equal(relay.poll("b")[0]["status"], None, "status")
    names = ["capabilities", "name", "machine", "description"]
    record = relay.good("/register", {"agent_id": "c", **dict.fromkeys(names)})["agent"]
    equal([record[name] for name in names], [None] * 4, "record")
    for message in relay.poll("b"):
        holds(False, f"unexpected {short(message)}")
    relay.good("/files", {"file_key": "k", "content": "c", "agent_id": "a", "file_type": None})
    equal(relay.good("/files/k")["file_type"], None, "file_type")


@test()
def unknown_members_of_http_bodies_are_dropped(relay):
    """Unknown members of HTTP bodies are dropped."""
    relay.register("b")
    more = {"x": 1, "type": "evil", "message_id": "mine", "timestamp": "mine", "queued_at": "no",
            "response_id": "mine", "version": 99, "status_": 1}
    for path in ("/delegate", "/broadcast", "/respond", "/files"):
        relay.good(path, {**POSTS[path], **{k: v for k, v in more.items() if k != "message_id"}})
        for message in relay.poll("b"):
            holds("x" not in message and "status_" not in message, f"kept: {short(message)}")
            holds(message["type"] != "evil", f"type taken from the body of {path}")
            is_time(message["timestamp"])
            is_time(message["queued_at"], "queued_at")
    record = relay.good("/register", {"agent_id": "c", "x": 1, "registered_at": "mine",
                                      "last_heartbeat": 1, "status": "mine"})["agent"]
    equal(set(record), AGENT, "members of the record")
    is_now(record["last_heartbeat"])
    equal(record["status"], "online", "status")
    equal(relay.good("/files/k")["version"], 1, "version")


@test()
def text_survives_unchanged(relay):
    """Escapes, astral characters, U+2028 and NUL come back as the same text."""
    text = "tab\t nul\x00 \u2028\u2029 \U0001f980 \ufffd \ufeff \"\\/ <script> \x7f é"
    relay.delegate("a", "b", text)
    equal(relay.tasks("b"), [text], "tasks")
    relay.good("/files", {"file_key": "k", "content": text * 500, "agent_id": "a"})
    equal(relay.good("/files/k")["content"], text * 500, "content")


# -- Unknown paths, wrong methods --------------------------------------------------------------


@test()
def unknown_paths_are_404_in_json(relay):
    """Unknown paths 404 with JSON `error` (v1: plain text)."""
    for path in ("/nowhere", "/register/x", "/poll", "/poll/", "/ws", "/ws/", "/Discover",
                 "//discover", "/discover/", "/poll/a/b", "/healthz/x", "/favicon.ico"):
        refused(relay.get(path), 404)
    refused(relay.post("/nowhere", {}), 404)


@test()
def wrong_methods_are_405_with_allow(relay):
    """Wrong methods 405 with `Allow`, in JSON."""
    wrong = [("DELETE", path, "POST") for path in POSTS]
    wrong += [("GET", path, "POST") for path in POSTS if path != "/files"]
    wrong += [("POST", path, "GET") for path in ("/", "/discover", "/poll/a", "/files/k", "/ws/a",
                                                 "/healthz")]
    wrong += [("PUT", "/files", "GET"), ("PATCH", "/files/k", "GET"), ("OPTIONS", "/", "GET"),
              ("TRACE", "/", "GET"), ("OPTIONS", "/delegate", "POST")]
    for verb, path, allowed in wrong:
        answer = relay.http.request(verb, relay.url + path, timeout=5)
        holds(answer.status_code == 405, f"{verb} {path}: {answer.status_code}")
        refused(answer, 405)
        allow = [name.strip() for name in answer.headers.get("Allow", "").split(",")]
        holds(allowed in allow and verb not in allow, f"{verb} {path}: Allow is {allow}")
        for name in answer.headers:
            holds(not name.lower().startswith("access-control"), f"{verb} {path}: {name}")


@test()
def head_answers_like_get_without_a_body(relay):
    """RFC 9110: HEAD is GET without the content."""
    for path in ("/", "/discover", "/files", "/healthz"):
        with Http(relay) as connection:
            head = connection.ask("HEAD", path)
            get = connection.ask("GET", path)
            equal((head.status, get.status), (200, 200), "statuses of " + path)
            equal(head.headers.get("content-type"), get.headers["content-type"], "type")


@test()
def connections_are_kept_until_somebody_says_close(relay):
    """RFC 9112 section 9: kept alive by default, closed on `Connection: close` and HTTP/1.0."""
    with Http(relay) as connection:
        for _ in range(3):
            equal(connection.ask("GET", "/discover").status, 200, "status")
        last = connection.ask("GET", "/discover", fields=["Connection: close"])
        equal(last.status, 200, "status of the last")
        equal(connection.rest(), b"", "after the last answer")
    with Http(relay) as connection:
        connection.send("GET /discover HTTP/1.0\r\n\r\n")
        equal(connection.answer().status, 200, "status of HTTP/1.0 without Host")
        equal(connection.rest(), b"", "after the answer")


# -- web pages can drive it: no ----------------------------------------------------------------


def with_host(relay, host, verb="GET", path="/discover", fields=()):
    with Http(relay) as connection:
        lines = [f"{verb} {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]
        connection.send("\r\n".join(lines))
        return connection.answer()


@test("--allow-host", "relay.example", "--allow-host", "Other.Example")
def host_must_be_known(relay):
    """README.md, Running it for real: `Host` passes when it is an IP literal, a loopback name, the
    machine's own or a `.local` name, or a configured name."""
    own = socket.gethostname()
    for host in ("127.0.0.1", "127.0.0.1:9077", "10.1.2.3:80", "[::1]", "[fe80::1]:9077",
                 "localhost", "localhost:9077", "LOCALHOST", own, own + ":1", "studio.local",
                 "Studio.Local:9077", "relay.example", "relay.example:9077", "other.example"):
        answer = with_host(relay, host)
        holds(answer.status == 200, f"Host {host!r}: {answer.status}")
    for host in ("evil.example", "evil.example:9077", "127.0.0.1.evil.example",
                 "localhost.evil.example", "relay.example.evil", "notrelay.example", "local",
                 "x.local.evil", "evil.example/127.0.0.1", "", "127.0.0.1@evil.example", "[::1",
                 "1.2.3", "localhost:x", "localhost evil"):
        answer = with_host(relay, host)
        holds(400 <= answer.status < 500, f"Host {host!r}: {answer.status}")
        refused(answer, answer.status)
    relay.delegate("a", "b", "t")
    refused(with_host(relay, "evil.example", path="/poll/b"), (400, 403, 421))
    equal(relay.tasks("b"), ["t"], "after a rebound poll")


@test("--allow-origin", "https://desk.example")
def origin_must_be_listed(relay):
    """SECURITY.md, web pages: any `Origin` is refused unless listed; no CORS headers."""
    relay.delegate("a", "b", "t")
    for origin in ("http://evil.example", "null", "http://localhost:3000", "",
                   "https://desk.example.evil", "http://desk.example",
                   "https://desk.example:8443", "file://"):
        refused(relay.get("/poll/b", headers={"Origin": origin}), 403)
        refused(relay.post("/register", {}, headers={"Origin": origin}), 403)
        refused(WebSocket(relay, "b", fields=["Origin: " + origin]).opening, 403)
    answer = relay.get("/poll/b", headers={"Origin": "https://desk.example"})
    equal((answer.status_code, answer.json()["count"]), (200, 1), "a listed origin")
    holds(not [n for n in answer.headers if n.lower().startswith("access-control")], "CORS")
    listed = WebSocket(relay, "b", fields=["Origin: https://desk.example"])
    equal(listed.opening.status, 101, "status of a listed origin's upgrade")


@test()
def requests_from_other_sites_are_refused(relay):
    """A request with `Sec-Fetch-Site` other than `none` or `same-origin` is refused."""
    relay.delegate("a", "b", "t")
    for site in ("cross-site", "same-site", "", "unknown", "none, cross-site"):
        refused(relay.get("/poll/b", headers={"Sec-Fetch-Site": site}), 403)
        refused(WebSocket(relay, "b", fields=["Sec-Fetch-Site: " + site]).opening, 403)
    for site in ("none", "same-origin"):
        equal(relay.get("/", headers={"Sec-Fetch-Site": site}).status_code, 200, site)
    equal(relay.tasks("b"), ["t"], "after refused polls")


@test()
def form_and_text_bodies_are_415(relay):
    """Bodies of type form-urlencoded, multipart or text/plain get 415; a request without a
    Content-Type is taken as JSON."""
    body = b'{"agent_id":"a"}'
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                 "text/plain", "text/plain;charset=utf-8", "TEXT/Plain",
                 "multipart/mixed; boundary=x"):
        for path in POSTS:
            refused(relay.post(path, body, headers={"Content-Type": kind}), 415)
    equal(relay.good("/discover")["count"], 0, "count of agents")
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON", None):
        answer = relay.post("/register", body, headers={"Content-Type": kind})
        equal(answer.status_code, 200, f"{kind}: status")


# -- bodies ------------------------------------------------------------------------------------


def padded(length, **known):
    """A body of exactly that length, filled up by a member that is dropped."""
    head = json.dumps({**known, "filler": ""})[:-2].encode()
    return head + b"x" * (length - len(head) - 2) + b'"}'


@test()
def bodies_up_to_1048575_bytes_are_accepted(relay):
    """413 from 1 048 576 bytes on; bodies up to 1 048 575 bytes stay accepted."""
    for path, known in POSTS.items():
        equal(relay.post(path, padded(1048575, **known)).status_code, 200, "status of " + path)
        refused(relay.post(path, padded(1048576, **known)), 413)
    empty = b'{"file_key":"big","agent_id":"a","content":""}'
    content = "y" * (1048575 - len(empty))
    equal(relay.post("/files", empty[:-2] + content.encode() + b'"}').status_code, 200, "status")
    equal(relay.good("/files/big")["content"], content, "content")


@test()
def chunked_bodies_have_the_same_limit(relay):
    """413 from 1 048 576 bytes on, also when no length was announced."""
    for length, status in ((1048575, 200), (1048576, 413)):
        body = padded(length, agent_id="a")
        with Http(relay) as connection:
            connection.send("POST /register HTTP/1.1\r\nHost: localhost\r\n"
                            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in range(0, length, 100000):
                piece = body[start:start + 100000]
                connection.try_send(b"%x\r\n" % len(piece) + piece + b"\r\n")
            connection.try_send(b"0\r\n\r\n")
            equal(connection.answer().status, status, f"status at {length} bytes")


@test()
def message_whose_pushed_frame_would_exceed_1_mib_is_413(relay):
    """clawlink-v1.md, Beyond v1: what could not be pushed in 1 MiB is refused with 413."""
    head = b'{"from_agent":"a","to_agent":"b","task":""}'
    for path, fixed in (("/delegate", head), ("/broadcast", b'{"from_agent":"a","content":""}'),
                        ("/respond", b'{"to_agent":"b","result":""}')):
        body = fixed[:-2] + b"z" * (1048575 - len(fixed)) + b'"}'
        refused(relay.post(path, body), 413)
    equal(relay.poll("b"), [], "polled")
    room = 1048576 - 1000
    relay.delegate("a", "b", "z" * room)
    listener = WebSocket(relay, "b")
    payload = listener.text()
    holds(len(payload) <= 1048576, f"pushed frame of {len(payload)} bytes")
    holds(payload.count("z") >= room, "the task was cut")


if __name__ == "__main__":
    main()
