#compdef writ
# zsh completion for writ(1)

# Options that decide what is granted, for run and why.
_writ_grants=(
  '(-C --workspace)'{-C,--workspace}'[use this workspace instead of the current directory]:directory:_directories'
  '*'{-r,--read}'[let the program read a path]:path:_files'
  '*'{-w,--write}'[let the program read and write a path]:path:_files'
  '*--manifest[grant nothing beyond this profile]:file:_files -g "*.yaml"'
  '--network[network of the sandbox]:network:(none host)'
  '--help[show help]'
)

_writ_run() {
  _arguments -S $_writ_grants \
    '(-p --profile)'{-p,--profile}'[profile by name, or a file]:profile:_writ_profiles' \
    '*'{-e,--env}'[pass or set an environment variable]:variable:_parameters -g "*export*"' \
    '(-t --timeout)'{-t,--timeout}'[end the program after this time]:duration:(10s 60s 5m)' \
    '*--limit[set one limit]:limit:(memory= swap= cpus= cpu_weight= processes= total_cpu_time= output_size= write_size= tmp_size= file_size=)' \
    '*--prefer[go on without a layer]:layer:' \
    '--report[write a JSON report]:file:_files' \
    '(-n --dry-run)'{-n,--dry-run}'[print what would be granted and run nothing]' \
    '--json[with --dry-run: print JSON]' \
    '--approve[who answers what a rule wants asked]:answers:(ask deny queue command\:)' \
    '--explain[find out what the program looks for and was not granted]' \
    '--trace[say what is decided as it happens]' \
    '(--detach)--broker[launch through the broker]' \
    '(--broker)--detach[launch through the broker, and go]' \
    '--terminal[with --detach\: give it a terminal]' \
    '(-q --quiet)'{-q,--quiet}'[no warnings, no denials]' \
    '(-)1:command:_command_names -e' \
    '*::argument:_normal'
}

_writ_why() {
  _arguments -S $_writ_grants '--json[print JSON]' \
    '1:profile:_writ_profiles' \
    '2:action:(read write execute list connect bind exec)' \
    '*:target:_files'
}

_writ_sandboxes() {
  local -a numbers
  numbers=(${(f)"$(writ ps --json 2>/dev/null | sed -n 's/^ *"sandbox": \([0-9]*\),$/\1/p')"})
  compadd -a numbers
}

_writ_profiles() {
  local -a names
  names=(${(f)"$(writ profile list --json 2>/dev/null | sed -n 's/^ *"name": "\([a-z0-9-]*\)",$/\1/p')"})
  _alternative "names:profile:($names)" 'file:file:_files -g "*.yaml"'
}

_writ_ci() {
  _arguments -S $_writ_grants \
    '(-p --profile)'{-p,--profile}'[profile by name, or a file]:profile:_writ_profiles' \
    '*'{-e,--env}'[pass or set an environment variable]:variable:_parameters -g "*export*"' \
    '*--mask[replace the value of a variable in all output]:variable:_parameters -g "*export*"' \
    '*--cache[keep a directory for later runs]:NAME=PATH:' \
    '--cache-root[where caches are kept]:directory:_directories' \
    '*--artifact[collect these files afterwards]:pattern:_files' \
    '--artifact-dir[where they are collected]:directory:_directories' \
    '*--fail-on[what makes the step fail]:finding:(deny limit degraded none)' \
    '--junit[write the verdict as JUnit XML]:file:_files' \
    '--sarif[write what was denied as SARIF]:file:_files' \
    '--json[write verdict and report as JSON]:file:_files' \
    '--summary[write a summary in Markdown]:file:_files' \
    '--system[write for this CI system]:system:(auto github gitlab jenkins buildkite azure circle plain)' \
    '--prefer-isolation[go on without the layers that this host lacks]' \
    '*--prefer[go on without a layer]:layer:' \
    '--chdir[start in this directory of the sandbox]:directory:_directories' \
    '(-t --timeout)'{-t,--timeout}'[end the program after this time]:duration:(10s 60s 5m)' \
    '--approve[who answers what a rule wants asked]:answers:(deny queue command\:)' \
    '--subject[whose capabilities count]:subject:' \
    '--audit[where the audit log goes]:file:_files' \
    '--explain[find out what the program looks for and was not granted]' \
    '(-q --quiet)'{-q,--quiet}'[no groups, no annotations, no verdict in the log]' \
    '(-)1:command:_command_names -e' \
    '*::argument:_normal'
}

