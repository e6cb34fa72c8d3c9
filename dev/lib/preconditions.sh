# shellcheck shell=bash
# What has to hold before anything is changed.

require_root() {
	[ "$(id -u)" = 0 ] || die "run this as root: it installs Debian packages and starts a container engine"
}

require_debian() {
	local id='' version=''
	id=$(. /etc/os-release 2>/dev/null && echo "${ID:-}") || true
	version=$(. /etc/os-release 2>/dev/null && echo "${VERSION_ID:-}") || true
	[ "$id $version" = "debian 12" ] ||
		die "this needs Debian 12 (bookworm); here is '${id:-unknown} ${version}'. On another system use SKILLBOX_CLUSTER=existing with a cluster of yours, or a Debian 12 machine"
	[ "$(uname -m)" = x86_64 ] || die "this needs an x86-64 machine; here is $(uname -m)"
}

# The port of the REST API is free, or our own cluster's.
require_port() {
	local pid name
	(exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || return 0
	# ss is of a package that an earlier run installed: without it, this is nobody of ours.
	pid=$(ss -Hltnp "sport = :$PORT" 2>/dev/null | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | head -n 1)
	if [ -n "$pid" ]; then
		if cluster_is_existing; then
			[ "$(cat "$DOTDEV/port-forward.pid" 2>/dev/null)" = "$pid" ] && return 0
		else
			engine_has_process "$pid" && return 0
			docker port "$NODE" 2>/dev/null | grep -q ":$PORT\$" && return 0
		fi
		name=" by $(cat "/proc/$pid/comm" 2>/dev/null) (process $pid)"
	fi
	die "port $PORT is in use${name:-}: end that, then run this again"
}

require_disk() {
	local need=12 free
	[ -f "$CACHE/bin/.kubelet" ] && need=3
	free=$(df --output=avail -BG "$CACHE" | tail -n 1 | tr -dc 0-9)
	[ "$free" -ge $need ] ||
		die "$CACHE has $free GiB free, and $need GiB are needed: make room, or set XDG_CACHE_HOME to a larger disk"
}
