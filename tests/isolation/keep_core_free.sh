# shellcheck shell=bash
# Sourced with a core's number. Until this shell ends, all tasks that may run on any core are kept off this core, and so are
# tasks started from here. The tasks that should use the core are put there by name. Tasks that had been given certain cores
# before keep them. Tasks that the system does not let go stay too, above all the system's own threads for that core.

# Prints every task's id and the cores that it may run on, as Linux lists them. Some tasks end before they are read.
tasks() {
    grep --no-messages '^Cpus_allowed_list' /proc/[0-9]*/task/[0-9]*/status |
        sed --quiet 's|^/proc/[0-9]*/task/\([0-9]*\)/status:Cpus_allowed_list:\t|\1 |p'
}

# move FROM TO: moves the tasks that may run on exactly the cores FROM to the cores TO. It does so three times, because a task
# that is not moved yet may start another.
move() {
    local task cores
    for _ in 1 2 3; do
        while read -r task cores; do
            [[ $cores != "$1" || ${settled[$task]:-} ]] || taskset --cpu-list --pid "$2" "$task" >/dev/null 2>&1 || true
        done < <(tasks)
    done
}

own_cores=(sed --quiet 's/^Cpus_allowed_list:\t//p' /proc/self/status)
everywhere=$("${own_cores[@]}")
elsewhere=$(tr , '\n' <<<"$everywhere" | while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done |
    { grep --line-regexp --invert-match "$1" || true; } | paste --serial --delimiters=,)
[[ $elsewhere ]] || { echo "core $1 is this machine's only one" >&2; exit 1; }
# The same cores, in the form in which Linux lists them.
elsewhere=$(taskset --cpu-list "$elsewhere" "${own_cores[@]}")

declare -A settled=()
while read -r task cores; do
    [[ $cores != "$elsewhere" ]] || settled[$task]=1
done < <(tasks)

trap 'move "$elsewhere" "$everywhere"' EXIT
move "$everywhere" "$elsewhere"
