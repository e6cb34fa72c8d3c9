# shellcheck shell=bash disable=SC2034
# Where things are. Every script of dev/ reads this first.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# One per machine, whichever checkout asks: programs, images, the engine, the cluster's kubeconfig and key.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/skillbox-dev
LOGS=$CACHE/logs
DOTDEV=$ROOT/.dev
CLUSTER=skillbox
NODE=$CLUSTER-control-plane
NAMESPACE=skillbox
TENANT=default
PORT=8080

# shellcheck source=kind-config/versions.sh
. "$ROOT/kind-config/versions.sh"
export PATH=$CACHE/bin:$PATH
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

# SKILLBOX_CLUSTER=existing takes the cluster of $KUBECONFIG; else it is our own.
cluster_is_existing() { [ "${SKILLBOX_CLUSTER:-}" = existing ]; }
if cluster_is_existing; then PORT=${SKILLBOX_PORT:-8080}; fi
URL=http://localhost:$PORT

dev_init() {
	umask 022
	mkdir -p "$CACHE/bin" "$LOGS"
	if cluster_is_existing; then
		: "${KUBECONFIG:=$HOME/.kube/config}"
	else
		KUBECONFIG=$CACHE/kubeconfig
	fi
	export KUBECONFIG
}

# One of our scripts at a time. The lock is held by file descriptor 9 until the script ends.
dev_lock() {
	exec 9>>"$CACHE/lock"
	if ! flock -n 9; then
		say "another run is at work on this machine's cluster (process $(cat "$CACHE/lock.pid" 2>/dev/null || echo unknown)); waiting for it"
		flock 9 &
		wait $! # so that a signal ends the wait
	fi
	echo $$ >"$CACHE/lock.pid"
}
