#!/bin/bash
# SPDX-License-Identifier: MIT
# What people do with curl: clawlink-v1.md from a shell. Prints ok/FAIL lines and a closing sum.
set -u
here=$(cd "$(dirname "$0")" && pwd)
clawlink=${CLAWLINK_BIN:-$here/../../build/clawlink}
read -r -a relay_command <<<"${CLAWLINK_RELAY_CMD:-$clawlink relay}"
folder=$(mktemp -d)
passed=0 failed=0 relay_pid='' url=''
json=(-H 'Content-Type: application/json')
token=shell-token-7

if ! command -v curl >/dev/null; then
    echo "FAIL curl is not installed"
    echo "0 passed, 1 failed"
    exit 1
fi

start_relay() { # options...: sets relay_pid and url
    mkfifo "$folder/line"
    env -u CLAWLINK_TOKEN "${relay_command[@]}" --port 0 "$@" \
        >"$folder/line" 2>"$folder/stderr" &
    relay_pid=$!
    local line=''
    read -r -t 10 line <"$folder/line"
    rm -f "$folder/line"
    url=${line#clawlink relay listening on }
    if [ "$url" = "$line" ]; then
        echo "FAIL no listening line but '$line': $(tail -1 "$folder/stderr")"
        failed=$((failed + 1))
        return 1
    fi
}

stop_relay() {
    [ -n "$relay_pid" ] || return 0
    kill -TERM "$relay_pid" 2>/dev/null
    wait "$relay_pid"
    local status=$?
    relay_pid=''
    same "the relay ends with status 0" 0 "$status"
}

give_up() {
    [ -z "$relay_pid" ] || kill -KILL "$relay_pid" 2>/dev/null
    rm -rf "$folder"
}
trap give_up EXIT

ask() { curl --silent --show-error --noproxy '*' --max-time 20 "$@"; }
status_of() { ask --output "$folder/body" --write-out '%{http_code}' "$@"; }

same() { # name wanted found
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok $1"
    else
        failed=$((failed + 1))
        echo "FAIL $1: found '${3:0:300}', wanted '${2:0:300}'"
    fi
}

has() { # name wanted-part found
    case $3 in
        *"$2"*) same "$1" yes yes ;;
        *) same "$1" "...$2..." "$3" ;;
    esac
}

start_relay || { echo "$passed passed, $failed failed"; exit 1; }

# -- the calls of a shell user -----------------------------------------------------------------
has "GET / names the service" '"ClawLink Relay"' "$(ask "$url/")"
has "register with the JSON content type" '"registered"' \
    "$(ask "${json[@]}" -d '{"agent_id":"curl-1","name":"Curl"}' "$url/register")"
has "discover shows it" '"curl-1"' "$(ask "$url/discover")"
same "heartbeat" 200 "$(status_of "${json[@]}" -d '{"agent_id":"curl-1"}' "$url/heartbeat")"
has "delegate" '"queued"' "$(ask "${json[@]}" \
    --data '{"from_agent":"me","to_agent":"curl-1","task":"t"}' "$url/delegate")"
has "poll" '"task_delegation"' "$(ask "$url/poll/curl-1")"
has "poll again is empty" '[]' "$(ask "$url/poll/curl-1")"
has "put a file" '"saved"' \
    "$(ask "${json[@]}" -d '{"file_key":"a/b","content":"hello","agent_id":"me"}' "$url/files")"
has "get it by the plain path" '"hello"' "$(ask "$url/files/a/b")"
has "get it by the encoded path" '"hello"' "$(ask "$url/files/a%2Fb")"
printf '{"file_key":"from-disk","agent_id":"me","content":"%s"}' "$(head -c 700000 /dev/zero |
    tr '\0' 'd')" >"$folder/upload"
same "--data @file of 700 000 bytes" 200 \
    "$(status_of "${json[@]}" --data-binary "@$folder/upload" "$url/files")"
same "--json, as newer curls have it" 200 \
    "$(status_of --json '{"agent_id":"curl-2"}' "$url/register")"

# -- what has to be refused --------------------------------------------------------------------
same "-d without the content type gives 415" 415 \
    "$(status_of -d '{"agent_id":"x"}' "$url/register")"
has "... and says why" '"error"' "$(cat "$folder/body")"
same "-F gives 415" 415 "$(status_of -F 'agent_id=x' "$url/register")"
same "text/plain gives 415" 415 \
    "$(status_of -H 'Content-Type: text/plain' -d '{"agent_id":"x"}' "$url/register")"
same "no content type at all is taken as JSON" 200 \
    "$(status_of -H 'Content-Type:' -d '{"agent_id":"curl-3"}' "$url/register")"
same "a gzip body gives 415" 415 "$(echo '{}' | gzip | status_of "${json[@]}" \
    -H 'Content-Encoding: gzip' --data-binary @- "$url/register")"
