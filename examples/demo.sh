#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC1091,SC2154 # lib.sh is not followed; it sets what seems to be unset
# What `make demo` shows: a relay, two agents, a task and its answer, a shared file, a broadcast.
# Ends with status 0, also on Ctrl-C.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work" || exit
exec 2>&1 # what is typed and what comes back, in one stream

step() {
    say
    say "== $*"
}

steps() {
    trap leave EXIT

    step "A relay, in memory, on a free port"
    open_relay

    step "Two agents come up and find each other"
    agent mira register --relay "$relay" --caps research --description "Finds things out"
    agent theo register --relay "$relay" --caps arithmetic --description "Is good at sums"
    agent mira discover

    step "Mira hands Theo a task, with what he needs to know"
    agent mira delegate --to theo --task "Add these numbers" --context '{"numbers": [19, 23]}' \
        --priority high

    step "Theo fetches it, works, and answers"
    receive theo task_delegation
    sed 1d theo.inbox.taken
    sum=$(sed -n 's/^context: .*\[\(.*\)\].*/\1/p' <<<"$text" | tr ',' '\n' |
        awk '{ sum += $1 } END { print sum }')
    agent theo respond --to "$from" --msg-id "$id" --result "$sum"

    step "Mira gets the answer"
    receive mira task_response
    say "    $text"
    [[ $text == 42 ]] || fail "the answer is '$text', not 42"

    step "Both share a file"
    printf 'The sum is %s.\n' "$text" >sum.md
    agent mira file-put --key sum.md --file sum.md --type markdown
    agent theo file-get --key sum.md --output theo.md
    printf 'Theo agrees.\n' >>theo.md
    agent theo file-put --key sum.md --file theo.md --type markdown
    agent mira file-list
    agent mira file-get --key sum.md
    [[ $("$clawlink" --as mira file-get --key sum.md) == $'The sum is 42.\nTheo agrees.' ]] ||
        fail "the shared file is not what both wrote"

    step "And both tell everybody"
    agent mira broadcast --topic results --content "The sum is in sum.md"
    receive theo knowledge_broadcast
    say "    $text"
    agent theo broadcast --topic results --content "And it is right"
    receive mira knowledge_broadcast
    say "    $text"

    step "Done: both agents and the relay leave"
}

# In a shell of their own: a trap that rings while bash reads a $( ) would fail there. And not
# under -e out here: on Ctrl-C a step fails as well, and that must not win over the trap.
trap 'say; say "Interrupted: leaving."; exit 0' INT TERM
set +e
(
    set -e
    steps
)
status=$?
exit "$status"
