# fish completion for writ(1)
set -l needs_command 'not __fish_seen_subcommand_from run doctor'
set -l in_run '__fish_seen_subcommand_from run'
set -l in_doctor '__fish_seen_subcommand_from doctor'

complete -c writ -f -n $needs_command -a run -d 'run a program in a sandbox'
complete -c writ -f -n $needs_command -a doctor -d 'say what this host can enforce'
complete -c writ -f -n $needs_command -l version -d 'show the version'
complete -c writ -f -l help -d 'show help'

complete -c writ -n $in_run -l profile -x -a 'default readonly build python node git shell strict (__fish_complete_suffix .yaml)' -d 'shipped profile or file'
complete -c writ -n $in_run -l read -r -F -d 'let the program read a path'
complete -c writ -n $in_run -l write -r -F -d 'let the program read and write a path'
complete -c writ -n $in_run -l env -x -a '(set --names --export)' -d 'pass or set an environment variable'
complete -c writ -n $in_run -l timeout -x -a '10s 60s 5m' -d 'end the program after this time'
complete -c writ -n $in_run -l report -r -F -d 'write a JSON report'
complete -c writ -n $in_run -l dry-run -d 'print what would be granted and run nothing'
complete -c writ -n $in_run -a '(__fish_complete_subcommand --fcs-skip=2)'

complete -c writ -f -n $in_doctor -l json -d 'print JSON'
