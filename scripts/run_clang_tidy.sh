#!/bin/sh
# Runs clang-tidy over broker/ and launcher/, one process per processor. usage: scripts/run_clang_tidy.sh BUILD-DIRECTORY
# A file that was clean is not looked at again until it, a header of the tree or .clang-tidy changes.
# WRIT_TIDY_SECONDS bounds the time: files that were not begun by then are counted in the output, and are no failure.
set -eu
build=${1:?usage: scripts/run_clang_tidy.sh BUILD-DIRECTORY}
[ -f "$build/compile_commands.json" ] || {
  echo "run_clang_tidy: $build/compile_commands.json is missing: build first" >&2
  exit 1
}
clean=$build/clang-tidy-clean
late=$build/clang-tidy-late
mkdir -p "$clean"
: >"$late"
shared=$(find broker launcher -name '*.h' | sort | xargs cat .clang-tidy | sha256sum | cut -c 1-32)
deadline=$(($(date +%s) + ${WRIT_TIDY_SECONDS:-86400}))
export build clean late shared deadline

status=0
# shellcheck disable=SC2016  # the inner shell expands these
find broker launcher -name '*.cc' | sort | xargs -P "$(nproc)" -n 1 sh -c '
  stamp=$clean/$({ echo "$shared $1"; cat "$1"; } | sha256sum | cut -c 1-32)
  [ ! -e "$stamp" ] || exit 0
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "$1" >>"$late"
    exit 0
  fi
  clang-tidy --quiet -p "$build" --warnings-as-errors="*" "$1" 2>/dev/null && : >"$stamp"
' sh || status=1
echo "clang-tidy: $(wc -l <"$late") files were not looked at within the time given"
exit "$status"
