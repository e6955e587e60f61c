# bash completion for writ(1)

# Completes the words of the command that is run, as if writ were not there.
_writ_command() {
  if declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  else
    mapfile -t COMPREPLY < <(compgen -A command -A file -- "${COMP_WORDS[COMP_CWORD]}")
  fi
}

_writ_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}"); }
_writ_files() { mapfile -t COMPREPLY < <(compgen -A file -- "${COMP_WORDS[COMP_CWORD]}"); }

# Names of profiles that can be used, and files.
_writ_profiles() {
  local names
  names=$(writ profile list --json 2>/dev/null | sed -n 's/^ *"name": "\([a-z0-9-]*\)",$/\1/p')
  mapfile -t COMPREPLY < <(compgen -W "${names:-default readonly build python node git shell strict nothing}" -A file -- "${COMP_WORDS[COMP_CWORD]}")
}

# Completes the value of an option that run and why share; fails for every other word before the cursor.
_writ_grant_value() {
  case $1 in
    --read | -r | --write | -w | --manifest) _writ_files ;;
    --workspace | -C) mapfile -t COMPREPLY < <(compgen -A directory -- "${COMP_WORDS[COMP_CWORD]}") ;;
    --network) _writ_words "none host" ;;
    *) return 1 ;;
  esac
}

_writ_run() {
  local previous=${COMP_WORDS[COMP_CWORD - 1]}
  case $previous in
    --profile | -p) _writ_profiles ;;
    --report) _writ_files ;;
    --approve) _writ_words "ask deny queue command:" ;;
    --env | -e) mapfile -t COMPREPLY < <(compgen -A export -- "${COMP_WORDS[COMP_CWORD]}") ;;
    --timeout | -t) _writ_words "10s 60s 5m" ;;
    --limit) _writ_words "memory= swap= cpus= cpu_weight= processes= total_cpu_time= output_size= write_size= tmp_size= file_size=" ;;
    *)
      _writ_grant_value "$previous" ||
        _writ_words "--profile --workspace --read --write --manifest --network --env --timeout --limit --prefer --approve --report --explain --trace --broker --detach --terminal --dry-run --json --quiet --help --"
      ;;
  esac
}

# The number of words before the cursor that are no options, after the first $1 words.
_writ_position() {
  local i count=0
  for ((i = $1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then count=$((count + 1)); fi
  done
  printf '%s' "$count"
}

_writ_why() {
  if _writ_grant_value "${COMP_WORDS[COMP_CWORD - 1]}"; then return; fi
  if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
    _writ_words "--workspace --read --write --manifest --network --json --help --"
    return
  fi
  case $(_writ_position 2) in
    0) _writ_profiles ;;
    1) _writ_words "read write execute list connect bind exec" ;;
    *) _writ_files ;;
  esac
}

_writ_profile() {
  if ((COMP_CWORD == 2)); then
    _writ_words "list show check test diff explain schema init --help"
    return
  fi
  if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
    case ${COMP_WORDS[2]} in
      show) _writ_words "--resolved --json --workspace --help" ;;
      explain) _writ_words "--all --json --workspace --help" ;;
      list | schema) _writ_words "--json --help" ;;
      *) _writ_words "--json --workspace --help" ;;
    esac
    return
  fi
  case ${COMP_WORDS[2]} in
    show | check | test | diff | explain) _writ_profiles ;;
    init) _writ_files ;;
  esac
}

_writ_learn() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  case $previous in
    -o | --output | --merge) mapfile -t COMPREPLY < <(compgen -A file -- "$current") ;;
    *) _writ_run ;;
  esac
  if [[ $previous != --* && $previous != -o ]]; then
    mapfile -t COMPREPLY < <(compgen -W "-o --merge --profile --permissive --read --write --env --timeout --json --quiet --help --" -- "$current")
  fi
}

_writ_ci() {
  local previous=${COMP_WORDS[COMP_CWORD - 1]}
  case $previous in
    --fail-on) _writ_words "deny limit degraded none deny,limit deny,limit,degraded" ;;
    --mask) mapfile -t COMPREPLY < <(compgen -A export -- "${COMP_WORDS[COMP_CWORD]}") ;;
    --junit | --sarif | --json | --summary | --artifact) _writ_files ;;
    --artifact-dir | --cache-root) mapfile -t COMPREPLY < <(compgen -A directory -- "${COMP_WORDS[COMP_CWORD]}") ;;
    --system) _writ_words "auto github gitlab jenkins buildkite azure circle plain" ;;
    --cache) ;;
    --profile | -p | --env | -e | --timeout | -t | --approve | --workspace | -C | --read | -r | --write | -w | --manifest | --network) _writ_run ;;
    *)
      _writ_words "--profile --workspace --read --write --manifest --network --env --mask --cache --cache-root --artifact --artifact-dir --fail-on --junit --sarif --json --summary --system --prefer-isolation --prefer --chdir --timeout --approve --subject --audit --explain --quiet --help --"
      ;;
  esac
}

