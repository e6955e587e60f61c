# fish completion for writ(1)
function __writ_profiles
    writ profile list --json 2>/dev/null | string match --regex --groups-only '^ *"name": "([a-z0-9-]+)"'
    __fish_complete_suffix .yaml
end

set -l commands run learn why profile caps approvals tool audit doctor
set -l needs_command "not __fish_seen_subcommand_from $commands"
set -l in_run '__fish_seen_subcommand_from run; and not __fish_seen_subcommand_from tool'
set -l in_why '__fish_seen_subcommand_from why'
set -l in_learn '__fish_seen_subcommand_from learn'
set -l in_doctor '__fish_seen_subcommand_from doctor'
set -l profile_commands list show check test diff explain schema init
set -l in_profile '__fish_seen_subcommand_from profile'
set -l needs_profile_command "$in_profile; and not __fish_seen_subcommand_from $profile_commands"

complete -c writ -f -n $needs_command -a run -d 'run a program in a sandbox'
complete -c writ -f -n $needs_command -a learn -d 'observe a run and propose a profile'
complete -c writ -f -n $needs_command -a why -d 'say what a profile decides about one access'
complete -c writ -f -n $needs_command -a profile -d 'look at profiles, check them, compare them'
complete -c writ -f -n $needs_command -a caps -d 'grant, delegate, revoke and explain capabilities'
complete -c writ -f -n $needs_command -a approvals -d 'look at what waits for a person, and answer it'
complete -c writ -f -n $needs_command -a tool -d 'look at the tools for agents, and call them'
complete -c writ -f -n $needs_command -a audit -d 'look at audit logs and verify them'
complete -c writ -f -n '__fish_seen_subcommand_from audit' -a 'show tail verify export key'
complete -c writ -f -n $needs_command -a doctor -d 'say what this host can enforce'
complete -c writ -f -n $needs_command -l version -d 'show the version'
complete -c writ -f -l help -d 'show help'

for in_command in $in_run $in_why
    complete -c writ -n $in_command -s C -l workspace -x -a '(__fish_complete_directories)' -d 'workspace instead of this directory'
    complete -c writ -n $in_command -s r -l read -r -F -d 'let the program read a path'
    complete -c writ -n $in_command -s w -l write -r -F -d 'let the program read and write a path'
    complete -c writ -n $in_command -l manifest -r -F -d 'grant nothing beyond this profile'
    complete -c writ -n $in_command -l network -x -a 'none host' -d 'network of the sandbox'
end

set -l approval_commands list show approve deny watch
set -l in_approvals '__fish_seen_subcommand_from approvals'
set -l in_decision "$in_approvals; and __fish_seen_subcommand_from approve deny"
set -l in_approve "$in_approvals; and __fish_seen_subcommand_from approve"
complete -c writ -f -n "$in_approvals; and not __fish_seen_subcommand_from $approval_commands" -a "$approval_commands"
complete -c writ -f -n "$in_approvals; and __fish_seen_subcommand_from show approve deny" -a '(writ approvals list 2>/dev/null | string match --regex --groups-only "^(hreq_[0-9a-f]+) ")'
complete -c writ -n "$in_approvals; and __fish_seen_subcommand_from list" -l all -d 'also what is decided'
complete -c writ -n $in_approvals -l json -d 'print JSON'
complete -c writ -n $in_approve -l once -d 'allow this call'
complete -c writ -n $in_approve -l run -d 'allow it for the rest of the run'
complete -c writ -n $in_approve -l always -d 'allow it and write a rule'
complete -c writ -n $in_decision -l policy -x -a 'always_allow always_deny ask_each_time allow_once' -d 'what holds from now on'
complete -c writ -n $in_decision -l reason -x -d 'why'

complete -c writ -n $in_run -l approve -x -a 'ask deny queue command:' -d 'who answers what a rule wants asked'
complete -c writ -n $in_run -s p -l profile -x -a '(__writ_profiles)' -d 'profile by name, or a file'
complete -c writ -n $in_run -s e -l env -x -a '(set --names --export)' -d 'pass or set an environment variable'
complete -c writ -n $in_run -s t -l timeout -x -a '10s 60s 5m' -d 'end the program after this time'
complete -c writ -n $in_run -l report -r -F -d 'write a JSON report'
complete -c writ -n $in_run -s n -l dry-run -d 'print what would be granted and run nothing'
complete -c writ -n $in_run -s q -l quiet -d 'no warnings'
complete -c writ -n $in_run -a '(__fish_complete_subcommand --fcs-skip=2)'

complete -c writ -n $in_why -a '(__writ_profiles)'
complete -c writ -n $in_why -a 'read write execute list connect bind exec'
complete -c writ -n $in_why -l json -d 'print JSON'

