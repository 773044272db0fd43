#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC1091,SC2154 # lib.sh is not followed; it sets what seems to be unset
# Parallel research: a lead asks everybody at once; each agent works on its own, shares what it
# found as a file and says so to all; the lead merges.
#
#          ┌─broadcast─> north ─┐
#   lead ──┼─broadcast─> south ─┼──files, broadcasts──> lead ──> summary
#          └─broadcast─> coast ─┘
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scouts=(north south coast)

lead() {
    agent lead broadcast --topic question --tags birds --content "Which birds did you see?"
    for _ in "${scouts[@]}"; do
        receive lead knowledge_broadcast
        agent lead file-get --key "$text" >>"$work/all"
    done
    sort "$work/all" | uniq -c | sort -k1,1nr -k2 |
        awk '{ print $2 ": " $1 }' | share lead "summary$team.txt"
}

scout() {
    receive "$1" knowledge_broadcast
    [[ $text == "Which birds did you see?" ]] || fail "$1 was asked '$text'"
    printf '%s\n' "${@:2}" | share "$1" "birds-$1$team.txt"
    agent "$1" broadcast --topic findings --content "birds-$1$team.txt"
}
north() { scout north crane owl; }
south() { scout south owl heron; }
coast() { scout coast gull heron owl; }

open_relay
join lead merge
for name in "${scouts[@]}"; do join "$name" watch; done
together lead "${scouts[@]}"

agent lead file-get --key "summary$team.txt" | tee "$work/summary"
[[ $(cat "$work/summary") == $'owl: 3\nheron: 2\ncrane: 1\ngull: 1' ]] ||
    fail "the summary is not what the scouts saw"
say "Three agents worked at the same time, and the lead has it all."
