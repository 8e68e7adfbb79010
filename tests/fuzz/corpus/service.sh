#!/bin/sh
### BEGIN INIT INFO
# Provides:          thing
### END INIT INFO
PATH=/sbin:/bin; DAEMON=/usr/sbin/thing
NAME="thing" PIDFILE=/run/$NAME.pid
test -x $DAEMON || exit 0
[ -r /etc/default/$NAME ] && . /etc/default/$NAME

status() { if [ -s "$PIDFILE" ] && kill -0 "$(cat $PIDFILE)" 2>/dev/null
	then echo "$NAME runs"; else echo "$NAME doesn't run"; return 3; fi; }

case "$1" in
  start) echo -n "Starting $NAME: "
	start-stop-daemon --start --pidfile $PIDFILE \
		--exec $DAEMON -- ${OPTIONS:-"-d"} && echo "ok." || { echo failed; exit 1; } ;;
  stop|force-stop)
	kill `cat $PIDFILE`; rm -f "$PIDFILE"
	;;
  restart) $0 stop; sleep 1; "$0" start;;
  status) status;;
  *) echo "Usage: $0 {start|stop|restart}" >&2; exit 2
esac
awk -F: '$3 >= 1000 { print $1 " (" $3 ")" }' /etc/passwd | sed -e 's/(\([0-9]*\))/\1/' -e "s|$HOME|~|"
find / -xdev -name '*.tmp' -mtime +7 -exec rm -f {} \; 2>&1 | head -n "${MAX-5}" > /dev/null &
n=0; while [ "$n" -lt 3 ]; do n=$((n+1)); eval "v$n=\$n"; done; export n v1; unset v2
