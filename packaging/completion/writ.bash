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
  mapfile -t COMPREPLY < <(compgen -W "${names:-default readonly build python node git shell strict}" -A file -- "${COMP_WORDS[COMP_CWORD]}")
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
    --approve) _writ_words "ask deny" ;;
    --env | -e) mapfile -t COMPREPLY < <(compgen -A export -- "${COMP_WORDS[COMP_CWORD]}") ;;
    --timeout | -t) _writ_words "10s 60s 5m" ;;
    *)
      _writ_grant_value "$previous" ||
        _writ_words "--profile --workspace --read --write --manifest --network --env --timeout --prefer --approve --report --explain --trace --dry-run --json --quiet --help --"
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

_writ() {
  local i
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _writ_words "run learn why profile doctor --help --version"
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
    learn) _writ_learn ;;
    why) _writ_why ;;
    profile) _writ_profile ;;
    doctor) _writ_words "--json --help" ;;
  esac
}

complete -o filenames -F _writ writ