_writ_caps() {
  local previous=${COMP_WORDS[COMP_CWORD - 1]} rights="read write execute link diff materialize delete grant revoke approve admin connect bind"
  if ((COMP_CWORD == 2)); then
    _writ_words "list inspect grant delegate revoke explain --help"
    return
  fi
  case $previous in
    --right) _writ_words "$rights" ;;
    --effect) _writ_words "allow ask deny" ;;
    --expires) _writ_words "10m 1h 24h" ;;
    --constraints) _writ_files ;;
    *)
      case ${COMP_WORDS[2]} in
        list) _writ_words "--subject --all --json --help" ;;
        inspect) _writ_words "--json --help" ;;
        grant) _writ_words "--to --right --effect --uses --expires --delegable --depth --constraints --reason --as --json --help" ;;
        delegate) _writ_words "--as --to --right --uses --expires --delegable --depth --constraints --reason --json --help" ;;
        revoke) _writ_words "--as --kill-holders --json --help" ;;
        explain) _writ_words "$rights --operation --json --help" ;;
      esac
      ;;
  esac
}

_writ_approvals() {
  if ((COMP_CWORD == 2)); then
    _writ_words "list show approve deny watch --help"
    return
  fi
  if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --policy ]]; then
    _writ_words "always_allow always_deny ask_each_time allow_once"
    return
  fi
  case ${COMP_WORDS[2]} in
    list) _writ_words "--all --json --help" ;;
    show) _writ_words "$(_writ_requests) --json --help" ;;
    approve) _writ_words "$(_writ_requests) --once --run --always --yes --policy --answer --resource --right --reason --revision --json --help" ;;
    deny) _writ_words "$(_writ_requests) --policy --reason --revision --json --help" ;;
    watch) _writ_words "--json --help" ;;
  esac
}

# Requests that wait.
_writ_broker() {
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    --socket) _writ_files ;;
    --ready) _writ_words "0 4 16" ;;
    *) _writ_words "--socket --ready --quiet --help" ;;
  esac
}

# Numbers of the sandboxes of the broker, and the options of the command $1.
_writ_sandboxes() {
  local options="--help" numbers
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    --stream) _writ_words "stdout stderr" && return ;;
    --grace) _writ_words "0s 2s 10s" && return ;;
    --signal | -s) mapfile -t COMPREPLY < <(compgen -A signal -- "${COMP_WORDS[COMP_CWORD]}") && return ;;
  esac
  case $1 in
    logs) options="--follow --stream --help" ;;
    kill) options="--grace --signal --help" ;;
  esac
  numbers=$(writ ps --json 2>/dev/null | sed -n 's/^ *"sandbox": \([0-9]*\),$/\1/p')
  _writ_words "$numbers $options"
}

_writ_requests() { writ approvals list 2>/dev/null | sed -n 's/^\(hreq_[0-9a-f]*\) .*/\1/p'; }

# Names of tools.
_writ_tools() { _writ_words "$(writ tool list 2>/dev/null | sed -n 's/^\([a-z0-9_]*\) .*/\1/p')"; }

_writ_tool() {
  local session="--profile --workspace --manifest --command-profile --subject --approve --audit --quiet --help"
  if ((COMP_CWORD == 2)); then
    _writ_words "list show call serve run --help"
    return
  fi
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    --profile | -p | --command-profile) _writ_profiles ;;
    --workspace | -C | --manifest) _writ_grant_value "${COMP_WORDS[COMP_CWORD - 1]}" ;;
    --approve) _writ_words "ask deny queue command:" ;;
    --args-file | --audit) _writ_files ;;
    --args | -a | --subject) ;;
    --visible) _writ_tools ;;
    *)
      case ${COMP_WORDS[2]} in
        list) _writ_words "--visible --json --quiet --help" ;;
        serve) _writ_words "--visible $session" ;;
        run) _writ_words "$session --" ;;
        show) if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then _writ_words "--json --quiet --help"; else _writ_tools; fi ;;
        call) if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then _writ_words "--args --args-file --json $session"; else _writ_tools; fi ;;
      esac
      ;;
  esac
}

_writ_audit() {
  local filter="--run --event --outcome --subject --object --since --until"
  if ((COMP_CWORD == 2)); then
    _writ_words "show tail verify export key --help"
    return
  fi
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    --event) _writ_words "segment head incomplete start launch request decision grant approval_asked approval_answered capability limit exit" ;;
    --format) _writ_words "jsonl csv" ;;
    --since | --until) _writ_words "5m 1h 24h" ;;
    *)
      case ${COMP_WORDS[2]} in
        show) _writ_words "$filter --json --help" ;;
        tail) _writ_words "$filter --follow --lines --json --help" ;;
        verify) _writ_words "--head --key --json --help" ;;
        export) _writ_words "$filter --format --help" ;;
        key) _writ_words "--json --help" ;;
      esac
      ;;
  esac
}

_writ() {
  local i
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _writ_words "run ci learn why profile caps approvals tool audit broker ps inspect logs kill pause resume attach doctor --help --version"
    return
  fi
  for ((i = 2; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} == -- ]]; then
      _writ_command $((i + 1))
      return
    fi
  done
  case ${COMP_WORDS[1]} in
    run) _writ_run ;;
    ci) _writ_ci ;;
    learn) _writ_learn ;;
    why) _writ_why ;;
    profile) _writ_profile ;;
    caps) _writ_caps ;;
    approvals) _writ_approvals ;;
    tool) _writ_tool ;;
    audit) _writ_audit ;;
    broker) _writ_broker ;;
    ps) _writ_words "--all --json --help" ;;
    inspect | logs | kill | pause | resume | attach) _writ_sandboxes "${COMP_WORDS[1]}" ;;
    doctor) _writ_words "--json --help" ;;
  esac
}

complete -o filenames -F _writ writ
