#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC1091,SC2154 # lib.sh is not followed; it sets what seems to be unset
# Distributed code review: a coordinator hands each part of a change to a reviewer of its own,
# collects what they found and gives one verdict.
#
#                  ┌──task──> alice ──result──┐
#   coordinator ───┼──task──> bob   ──result──┼──> verdict
#                  └──task──> carol ──result──┘
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

reviewers=(alice bob carol)

# What each reviewer is asked to read.
part_of() {
    case $1 in
    alice) printf 'def area(w, h):\n    return w * h\n' ;;
    bob) printf 'def run(text):\n    return eval(text)\n' ;;
    carol) printf 'def first(items):\n    return items[0]\n' ;;
    esac
}

coordinator() {
    local reviewer findings=0
    for reviewer in "${reviewers[@]}"; do
        part_of "$reviewer" | share coordinator "part-$reviewer$team.py"
        agent coordinator delegate --to "$reviewer$team" --task "Review part-$reviewer$team.py" \
            --context '{"language": "python"}'
    done
    for reviewer in "${reviewers[@]}"; do
        receive coordinator task_response
        printf '%s\n' "$text" >>"$work/comments"
        [[ $text == *": no findings" ]] || findings=$((findings + 1))
    done
    agent coordinator broadcast --topic review \
        --content "Review is done: $findings of ${#reviewers[@]} parts need work"
    echo "$findings" >"$work/findings"
}

# A reviewer knows two things that are wrong in every program.
review() {
    local file comments
    receive "$1" task_delegation
    file=$(sed -n 's/^Review //p' <<<"$text")
    comments=$(agent "$1" file-get --key "$file" | grep -nE 'eval\(|\[0\]' || true)
    agent "$1" respond --to "$from" --msg-id "$id" --result "$file: ${comments:-no findings}"
}
alice() { review alice; }
bob() { review bob; }
carol() { review carol; }

open_relay
join coordinator merge
for reviewer in "${reviewers[@]}"; do join "$reviewer" review,python; done
together coordinator "${reviewers[@]}"

say "Comments:"
sort "$work/comments"
[[ $(cat "$work/findings") == 2 ]] || fail "2 parts need work, $(cat "$work/findings") were found"
grep -q 'part-bob.*2:    return eval(text)' "$work/comments" || fail "eval was overlooked"
receive alice knowledge_broadcast
[[ $text == "Review is done: 2 of 3 parts need work" ]] || fail "alice heard '$text'"
say "Verdict: changes requested."
