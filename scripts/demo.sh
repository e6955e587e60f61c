#!/bin/sh
# Shows on real programs what a sandbox allows and denies. usage: scripts/demo.sh PATH-OF-WRIT
# Everything happens in a directory of its own: a small git repository, a home with a secret in it, a server on loopback.
# Each outcome is checked on the host as well; the exit code is 1 when any differs from what is printed.
set -u
writ=${1:?usage: scripts/demo.sh PATH-OF-WRIT}
demo=$(mktemp -d "${TMPDIR:-/tmp}/writ-demo.XXXXXX")
server=
failures=0

clean_up() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null; fi
  rm -rf "$demo"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

HOME=$demo/home
DEMO_TOKEN=token-of-the-host
export HOME DEMO_TOKEN
workspace=$HOME/project
secret=$HOME/.ssh/id_ed25519

make_workspace() {
  mkdir -p "$workspace" "$HOME/.ssh"
  echo 'PRIVATE-KEY-OF-THE-DEMO' >"$secret"
  cd "$workspace" || exit 1
  git init -q .
  git config user.name Demo
  git config user.email demo@localhost
  printf 'one writ\ntwo writs\nthree writs\n' >words.txt
  cat >count_words.py <<'END'
import collections, json
counts = collections.Counter(open("words.txt").read().split())
json.dump(counts, open("counts.json", "w"))
print("counted", sum(counts.values()), "words, wrote counts.json")
END
  git add . && git commit -q -m 'first'
}

# A server that every program of the host can reach.
start_server() {
  : >"$demo/server.log"
  python3 -u -m http.server --bind 127.0.0.1 0 >"$demo/server.log" 2>&1 &
  server=$!
  tries=0
  port=
  while [ -z "$port" ] && [ "$tries" -lt 100 ]; do
    port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$demo/server.log")
    tries=$((tries + 1))
    [ -n "$port" ] || sleep 0.1
  done
  [ -n "$port" ] || { echo "demo: the server on loopback did not start" >&2; exit 1; }
}

# Prints one outcome: state, what was tried, why, and the last thing the program said.
tell() {
  printf '\n  %-8s %s\n           why:  %s\n' "$1" "$2" "$3"
  said=$(sed '/^$/d' "$demo/said" | tail -n 1 | cut -c 1-160)
  if [ -n "$said" ]; then printf '           said: %s\n' "$said"; fi
}

wrong() {
  failures=$((failures + 1))
  printf '           WRONG: %s\n' "$1"
  cat "$demo/said"
}

# allowed WHY CHECK COMMAND…: the command must succeed inside, and CHECK (shell text) must hold on the host afterwards.
allowed() {
  why=$1
  check=$2
  shift 2
  "$writ" run -- "$@" >"$demo/said" 2>&1 </dev/null
  code=$?
  tell allowed "$*" "$why"
  [ "$code" = 0 ] || wrong "exit code $code, expected 0"
  sh -c "$check" || wrong "afterwards this does not hold on the host: $check"
}

# denied WHY CHECK COMMAND…: the command must run inside and fail there, and CHECK must hold on the host afterwards.
denied() {
  why=$1
  check=$2
  shift 2
  "$writ" run -- "$@" >"$demo/said" 2>&1 </dev/null
  code=$?
  tell denied "$*" "$why"
  case $code in
    0) wrong "the program succeeded" ;;
    124 | 125 | 126 | 127) wrong "exit code $code: the program did not run at all" ;;
  esac
  sh -c "$check" || wrong "afterwards this does not hold on the host: $check"
}

# without_writ COMMAND…: the same attempt outside must succeed, or its denial would prove nothing.
without_writ() {
  "$@" >"$demo/said" 2>&1 </dev/null && return
  printf '\n  control  %s\n' "$*"
  wrong "this must succeed outside the sandbox, or the demonstration proves nothing"
}

make_workspace
start_server
connect="import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/', timeout=5); print('connected')"
said_nothing_of() { echo "! grep -q '$1' '$demo/said'"; }

echo "Workspace: $workspace (a git repository); profile: default"

allowed 'the workspace is granted for reading and writing, the system for reading' \
  'grep -q writs counts.json' python3 count_words.py
allowed 'git works as usual on a granted repository' \
  'git log --oneline | grep -q second' sh -c 'git add counts.json && git commit -q -m second && git log --oneline'

without_writ cat "$secret"
denied 'nobody granted ~/.ssh, so it is not in the view' "$(said_nothing_of PRIVATE-KEY)" cat "$secret"

denied 'system trees are read-only mounts' '[ ! -e /etc/writ-demo ]' sh -c 'echo changed > /etc/writ-demo'

without_writ python3 -c "$connect"
denied 'the sandbox has a network of its own, with nothing but loopback in it' true python3 -c "$connect"

denied 'a hook would run later with your authority: such files are read-only in the workspace' \
  '[ ! -e .git/hooks/pre-commit ]' sh -c 'echo "echo owned" > .git/hooks/pre-commit'

without_writ kill -0 "$server"
denied 'processes outside the sandbox do not exist for it' "kill -0 $server" sh -c "kill $server"

without_writ sh -c 'printenv DEMO_TOKEN'
denied 'the environment is clean: only variables of the allow-list pass' \
  "$(said_nothing_of token-of-the-host)" sh -c 'printenv DEMO_TOKEN'

if [ "$failures" = 0 ]; then
  printf '\nAll outcomes are as printed, checked on the host as well.\n'
else
  printf '\n%s outcomes differ from what they should be (WRONG above).\n' "$failures"
  exit 1
fi
