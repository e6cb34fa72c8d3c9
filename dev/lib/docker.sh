# shellcheck shell=bash
# The Docker engine: one that answers, or Debian's, started for this project alone.
#
# Of our own engine everything lives under $ENGINE (socket, state, pid file), its containers' cgroups under /$CGROUP, its
# one bridge is $BRIDGE, and its processes carry $ENGINE_MARK in their environment. So all of it can be found again by
# whoever comes later, also when the engine itself was killed.

ENGINE=$CACHE/engine
ENGINE_HOST=unix://$ENGINE/docker.sock
ENGINE_MARK=SKILLBOX_ENGINE=$ENGINE
BRIDGE=skillbox0
CGROUP=skillbox-dev

engine_own_answers() { timeout 10 docker --host "$ENGINE_HOST" version >/dev/null 2>&1; }
engine_is_own() { [ "$DOCKER_HOST" = "$ENGINE_HOST" ]; }

# Sets DOCKER_HOST to the engine to use. One of the machine wins, but not over a cluster that we have in ours, whole or in
# ruins.
engine_select() {
	if [ ! -e "$ENGINE/docker.sock" ] && [ ! -e "$ENGINE/docker.pid" ] && timeout 10 docker info >/dev/null 2>&1; then
		export DOCKER_HOST=${DOCKER_HOST:-$(docker context inspect -f '{{.Endpoints.docker.Host}}' 2>/dev/null || echo unix:///var/run/docker.sock)}
	else
		export DOCKER_HOST=$ENGINE_HOST
	fi
}

engine_start() {
	engine_is_own || return 0
	engine_own_answers && return 0
	mkdir -p "$ENGINE"
	local flags=() dockerd i
	dockerd=$(command -v dockerd || echo /usr/sbin/dockerd)
	# Without CAP_SYS_RESOURCE a privileged container can't be made: runc fails to apply the capability. Only there, a
	# wrapper takes it out of the bundle's configuration, and out of an exec's process.
	if ! /usr/sbin/capsh --print | grep '^Bounding' | grep -q cap_sys_resource; then
		sed "s#@RUNC@#$CACHE/bin/runc#" "$ROOT/kind-config/runc-without-sys-resource" >"$ENGINE/runc"
		chmod +x "$ENGINE/runc"
		flags+=(--add-runtime "plain=$ENGINE/runc" --default-runtime plain)
	fi
	# No default bridge, no packet filter rules, no forwarding: the node is reached from this machine only, through
	# Docker's proxy, and nothing of the machine's network is changed. Our lock is not theirs to hold.
	env "$ENGINE_MARK" setsid "$dockerd" --host "$ENGINE_HOST" --pidfile "$ENGINE/docker.pid" \
		--data-root "$ENGINE/data" --exec-root "$ENGINE/run" \
		--bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
		--cgroup-parent "/$CGROUP" --storage-driver overlay2 "${flags[@]}" \
		>"$LOGS/dockerd.log" 2>&1 </dev/null 9>&- &
	for ((i = 0; i < 150; i++)); do
		engine_own_answers && return 0
		kill -0 $! 2>/dev/null || break
		sleep 0.2
	done
	echo "Docker's engine does not answer; the end of $LOGS/dockerd.log:"
	tail -n 20 "$LOGS/dockerd.log"
	return 1
}

# Is this process our engine's or of a container of it? By its environment, or by its cgroup (a node's processes have
# environments of their own).
engine_has_process() { # PID
	grep -qzxF "$ENGINE_MARK" "/proc/$1/environ" 2>/dev/null || grep -q ":/$CGROUP/" "/proc/$1/cgroup" 2>/dev/null
}

engine_processes() {
	local dir
	for dir in /proc/[0-9]*; do
		if engine_has_process "${dir#/proc/}"; then echo "${dir#/proc/}"; fi
	done
}

# Ends our engine and removes what it and its containers have on this machine: processes, mounts, network namespaces,
# links, cgroups, sockets. What it has stored stays. Works whatever is left of it.
engine_end() {
	local pid i left path
	pid=$(cat "$ENGINE/docker.pid" 2>/dev/null || true)
	# A pid file can outlive its process, and the number be another's by now.
	if [ -n "$pid" ] && engine_has_process "$pid"; then
		kill -TERM "$pid" 2>/dev/null || true
		for ((i = 0; i < 150; i++)); do
			[ -d "/proc/$pid" ] || break
			sleep 0.1
		done
	fi
	for ((i = 0; i < 50; i++)); do
		left=$(engine_processes)
		[ -n "$left" ] || break
		# shellcheck disable=SC2086 # words
		kill -KILL $left 2>/dev/null || true
		sleep 0.2
	done
	# Latest first: a mount may stand on another.
	while read -r path; do
		umount -l "$path" || true
	done < <(awk -v dir="$ENGINE/" '{ gsub(/\\040/, " ", $2); if (index($2, dir) == 1) print $2 }' /proc/mounts | tac)
	if [ -e "/sys/class/net/$BRIDGE" ]; then
		for path in "/sys/class/net/$BRIDGE/brif/"*; do
			[ ! -e "$path" ] || ip link delete "${path##*/}" || true
		done
		ip link delete "$BRIDGE" || true
	fi
	# A cgroup goes when its processes and children have gone, which takes a moment.
	for path in /sys/fs/cgroup/*/"$CGROUP" /sys/fs/cgroup/"$CGROUP"; do
		for ((i = 0; i < 50; i++)); do
			[ -d "$path" ] || break
			find "$path" -depth -type d -exec rmdir {} \; 2>/dev/null || true
			sleep 0.1
		done
	done
	rm -rf "$ENGINE/run" "$ENGINE/docker.sock" "$ENGINE/docker.pid"
}

# Makes our engine answer, whatever state it was left in.
engine_up() {
	engine_is_own || return 0
	engine_own_answers && return 0
	engine_end
	if ! engine_start; then
		echo "the engine's store seems damaged; starting with an empty one"
		engine_end
		rm -rf "$ENGINE/data"
		engine_start
	fi
}
