# shellcheck shell=bash
# Shared by the scripts of this folder: source it first.
#
# Environment that every script honours:
#   BAZEL          the Bazel to call (default: bazel)
#   BAZEL_STARTUP  start-up options, e.g. --output_base=/tmp/ob
#   BAZEL_FLAGS    options for the commands that build, e.g. "--disk_cache=/tmp/cache --jobs=2"
# Both lists are split at blanks.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # for the scripts that source this file
readonly ROOT
PROGRAM=${PROGRAM:-tools/$(basename "$0")}

# One line on stderr and status 2: the caller got something wrong.
usage_error() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
  exit 2
}

# One line on stderr and status 1: something else went wrong.
fail() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
  exit 1
}

# Prints the comment at the head of the calling script as its help.
print_help() {
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

# call_bazel ARGS...: in the workspace of the current folder.
call_bazel() {
  # shellcheck disable=SC2086  # a list of options
  "${BAZEL:-bazel}" ${BAZEL_STARTUP:-} "$@"
}

# Removes the bazel-... links that a build with another output base left at the root: Bazel would take what
# they lead to for packages of this workspace.
drop_foreign_links() {
  local base=$1 link
  for link in "$ROOT"/bazel-*; do
    [ -L "$link" ] || continue
    case $(readlink "$link") in
      "$base"/*) ;;
      *) rm -f "$link" ;;
    esac
  done
}

# Bazel asks pkg-config for the system's libraries once in an output base and keeps the answers: has it ask again
# when one of them is another one now, since a package came or went.
refresh_system_libraries() {
  local sys=$1/external/sys modules answer now
  [ -f "$sys/answers" ] || return 0
  while IFS=: read -r modules answer; do
    # shellcheck disable=SC2086  # a list of modules
    now=$(pkg-config --cflags --libs $modules 2>/dev/null) || now=-
    [ "${answer# }" = "$now" ] && continue
    printf '%s: the system has another %s than when Bazel last looked: it looks again\n' "$PROGRAM" "$modules" >&2
    call_bazel sync --only=sys >/dev/null 2>&1 ||
      fail "bazel sync --only=sys failed: run it in $PWD to see why"
    return 0
  done <"$sys/answers"
}

# Before each call of Bazel in the workspace of the current folder.
prepare_workspace() {
  local base
  base=$(call_bazel info output_base 2>/dev/null) || return 0
  [ "$PWD" != "$ROOT" ] || drop_foreign_links "$base"
  refresh_system_libraries "$base"
}

# bazel_build_command COMMAND ARGS...: a command that takes build options, run at the root.
bazel_build_command() {
  local command=$1
  shift
  # shellcheck disable=SC2086  # a list of options
  (cd "$ROOT" && prepare_workspace && call_bazel "$command" ${BAZEL_FLAGS:-} "$@")
}

# bazel_query ARGS...: `bazel query`, quiet unless it fails.
bazel_query() {
  local errors status=0
  errors=$(mktemp)
  (cd "$ROOT" && prepare_workspace && call_bazel query --noshow_progress "$@") 2>"$errors" || status=$?
  if [ "$status" -ne 0 ]; then cat "$errors" >&2; fi
  rm -f "$errors"
  return "$status"
}