same "a foreign Origin gives 403" 403 "$(status_of -H 'Origin: http://evil.example' "$url/")"
same "PUT gives 405" 405 "$(status_of -X PUT "$url/files/a")"
has "... with Allow" 'llow: ' "$(ask -i -X PUT "$url/files/a")"
same "an unknown path gives 404" 404 "$(status_of "$url/nowhere")"
same "not JSON gives 400" 400 "$(status_of "${json[@]}" -d 'agent_id=x' "$url/register")"
same "an upload of 1 048 576 bytes gives 413" 413 "$(head -c 1048576 /dev/zero |
    status_of "${json[@]}" --data-binary @- "$url/files")"
head -c 8000000 /dev/zero >"$folder/huge"
same "an upload of 8 MB gives 413, and curl reads the answer" 413 \
    "$(status_of "${json[@]}" -H 'Expect:' --data-binary "@$folder/huge" "$url/files")"

# -- HTTP as curl varies it --------------------------------------------------------------------
same "--http1.0" 200 "$(status_of --http1.0 "$url/discover")"
same "--http1.0 with a body" 200 \
    "$(status_of --http1.0 "${json[@]}" -d '{"agent_id":"old"}' "$url/register")"
same "--http2 is declined politely" 200 "$(status_of --http2 "$url/discover")"
has "-I has the type and no body" 'pplication/json' "$(ask -I "$url/discover")"
ask "${json[@]}" -d '{"from_agent":"me","to_agent":"head","task":"t"}' "$url/delegate" >/dev/null
ask -I "$url/poll/head" >/dev/null
has "-I of a poll changes nothing" '"task_delegation"' "$(ask "$url/poll/head")"
same "two URLs over one connection" "1 0" "$(ask -o "$folder/1" -o "$folder/2" \
    -w '%{num_connects} ' "$url/discover" "$url/files" | sed 's/ $//')"
same "an upload in chunks" 200 "$(status_of "${json[@]}" -H 'Transfer-Encoding: chunked' \
    --data-binary "@$folder/upload" "$url/files")"
same "an upload from a pipe in chunks" 200 "$(status_of "${json[@]}" -X POST \
    -H 'Transfer-Encoding: chunked' -T - "$url/files" <"$folder/upload")"
verbose=$(ask -v -o "$folder/body" "${json[@]}" -H 'Expect: 100-continue' \
    --expect100-timeout 10 --data-binary "@$folder/upload" "$url/files" 2>&1)
has "Expect: 100-continue gets its 100" '< HTTP/1.1 100' "$verbose"
has "... and then its 200" '< HTTP/1.1 200' "$verbose"
verbose=$(ask -v -o "$folder/body" "${json[@]}" -H 'Expect: 100-continue' \
    --expect100-timeout 10 --data-binary "@$folder/huge" "$url/files" 2>&1)
has "Expect: 100-continue with 8 MB gets its 413" '< HTTP/1.1 413' "$verbose"
same "... instead of a 100" 0 "$(grep -c '< HTTP/1.1 100' <<<"$verbose")"
same "--compressed is served plain" 200 "$(status_of --compressed "$url/discover")"
for number in $(seq 40); do
    printf 'url = "%s/healthz?%s"\noutput = /dev/null\n' "$url" "$number"
done >"$folder/config"
same "many parallel calls" 40 \
    "$(ask --parallel -w '%{http_code}\n' --config "$folder/config" 2>&1 | grep -c '^200$')"
stop_relay

# -- tokens ------------------------------------------------------------------------------------
start_relay --token "$token" && {
    same "no token gives 401" 401 "$(status_of "$url/")"
    same "-H Authorization" 200 "$(status_of -H "Authorization: Bearer $token" "$url/")"
    same "--oauth2-bearer" 200 "$(status_of --oauth2-bearer "$token" "$url/")"
    same "-u is another scheme" 401 "$(status_of -u "user:$token" "$url/")"
    same "?token=" 200 "$(status_of "$url/discover?token=$token")"
    same "-G --data-urlencode token" 200 \
        "$(status_of -G --data-urlencode "token=$token" "$url/discover")"
    same "healthz needs none" 200 "$(status_of "$url/healthz")"
    same "a wrong one gives 401" 401 "$(status_of -H 'Authorization: Bearer x' "$url/")"
    stop_relay
}

# -- IPv6 --------------------------------------------------------------------------------------
if grep -q '00000000000000000000000000000001' /proc/net/if_inet6 2>/dev/null; then
    start_relay --host ::1 && {
        has "the line has brackets" 'http://[::1]:' "$url"
        same "http://[::1]:PORT/" 200 "$(status_of -g "$url/")"
        has "the machine of an agent" '"::1"' \
            "$(ask -g "${json[@]}" -d '{"agent_id":"six"}' "$url/register")"
        stop_relay
    }
else
    echo "SKIP IPv6: no ::1 on this machine"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
