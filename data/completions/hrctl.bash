# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion of hrctl for bash: verbs, options, and the names of the services that the daemon has.

# Names of services, from the daemon that the options on the line ask for; nothing if none runs.
_hrctl_services ()
{
  local word
  local -a bus=()

  for word in "${COMP_WORDS[@]}"; do
    case $word in
      --session | --system) bus=("$word") ;;
    esac
  done
  hrctl "${bus[@]}" --timeout=2 list --names 2>/dev/null
}

_hrctl ()
{
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local every='--session --system --json --no-wait --timeout= --no-color --help --version'
  local verbs='list status top start stop restart reload reload-all rollback reset-failed releases diff plan pause resume promote
    abort hold history
    snapshot logs monitor run check add remove daemon-reload daemon-reexec version help'
  local verb='' options='' i n=0

  COMPREPLY=()

  # "=" is a word of its own for readline.
  if [[ $cur == = ]]; then
    cur='' prev=${COMP_WORDS[COMP_CWORD-1]}
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi

  case $prev in
    --watch | --config-dir)
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return ;;
    --profile)
      mapfile -t COMPREPLY < <(compgen -W 'development production testing' -- "$cur")
      return ;;
    --sort)
      mapfile -t COMPREPLY < <(compgen -W 'name cpu memory restarts release state' -- "$cur")
      return ;;
    --timeout | --to | --lines | -n | --listen | --name | --release | --count | --delay | -d)
      return ;;
  esac

  for (( i = 1; i < COMP_CWORD; i++ )); do
    case ${COMP_WORDS[i]} in
      --timeout | --to | --lines | -n | --listen | --name | --release | --watch | --config-dir | --profile | --count | \
        --delay | -d | --sort)
        [[ ${COMP_WORDS[i+1]} == = ]] && (( i++ ))
        (( i++ )) ;;
      -*) ;;
      *)
        if [[ -z $verb ]]; then
          verb=${COMP_WORDS[i]}
        else
          (( n++ ))
        fi ;;
    esac
  done

  case $verb in
    list) options='--names' ;;
    status) options='--lines=' ;;
    top) options='--batch --count= --delay= --sort=' ;;
    stop) options='--all' ;;
    rollback) options='--to=' ;;
    history) options='--lines= --long' ;;
    releases) options='--long' ;;
    logs) options='--follow --lines= --newest --plain --release= --since=' ;;
    run) options='--listen= --watch= --name= --no-validate' ;;
    check) options='--config-dir= --profile=' ;;
    add) options='--name=' ;;
  esac

  # What is run completes itself.
  if [[ $verb == run && $n -gt 0 ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    return
  fi

  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$every $options" -- "$cur")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return
  fi

  case $verb in
    '')
      mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
    start | stop | restart | reload)
      mapfile -t COMPREPLY < <(compgen -W "$(_hrctl_services)" -- "$cur") ;;
    status | rollback | reset-failed | releases | diff | plan | pause | resume | promote | abort | hold | history | \
      logs | remove)
      (( n == 0 )) && mapfile -t COMPREPLY < <(compgen -W "$(_hrctl_services)" -- "$cur") ;;
    snapshot)
      (( n == 0 )) && mapfile -t COMPREPLY < <(compgen -W 'create list show restore' -- "$cur")
      (( n == 1 )) && mapfile -t COMPREPLY < <(compgen -W "$(_hrctl_services)" -- "$cur") ;;
    run)
      mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
    add | check)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    help)
      mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
  esac
  return 0
}

complete -F _hrctl hrctl