_writ_learn() {
  _arguments -S \
    '(-o --output)'{-o,--output}'[write the proposed profile to this file]:file:_files -g "*.yaml"' \
    '--merge[add what is new to the profile in this file]:file:_files -g "*.yaml"' \
    '--profile[profile to extend or compare with]:profile:_writ_profiles' \
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
  local state
  local -a commands=(
    'list:list the profiles that can be named'
    'show:print a profile as it was written, or as what it means'
    'check:look for mistakes, run the tests, give advice'
    'test:run the cases of a profile'
    'diff:compare what two profiles mean'
    'explain:say by which mechanism each part is enforced'
    'schema:print the JSON Schema of profiles'
    'init:write a first profile for this project'
  )
  _arguments -C '--help[show help]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
        show) _arguments '--resolved[the policy that the profile means]' '--json[print JSON]' '1:profile:_writ_profiles' ;;
        explain) _arguments '--all[also what every profile denies]' '--json[print JSON]' '1:profile:_writ_profiles' ;;
        check | test | diff) _arguments '--json[print JSON]' '*:profile:_writ_profiles' ;;
        init) _arguments '--json[print JSON]' '1:file:_files' ;;
        list | schema) _arguments '--json[print JSON]' ;;
      esac
      ;;
  esac
}

_writ_caps() {
  local state rights='(read write execute link diff materialize delete grant revoke approve admin connect bind)'
  local -a commands=(
    'list:list capabilities'
    'inspect:print everything about one'
    'grant:make a capability'
    'delegate:hand on a part of one'
    'revoke:take one back'
    'explain:say what a subject may do, and from whom it has that'
  )
  local -a draft=(
    '--to[whose it will be]:subject:' "*--right[a right]:right:$rights" '--uses[how often it can be used]:number:'
    '--expires[when it ends]:duration:(10m 1h 24h)' '--delegable[parts of it may be handed on]' '--depth[how often]:number:'
    '--constraints[rules about operations]:file:_files' '--reason[why]:text:' '--as[act with this one only]:subject:'
    '--json[print JSON]'
  )
  _arguments -C '--help[show help]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
        list) _arguments '--subject[only those of one]:subject:' '--all[also what has ended]' '--json[print JSON]' ;;
        inspect) _arguments '--json[print JSON]' '1:id:' ;;
        grant) _arguments $draft '--effect[what it says]:effect:(allow ask deny)' '1:resource:' ;;
        delegate) _arguments $draft '1:id:' '2:resource:' ;;
        revoke) _arguments '--as[act with this one only]:subject:' '--kill-holders[end who still holds something of it]' '--json[print JSON]' '1:id:' ;;
        explain) _arguments '--operation[what is being done]:name:' '--json[print JSON]' '1:subject:' "2:right:$rights" '3:resource:' ;;
      esac
      ;;
  esac
}

_writ_requests() {
  local -a ids
  ids=(${(f)"$(writ approvals list 2>/dev/null | sed -n 's/^\(hreq_[0-9a-f]*\) .*/\1/p')"})
  _describe request ids
}

_writ_approvals() {
  local state
  local -a commands=(
    'list:list what waits for a person'
    'show:show one request in full'
    'approve:answer yes'
    'deny:answer no'
    'watch:wait for requests and answer them as they come'
  )
  local -a decision=('--policy[what holds from now on]:policy:(always_allow always_deny ask_each_time allow_once)'
    '--reason[why]:text:' '--revision[only if the request still has this revision]:number:' '--json[print JSON]')
  _arguments -C '--help[show help]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
        list) _arguments '--all[also what is decided]' '--json[print JSON]' ;;
        show) _arguments '--json[print JSON]' '1:request:_writ_requests' ;;
        approve) _arguments $decision '--once[this call]' '--run[for the rest of the run]' '--always[write a rule]' \
          '--yes[confirm the rule]' '--answer[the answer to a question]:text:' '--resource[grant this instead]:resource:' \
          '*--right[grant this right only]:right:' '1:request:_writ_requests' ;;
        deny) _arguments $decision '1:request:_writ_requests' ;;
        watch) _arguments '--json[print JSON]' ;;
      esac
      ;;
  esac
}

_writ_tools() {
  local -a names
  names=(${(f)"$(writ tool list 2>/dev/null | sed -n 's/^\([a-z0-9_]*\) .*/\1/p')"})
  _describe tool names
}

