# fish completion for writ(1)
function __writ_profiles
    writ profile list --json 2>/dev/null | string match --regex --groups-only '^ *"name": "([a-z0-9-]+)"'
    __fish_complete_suffix .yaml
end

set -l commands run learn why profile doctor
set -l needs_command "not __fish_seen_subcommand_from $commands"
set -l in_run '__fish_seen_subcommand_from run'
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

complete -c writ -f -n $in_doctor -l json -d 'print JSON'
