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

# Removes the bazel-... links that a build with another output base left at the root: Bazel would take what
# they lead to for packages of this workspace.
drop_foreign_links() {
  local link base
  # shellcheck disable=SC2086  # a list of options
  base=$(cd "$ROOT" && "${BAZEL:-bazel}" ${BAZEL_STARTUP:-} info output_base 2>/dev/null) || return 0
  for link in "$ROOT"/bazel-*; do
    [ -L "$link" ] || continue
    case $(readlink "$link") in
      "$base"/*) ;;
      *) rm -f "$link" ;;
    esac
  done
}

# bazel_build_command COMMAND ARGS...: a command that takes build options, run at the root.
bazel_build_command() {
  local command=$1
  shift
  drop_foreign_links
  # shellcheck disable=SC2086  # lists of options
  (cd "$ROOT" && "${BAZEL:-bazel}" ${BAZEL_STARTUP:-} "$command" ${BAZEL_FLAGS:-} "$@")
}

# bazel_query ARGS...: `bazel query`, quiet unless it fails.
bazel_query() {
  local errors status=0
  drop_foreign_links
  errors=$(mktemp)
  # shellcheck disable=SC2086  # a list of options
  (cd "$ROOT" && "${BAZEL:-bazel}" ${BAZEL_STARTUP:-} query --noshow_progress "$@") 2>"$errors" || status=$?
  if [ "$status" -ne 0 ]; then cat "$errors" >&2; fi
  rm -f "$errors"
  return "$status"
}
