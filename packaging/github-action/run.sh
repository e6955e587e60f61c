#!/bin/bash
# What the composite action does: puts Writ in place, then runs the step in it. All inputs come as variables.
set -euo pipefail

program=${WRIT_ACTION_PROGRAM:-}
if [[ -n ${WRIT_ACTION_DEB:-} ]]; then
  if [[ $(id -u) == 0 ]]; then sudo=(); else sudo=(sudo); fi
  # apt takes a word with a slash for a file.
  "${sudo[@]}" apt-get install --yes --no-install-recommends "$(realpath "$WRIT_ACTION_DEB")"
fi
program=${program:-writ}
if ! command -v "$program" >/dev/null; then
  echo "::error title=writ::there is no program '$program' here; give its package as \`deb\` or its path as \`writ\`"
  exit 127
fi

words=(ci)
# add OPTION VALUE: where there is a value.
add() { if [[ -n $2 ]]; then words+=("$1=$2"); fi; }
# add_lines OPTION TEXT: once for each line that is not empty.
add_lines() {
  local line
  while IFS= read -r line; do add "$1" "$line"; done <<<"$2"
}

add --profile "${WRIT_ACTION_PROFILE:-}"
add --workspace "${WRIT_ACTION_WORKSPACE:-}"
add --fail-on "${WRIT_ACTION_FAIL_ON:-}"
add --junit "${WRIT_ACTION_JUNIT:-}"
add --sarif "${WRIT_ACTION_SARIF:-}"
add --json "${WRIT_ACTION_JSON:-}"
add_lines --env "${WRIT_ACTION_ENV:-}"
add_lines --mask "${WRIT_ACTION_MASK:-}"
add_lines --cache "${WRIT_ACTION_CACHE:-}"
add_lines --artifact "${WRIT_ACTION_ARTIFACTS:-}"
if [[ -n ${WRIT_ACTION_ARTIFACTS:-} ]]; then add --artifact-dir "${WRIT_ACTION_ARTIFACT_DIR:-}"; fi
while IFS= read -r line; do
  if [[ -n $line ]]; then words+=("$line"); fi
done <<<"${WRIT_ACTION_OPTIONS:-}"

exec "$program" "${words[@]}" -- bash -euo pipefail -c "$WRIT_ACTION_RUN"
