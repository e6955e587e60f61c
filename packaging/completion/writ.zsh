#compdef writ
# zsh completion for writ(1)

_writ_run() {
  _arguments -S \
    '--profile[use a shipped profile or a file]:profile:_writ_profile' \
    '*--read[let the program read a path]:path:_files' \
    '*--write[let the program read and write a path]:path:_files' \
    '*--env[pass or set an environment variable]:variable:_parameters -g "*export*"' \
    '--timeout[end the program after this time]:duration:(10s 60s 5m)' \
    '--report[write a JSON report]:file:_files' \
    '--dry-run[print what would be granted and run nothing]' \
    '--help[show help]' \
    '(-)1:command:_command_names -e' \
    '*::argument:_normal'
}

_writ_learn() {
  _arguments -S \
    '(-o --output)'{-o,--output}'[write the proposed profile to this file]:file:_files -g "*.yaml"' \
    '--merge[add what is new to the profile in this file]:file:_files -g "*.yaml"' \
    '--profile[profile to extend or compare with]:profile:_writ_profile' \
    '--permissive[list what the profile would have denied]' \
    '*--read[let the program read a path]:path:_files' \
    '*--write[let the program read and write a path]:path:_files' \
    '--json[print JSON]' \
    '(-q --quiet)'{-q,--quiet}'[print nothing but errors]' \
    '--help[show help]' \
    '(-)1:command:_command_names -e' \
    '*::argument:_normal'
}

_writ_profile() {
  _alternative 'shipped:shipped profile:(default readonly build python node git shell strict)' 'file:file:_files -g "*.yaml"'
}

_writ() {
  local state
  local -a commands=('run:run a program in a sandbox' 'learn:observe a run and propose a profile' 'doctor:say what this host can enforce')
  _arguments -C '--help[show help]' '--version[show the version]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
        run) _writ_run ;;
        learn) _writ_learn ;;
        doctor) _arguments '--json[print JSON]' '--help[show help]' ;;
      esac
      ;;
  esac
}

_writ "$@"
