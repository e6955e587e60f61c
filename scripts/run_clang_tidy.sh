#!/bin/sh
# Runs clang-tidy over broker/, launcher/ and tools/, one process per processor. usage: scripts/run_clang_tidy.sh BUILD-DIRECTORY
# A file that was clean is not looked at again until it, a header of the tree or .clang-tidy changes.
# WRIT_TIDY_SECONDS bounds the time: files that were not begun by then are counted in the output, and are no failure. What
# was changed last is looked at first.
set -eu
build=${1:?usage: scripts/run_clang_tidy.sh BUILD-DIRECTORY}
[ -f "$build/compile_commands.json" ] || {
  echo "run_clang_tidy: $build/compile_commands.json is missing: build first" >&2
  exit 1
}
clean=$build/clang-tidy-clean
# clang cannot read what g++ has precompiled; the files include everything that they use anyway.
commands=$build/clang-tidy-commands
mkdir -p "$commands"
python3 -B "$(dirname "$0")/tidy_commands.py" "$build/compile_commands.json" >"$commands/compile_commands.json"
late=$build/clang-tidy-late
mkdir -p "$clean"
: >"$late"
shared=$(find broker launcher tools -name '*.h' | sort | xargs cat .clang-tidy | sha256sum | cut -c 1-32)
deadline=$(($(date +%s) + ${WRIT_TIDY_SECONDS:-86400}))
export commands clean late shared deadline

status=0
# Each file once, by the last commit that touched it; files that no commit knows come first.
by_age() {
  {
    git ls-files --others --modified --exclude-standard 2>/dev/null
    git log -n 200 --name-only --format= 2>/dev/null
    find broker launcher tools -name '*.cc' | sort
  } | grep -E '^(broker|launcher|tools)/.*[.]cc$' | awk '!seen[$0]++' | while IFS= read -r file; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; fi
  done
}
# shellcheck disable=SC2016  # the inner shell expands these
by_age | xargs -P "$(nproc)" -n 1 sh -c '
  stamp=$clean/$({ echo "$shared $1"; cat "$1"; } | sha256sum | cut -c 1-32)
  [ ! -e "$stamp" ] || exit 0
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "$1" >>"$late"
    exit 0
  fi
  clang-tidy --quiet -p "$commands" --warnings-as-errors="*" "$1" 2>/dev/null && : >"$stamp"
' sh || status=1
echo "clang-tidy: $(wc -l <"$late") files were not looked at within the time given"
exit "$status"
