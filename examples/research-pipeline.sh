#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC1091,SC2154 # lib.sh is not followed; it sets what seems to be unset
# Research pipeline: a researcher hands its findings to an analyst, the analyst its numbers to a
# writer. Each answers whoever gave it the task; the report is shared as a file.
#
#   researcher ──task──> analyst ──task──> writer
#              <─result─         <─result─        ──file──> report.md
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

researcher() {
    share researcher "findings$team.csv" <<'END'
city,year,mean
Oslo,2022,7.0
Oslo,2023,6.4
Rome,2022,17.2
Rome,2023,17.4
END
    agent researcher delegate --to "analyst$team" --priority high \
        --task "Compute the mean per city from findings$team.csv and have a report written"
    receive researcher task_response
    [[ $text == "report$team.md" ]] || fail "the researcher was told '$text'"
}

analyst() {
    receive analyst task_delegation
    local task=$id asker=$from
    agent analyst file-get --key "findings$team.csv" |
        awk -F, 'NR > 1 { sum[$1] += $3; n[$1]++ }
                 END { for (city in sum) printf "%s %.1f\n", city, sum[city] / n[city] }' |
        sort | share analyst "means$team.txt"
    agent analyst delegate --to "writer$team" --task "Write report$team.md from means$team.txt"
    receive analyst task_response
    agent analyst respond --to "$asker" --msg-id "$task" --result "$text"
}

writer() {
    receive writer task_delegation
    {
        echo "# Temperatures"
        agent writer file-get --key "means$team.txt" |
            while read -r city mean; do echo "- $city: $mean degrees"; done
    } | share writer "report$team.md"
    agent writer respond --to "$from" --msg-id "$id" --result "report$team.md"
}

open_relay
join researcher search
join analyst statistics
join writer prose
together researcher analyst writer

agent researcher file-get --key "report$team.md" --output "$work/report.md" >/dev/null
cat "$work/report.md"
[[ $(cat "$work/report.md") == $'# Temperatures\n- Oslo: 6.7 degrees\n- Rome: 17.3 degrees' ]] ||
    fail "the report is not what the findings say"
say "The report went through three hands and is right."