complete -c writ -f -n $needs_profile_command -a list -d 'list the profiles that can be named'
complete -c writ -f -n $needs_profile_command -a show -d 'print a profile'
complete -c writ -f -n $needs_profile_command -a check -d 'look for mistakes, run tests, give advice'
complete -c writ -f -n $needs_profile_command -a test -d 'run the cases of a profile'
complete -c writ -f -n $needs_profile_command -a diff -d 'compare what two profiles mean'
complete -c writ -f -n $needs_profile_command -a explain -d 'say how each part is enforced'
complete -c writ -f -n $needs_profile_command -a schema -d 'print the JSON Schema of profiles'
complete -c writ -f -n $needs_profile_command -a init -d 'write a first profile'
complete -c writ -n "$in_profile; and __fish_seen_subcommand_from show check test diff explain" -x -a '(__writ_profiles)'
complete -c writ -n "$in_profile; and __fish_seen_subcommand_from show" -l resolved -d 'the policy that the profile means'
complete -c writ -n "$in_profile; and __fish_seen_subcommand_from explain" -l all -d 'also what every profile denies'
complete -c writ -n $in_profile -l json -d 'print JSON'
complete -c writ -n $in_learn -s o -l output -r -F -d 'write the proposed profile to this file'
complete -c writ -n $in_learn -l merge -r -F -d 'add what is new to the profile in this file'
complete -c writ -n $in_learn -l profile -x -a 'default readonly build python node git shell strict' -d 'profile to extend or compare with'
complete -c writ -n $in_learn -l permissive -d 'list what the profile would have denied'
complete -c writ -n $in_learn -l read -r -F -d 'let the program read a path'
complete -c writ -n $in_learn -l write -r -F -d 'let the program read and write a path'
complete -c writ -n $in_learn -l json -d 'print JSON'
complete -c writ -n $in_learn -s q -l quiet -d 'print nothing but errors'
complete -c writ -n $in_learn -a '(__fish_complete_subcommand --fcs-skip=2)'

set -l caps_commands list inspect grant delegate revoke explain
set -l in_caps '__fish_seen_subcommand_from caps'
set -l in_draft "$in_caps; and __fish_seen_subcommand_from grant delegate"
complete -c writ -f -n "$in_caps; and not __fish_seen_subcommand_from $caps_commands" -a "$caps_commands"
complete -c writ -n "$in_caps; and __fish_seen_subcommand_from list" -l subject -x -d 'only those of one subject'
complete -c writ -n "$in_caps; and __fish_seen_subcommand_from list" -l all -d 'also what has ended'
complete -c writ -n "$in_caps; and __fish_seen_subcommand_from grant" -l effect -x -a 'allow ask deny' -d 'what it says'
complete -c writ -n $in_draft -l to -x -d 'whose it will be'
complete -c writ -n $in_draft -l right -x -a 'read write execute link diff materialize delete grant revoke approve admin connect bind' -d 'a right'
complete -c writ -n $in_draft -l uses -x -d 'how often it can be used'
complete -c writ -n $in_draft -l expires -x -a '10m 1h 24h' -d 'when it ends'
complete -c writ -n $in_draft -l delegable -d 'parts of it may be handed on'
complete -c writ -n $in_draft -l depth -x -d 'how often parts may be handed on further'
complete -c writ -n $in_draft -l constraints -r -F -d 'rules about operations, a JSON file'
complete -c writ -n $in_draft -l reason -x -d 'why'
complete -c writ -n "$in_caps; and __fish_seen_subcommand_from revoke" -l kill-holders -d 'end who still holds something of it'
complete -c writ -n "$in_caps; and __fish_seen_subcommand_from grant delegate revoke" -l as -x -d 'act with this subject only'
complete -c writ -n "$in_caps; and __fish_seen_subcommand_from explain" -l operation -x -d 'what is being done'
complete -c writ -f -n $in_caps -l json -d 'print JSON'

set -l tool_commands list show call serve run
set -l in_tool '__fish_seen_subcommand_from tool'
set -l in_call "$in_tool; and __fish_seen_subcommand_from call"
set -l in_session "$in_tool; and __fish_seen_subcommand_from call serve run"
set -l tool_names '(writ tool list 2>/dev/null | string match --regex --groups-only "^([a-z0-9_]+) ")'
complete -c writ -f -n "$in_tool; and not __fish_seen_subcommand_from $tool_commands" -a "$tool_commands"
complete -c writ -f -n "$in_tool; and __fish_seen_subcommand_from show call" -a $tool_names
complete -c writ -n $in_call -s a -l args -x -d 'the arguments, as JSON'
complete -c writ -n $in_call -l args-file -r -F -d 'the arguments, from a file'
complete -c writ -n "$in_tool; and __fish_seen_subcommand_from list serve" -l visible -x -a $tool_names -d 'tell a model of this tool'
complete -c writ -n $in_session -s p -l profile -x -a '(__writ_profiles)' -d 'profile by name, or a file'
complete -c writ -n $in_session -s C -l workspace -x -a '(__fish_complete_directories)' -d 'workspace instead of this directory'
complete -c writ -n $in_session -l manifest -r -F -d 'grant nothing beyond this profile'
complete -c writ -n $in_session -l command-profile -x -a '(__writ_profiles)' -d 'profile of the commands that tools run'
complete -c writ -n $in_session -l subject -x -d 'whose capabilities count'
complete -c writ -n $in_session -l approve -x -a 'ask deny queue command:' -d 'who answers what a rule wants asked'
complete -c writ -n $in_session -l audit -r -F -d 'write the audit log to this file'
complete -c writ -n "$in_tool; and __fish_seen_subcommand_from list show call" -l json -d 'print JSON'
complete -c writ -n $in_tool -s q -l quiet -d 'do not say what was refused'
complete -c writ -n "$in_tool; and __fish_seen_subcommand_from run" -a '(__fish_complete_subcommand --fcs-skip=3)'

complete -c writ -f -n $in_doctor -l json -d 'print JSON'
