# bash completion for writ(1)

# Completes the words of the command that is run, as if writ were not there.
_writ_command() {
  if declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  else
    mapfile -t COMPREPLY < <(compgen -A command -A file -- "${COMP_WORDS[COMP_CWORD]}")
  fi
}

_writ_profiles() { mapfile -t COMPREPLY < <(compgen -W "default readonly build python node git shell strict" -A file -- "$1"); }

_writ_run() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  case $previous in
    --profile) _writ_profiles "$current" ;;
    --read | --write | --report) mapfile -t COMPREPLY < <(compgen -A file -- "$current") ;;
    --env) mapfile -t COMPREPLY < <(compgen -A export -- "$current") ;;
    --timeout) mapfile -t COMPREPLY < <(compgen -W "10s 60s 5m" -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "--profile --read --write --env --timeout --report --dry-run --help --" -- "$current") ;;
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
  local current=${COMP_WORDS[COMP_CWORD]} i
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "run learn doctor --help --version" -- "$current")
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
    doctor) mapfile -t COMPREPLY < <(compgen -W "--json --help" -- "$current") ;;
  esac
}

complete -o filenames -F _writ writ
