# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # the scripts use what receive sets
# What the examples share: a relay, a home of their own, and agents that show what they type.
# Sourced by them; needs bash and awk.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
clawlink=${CLAWLINK_BIN:-$here/../build/clawlink}
[[ -x $clawlink ]] || clawlink=$(command -v clawlink) || {
    echo "clawlink is not built: run make, or set CLAWLINK_BIN to the program" >&2
    exit 1
}
[[ $clawlink == /* ]] || clawlink=$PWD/$clawlink

work=$(mktemp -d "${TMPDIR:-/tmp}/clawlink-example.XXXXXX")
export HOME=$work # so that the agents' state is not among yours
unset CLAWLINK_STATE
relay_pid=

# On a relay that others use too, names and keys get this end.
team=${CLAWLINK_RELAY:+-$$}

say() { printf '%s\n' "$*"; }

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

leave() {
    local status=$?
    trap - EXIT
    trap '' INT TERM
    # shellcheck disable=SC2046 # one word per job
    kill $(jobs -p) 2>/dev/null || true
    if [[ -n $relay_pid ]]; then
        wait "$relay_pid" || say "the relay ended with status $?" >&2
    fi
    rm -rf "$work"
    exit "$status"
}
trap leave EXIT

# Takes the relay at CLAWLINK_RELAY, or starts one on a free port. Sets relay.
open_relay() {
    if [[ -n ${CLAWLINK_RELAY:-} ]]; then
        relay=$CLAWLINK_RELAY
        say "The relay at $relay is used."
        return
    fi
    local line=
    mkfifo "$work/line"
    "$clawlink" relay --port 0 >"$work/line" 2>"$work/relay.log" &
    relay_pid=$!
    read -r line <"$work/line" || true
    relay=${line##* }
    [[ $line == "clawlink relay listening on "* ]] || fail "no relay: $(cat "$work/relay.log")"
    say "$ clawlink relay --port 0"
    say "$line"
}

# The words as they would be typed.
typed() {
    local word
    for word; do
        if [[ $word =~ ^[A-Za-z0-9_./:=,@-]+$ ]]; then
            printf ' %s' "$word"
        else
            printf " '%s'" "$word"
        fi
    done
}

# types NAME VERB ...: shows what an agent types.
types() {
    printf '%-13s $ clawlink --as %s%s\n' "[$1]" "$1" "$(typed "${@:2}")" >&2
}

# agent NAME VERB ...: an agent runs a verb, in sight.
agent() {
    types "$@"
    "$clawlink" --as "$@"
}

# join NAME CAPS: registers an agent.
join() {
    agent "$1" register --relay "$relay" --name "$1$team" --caps "$2"
}

# share NAME KEY: shares standard input as a file.
share() {
    agent "$1" file-put --key "$2" --file - >/dev/null
}

# Moves the first message of that kind out of the box; false when there is none.
take() {
    local box=$1 kind=$2
    [[ -s $box ]] || return 1
    : >"$box.rest"
    awk -v kind="$kind" -v rest="$box.rest" '
        /^[^ ]/ { mine = !found && $1 == kind; if (mine) found = 1 }
        mine { print; next }
        { print > rest }
        END { exit !found }' "$box" >"$box.taken" || return 1
    mv "$box.rest" "$box"
}

# receive NAME KIND: waits for the agent's next message of that kind. Sets id, from and text.
receive() {
    local box=$work/$1.inbox line
    until take "$box" "$2"; do
        types "$1" poll --wait 30
        "$clawlink" --as "$1" poll --wait 30 >"$box.new" 2>"$box.note" ||
            fail "$1 cannot poll: $(cat "$box.note")"
        [[ -s $box.new ]] || fail "$1 waited 30 seconds for a $2 in vain"
        cat "$box.new" >>"$box"
    done
    read -r line <"$box.taken"
    read -r _ id _ from _ <<<"$line"
    from=${from%,}
    text=$(sed -e 1d -e 's/^    //' "$box.taken")
    printf '%-13s   %s\n' "[$1]" "$line" >&2
}

# together FUNCTION ...: runs them at the same time; fails when one of them does.
together() {
    local function pids=() pid
    for function; do
        "$function" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || fail "an agent gave up"
    done
}