_writ_tool() {
  local state
  local -a commands=(
    'list:list the tools'
    'show:print what one takes, gives, and could ever reach'
    'call:call a tool'
    'serve:call tools that standard input names'
    'run:run a program that speaks to the broker itself'
  )
  local -a session=(
    '(-p --profile)'{-p,--profile}'[profile by name, or a file]:profile:_writ_profiles'
    '(-C --workspace)'{-C,--workspace}'[use this workspace instead of the current directory]:directory:_directories'
    '*--manifest[grant nothing beyond this profile]:file:_files -g "*.yaml"'
    '--command-profile[profile of the commands that tools run]:profile:_writ_profiles'
    '--subject[whose capabilities count]:subject:'
    '--approve[who answers what a rule wants asked]:answers:(ask deny queue command\:)'
    '--audit[write the audit log to this file]:file:_files'
    '(-q --quiet)'{-q,--quiet}'[do not say what was refused]'
  )
  local visible='*--visible[tell a model of this tool]:tool:_writ_tools'
  _arguments -C '--help[show help]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
        list) _arguments $visible '--json[print JSON]' ;;
        show) _arguments '--json[print JSON]' '1:tool:_writ_tools' ;;
        call) _arguments $session '(-a --args --args-file)'{-a,--args}'[the arguments, as JSON]:JSON:' \
          '(-a --args)--args-file[the arguments, from a file]:file:_files' '--json[print JSON]' '1:tool:_writ_tools' ;;
        serve) _arguments $session $visible ;;
        run) _arguments -S $session '(-)1:command:_command_names -e' '*::argument:_normal' ;;
      esac
      ;;
  esac
}

_writ_audit() {
  local state
  local -a commands=(
    'show:print records'
    'tail:print the last records'
    'verify:look for what was changed'
    'export:print records with the head that signs them'
    'key:print the public key'
  )
  _arguments -C '--help[show help]' '1:command:->command' '*:log:_files'
  [[ $state == command ]] && _describe command commands
}

_writ() {
  local state
  local -a commands=(
    'run:run a program in a sandbox'
    'ci:run a step of a CI job, with a verdict'
    'learn:observe a run and propose a profile'
    'why:say what a profile decides about one access'
    'profile:look at profiles, check them, compare them'
    'caps:grant, delegate, revoke and explain capabilities'
    'approvals:look at what waits for a person, and answer it'
    'tool:look at the tools for agents, and call them'
    'audit:look at audit logs and verify them'
    'broker:keep sandboxes for other commands'
    'ps:list the sandboxes of the broker'
    'inspect:print all that is known about a sandbox'
    'logs:print what a detached sandbox has written'
    'kill:end sandboxes of the broker'
    'pause:stop all processes of a sandbox'
    'resume:let a paused sandbox go on'
    'attach:use the terminal of a detached sandbox'
    'doctor:say what this host can enforce'
  )
  _arguments -C '--help[show help]' '--version[show the version]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
        run) _writ_run ;;
        ci) _writ_ci ;;
        learn) _writ_learn ;;
        why) _writ_why ;;
        profile) _writ_profile ;;
        caps) _writ_caps ;;
        approvals) _writ_approvals ;;
        tool) _writ_tool ;;
        audit) _writ_audit ;;
        broker)
          _arguments '--socket[listen here]:file:_files' '--ready[sandboxes kept ready]:number:' \
            '(-q --quiet)'{-q,--quiet}'[say nothing]' '--help[show help]' ;;
        ps) _arguments '(-a --all)'{-a,--all}'[also those that are over]' '--json[print JSON]' '--help[show help]' ;;
        logs)
          _arguments '(-f --follow)'{-f,--follow}'[go on with what comes]' '--stream[which stream]:stream:(stdout stderr)' \
            '--help[show help]' '1:sandbox:_writ_sandboxes' ;;
        kill)
          _arguments '--grace[time between SIGTERM and SIGKILL]:duration:(0s 2s 10s)' \
            '(-s --signal)'{-s,--signal}'[send this signal]:signal:_signals' '--help[show help]' '*:sandbox:_writ_sandboxes' ;;
        inspect | pause | resume | attach) _arguments '--help[show help]' '*:sandbox:_writ_sandboxes' ;;
        doctor) _arguments '--json[print JSON]' '--help[show help]' ;;
      esac
      ;;
  esac
}

_writ "$@"
