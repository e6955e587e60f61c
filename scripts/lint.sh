#!/bin/sh
# Every static check of the tree; called by ./dev lint and .ci/run. usage: scripts/lint.sh BUILD-DIRECTORY
# Ends in the line "N passed, N failed, N skipped", each check counting as one. BUILD-DIRECTORY holds compile_commands.json.
set -u
build=${1:?usage: scripts/lint.sh BUILD-DIRECTORY}
passed=0
failed=0

# check NAME COMMAND…: runs the command and shows its output only when it fails.
check() {
  name=$1
  shift
  if output=$("$@" 2>&1); then
    printf 'ok      %s%s\n' "$name" "${output:+ ($output)}"
    passed=$((passed + 1))
  else
    printf 'FAILED  %s\n%s\n' "$name" "$output"
    failed=$((failed + 1))
  fi
}

sources() { find broker launcher tests tools \( -name '*.cc' -o -name '*.h' \) 2>/dev/null | sort; }
format_check() { sources | xargs clang-format --dry-run -Werror; }
shell_check() { shellcheck dev .ci/run scripts/*.sh packaging/github-action/run.sh && find tests -name '*.sh' -exec shellcheck {} +; }
completion_check() { shellcheck -s bash packaging/completion/writ.bash; }
manual_check() { mandoc -T lint -W warning man/*.1; }

check 'clang-format' format_check
check 'shellcheck' shell_check
check 'bash completion' completion_check
check 'man pages' manual_check
check 'include arrows' python3 -B tests/structure/check_arrows.py .
check 'clang-tidy' sh scripts/run_clang_tidy.sh "$build"
printf '%s passed, %s failed, 0 skipped\n' "$passed" "$failed"
[ "$failed" = 0 ]
