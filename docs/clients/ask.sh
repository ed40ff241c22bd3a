#!/usr/bin/env bash
# Asks questions in one session: ask.sh ws://HOST:PORT TOKEN SESSION QUESTION... Needs jq, and wscat (CLIENT=wscat) or websocat (CLIENT=websocat).
server=$1 token=$2 session=$3 position="" failures=0 run="ask-$$-$RANDOM" ends='^(turn_complete|interrupted|error|refused)$' fifo=$(mktemp -u)
shift 3

connect() { # Each frame becomes a line of fields. Some messages have several frames; websocat puts them on one line.
  case ${CLIENT:-wscat} in
    wscat) ${WSCAT:-wscat} -s holdfast.v1.json -H "Authorization: Bearer $token" -c "$1" ;;
    websocat) websocat -E --protocol holdfast.v1.json -H="Authorization: Bearer $token" "$1" ;;
  esac <"$fifo" 2>/dev/null | sed -u 's/^[<> ]*//; /^{/!d' |
    jq -r --unbuffered '[.type, .seq // "-", .epoch // "-", .retryable // false, .final_response // "(\(.type))"] | @tsv'
}

while (($#)); do
  mkfifo "$fifo"
  exec {from}< <(connect "$server/ws/$session?max_message=60000$position") {to}>"$fifo"
  rm "$fifo"
  # The server sends something at least every 20 s: after 40 s of silence the socket is dead.
  while (($#)) && IFS=$'\t' read -r -t 40 -u "$from" type seq epoch retryable answer; do
    [[ $retryable == true ]] && break # such as `going_away`: come back and ask again
    [[ $type == ready ]] && current=$epoch
    [[ $type =~ $ends ]] && printf '%b\n' "$answer" && shift
    [[ $seq != - && ! $type =~ ^(ready|snapshot|heartbeat)$ ]] && failures=0 position="&after=$seq&epoch=$current"
    if (($#)) && [[ $type == synced || $type =~ $ends ]]; then # again after a cut: its id makes sure it is done once
      jq -nc --arg id "$run-$#" --arg text "$1" '{type: "user_input", $id, $text}' >&"$to" || break
    fi
  done
  exec {from}<&- {to}>&- # which ends the client
  (($#)) && sleep "$((RANDOM % (failures < 5 ? 1 << failures : 30))).$((RANDOM % 10))" && ((++failures))
done
exit 0
