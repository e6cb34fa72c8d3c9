#!/bin/bash
# programs.sh DIR PART...: builds the PARTs from Go modules into DIR/bin. Parts: kubernetes containerd runc etcd coredns
# gvisor (what a node is made of), kind kubectl helm (what the host uses), kube-apiserver (alone, for tests where the node
# came from a registry). A program that is there in the wanted version is left alone. Two lines of programs are built at the
# same time, so that one compiles while the other links or downloads.
# With SKILLBOX_PROGRESS=FILE, a line for people is written there at each step: what is under way, how many of how many, and
# how long by the times of earlier runs.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=kind-config/versions.sh
. "$HERE/../versions.sh"
DIR=$(mkdir -p "$1" && cd "$1" && pwd)
shift
export GOBIN=$DIR/bin GOFLAGS=-mod=mod GOWORK=off
# The same setting for all but runc: what is compiled for one program serves the others. No debug information, which -s would
# throw away; and a compiler that collects garbage only when it has 1 GiB of it.
export CGO_ENABLED=0 GOGC=off GOMEMLIMIT=1GiB
mkdir -p "$GOBIN"

# Kubernetes, containerd, etcd and CoreDNS are resolved together: half of what they are made of is the same, and is compiled
# once. The others have modules of their own, since their requirements clash (runc's runtime-spec with containerd's, for one).
module_of() { # PROGRAM
	case $1 in
	kube* | containerd* | ctr | etcd | coredns) echo cluster ;;
	runsc*) echo gvisor ;;
	*) echo "$1" ;;
	esac
}

kubernetes_programs=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubeadm kubectl)
containerd_programs=(containerd containerd-shim-runc-v2 ctr)
c=github.com/containerd/containerd/v2

programs_of() { # PART
	case $1 in
	kubernetes) echo "${kubernetes_programs[@]}" ;;
	containerd) echo "${containerd_programs[@]}" ;;
	gvisor) echo runsc runsc-shim ;;
	runc | etcd | coredns | kind | kubectl | helm | kube-apiserver) echo "$1" ;;
	*)
		echo "no such part: $1" >&2
		return 1
		;;
	esac
}

# What a module requires; `go get` then finds the versions of all the rest.
requirements() { # MODULE
	local p
	case $1 in
	cluster)
		for p in "${kubernetes_programs[@]}"; do echo "k8s.io/kubernetes/cmd/$p@v$KUBERNETES"; done
		for p in "${containerd_programs[@]}"; do echo "$c/cmd/$p@v$CONTAINERD"; done
		echo "go.etcd.io/etcd/server/v3@v$ETCD"
		echo "github.com/coredns/coredns/coremain@v$COREDNS"
		;;
	runc) echo "github.com/opencontainers/runc@v$RUNC" ;;
	gvisor) printf 'gvisor.dev/gvisor/%s\n' "runsc@$GVISOR" "shim@$GVISOR" ;;
	kind) echo "sigs.k8s.io/kind@v$KIND" ;;
	helm) echo "helm.sh/helm/v3/cmd/helm@v$HELM" ;;
	esac
}

module_make() { # MODULE
	local get
	mkdir -p "$DIR/mod/$1"
	cd "$DIR/mod/$1"
	rm -rf go.mod go.sum coredns
	printf 'module dev/%s\ngo 1.26.0\n' "$1" >go.mod
	if [ "$1" = cluster ]; then
		# k8s.io/kubernetes requires its staging repositories at v0.0.0: replace each by its published release.
		go mod download "k8s.io/kubernetes@v$KUBERNETES"
		grep -oE '^\sk8s.io/[a-z-]+ v0\.0\.0$' "$(go env GOMODCACHE)/k8s.io/kubernetes@v$KUBERNETES/go.mod" |
			while read -r m _; do echo "replace $m => $m v$KUBERNETES_STAGING"; done >>go.mod
		cp -r "$HERE/coredns" .
	fi
	mapfile -t get < <(requirements "$1")
	go get -tool "${get[@]}"
	# Fetches what is needed of all that is required, so that no compiler waits for it.
	get=("${get[@]%@*}")
	[ "$1" != cluster ] || get+=(./coredns)
	go list -deps "${get[@]}" >/dev/null
}

install() { # LDFLAGS GO-INSTALL-ARGUMENT...
	local ldflags=$1
	shift
	go install -gcflags=all=-dwarf=false -ldflags "-s -w $ldflags" "$@"
}

build() { # PROGRAM, in its module's folder
	local v h k flags
	case $1 in
	kube*)
		v=k8s.io/component-base/version
		install "-X $v.gitVersion=v$KUBERNETES -X $v.gitMajor=1 -X $v.gitMinor=${KUBERNETES:2:2}" "k8s.io/kubernetes/cmd/$1"
		;;
	containerd* | ctr) install "-X $c/version.Version=v$CONTAINERD" "$c/cmd/$1" ;; # the kubelet parses this version
	etcd) # not Debian's: Kubernetes refuses etcd 3.4
		install '' go.etcd.io/etcd/server/v3
		mv -f "$GOBIN/server" "$GOBIN/etcd"
		;;
	coredns) install "-X github.com/coredns/coredns/coremain.GitCommit=v$COREDNS" ./coredns ;;
	runc) CGO_ENABLED=1 install '' -tags seccomp github.com/opencontainers/runc ;;
	runsc) install '' gvisor.dev/gvisor/runsc ;; # static: it executes itself again inside an empty root
	runsc-shim)
		install '' gvisor.dev/gvisor/shim
		mv -f "$GOBIN/shim" "$GOBIN/runsc-shim"
		;;
	kind)
		install '' sigs.k8s.io/kind
		# The files of a node's root (entry point, units, containerd's configuration) come with the module.
		rm -rf "$DIR/kind-node-files"
		cp -r --no-preserve=mode "$(go env GOMODCACHE)/sigs.k8s.io/kind@v$KIND/images/base/files" "$DIR/kind-node-files"
		;;
	helm)
		h=helm.sh/helm/v3
		flags="-X $h/internal/version.version=v$HELM"
		# What `helm template` and `helm lint` take a cluster for; 1.20 unless told.
		for k in pkg/chartutil pkg/lint/rules; do
			flags+=" -X $h/$k.k8sVersionMajor=1 -X $h/$k.k8sVersionMinor=${KUBERNETES:2:2}"
		done
		install "$flags" $h/cmd/helm
		;;
	esac
}

# Names the versions and what this file does for the program, so that a change of either builds anew.
wanted() { # PROGRAM
	{
		requirements "$(module_of "$1")"
		declare -f module_make install build
		[ "$1" != coredns ] || cat "$HERE"/coredns/*
	} | sha256sum | cut -c1-16
}

# Seconds that it took last time; before that, by a run on two idle cores.
expected() { # PROGRAM
	local seconds
	seconds=$(cut -s -d' ' -f2 "$GOBIN/.$1" 2>/dev/null || true)
	case ${seconds:-$1} in
	kube-apiserver) echo 130 ;;
	runsc | helm) echo 50 ;;
	kubelet | kube-controller-manager | containerd) echo 25 ;;
	*[!0-9]*) echo 10 ;;
	*) echo "$seconds" ;;
	esac
}

progress() { # LINE
	[ -z "${SKILLBOX_PROGRESS:-}" ] || printf '%s\n' "$1" >>"$SKILLBOX_PROGRESS"
}

# Of both lines together, since each writes when a program of its own is done.
tell() { # PROGRAM
	local left=0 sum=0 p
	for p in "${missing[@]}"; do
		if [ -e "$state/done.$p" ]; then continue; fi
		left=$((left + 1)) sum=$((sum + ${seconds_of[$p]}))
	done
	progress "$1 ($((${#missing[@]} - left + 1)) of ${#missing[@]}, about $(((sum + 59) / 60)) min left)"
}

line() { # PROGRAM...
	local p start
	for p; do
		tell "$p"
		while [ ! -e "$state/module.$(module_of "$p")" ]; do sleep 0.2; done
		start=$SECONDS
		echo "== $p"
		cd "$DIR/mod/$(module_of "$p")"
		build "$p"
		echo "== $p took $((SECONDS - start)) s"
		echo "$(wanted "$p") $((SECONDS - start))" >"$GOBIN/.$p"
		touch "$state/done.$p"
	done
}

missing=()
for part; do
	for p in $(programs_of "$part"); do
		case " ${missing[*]} " in *" $p "*) continue ;; esac
		if [ "$(cut -d' ' -f1 "$GOBIN/.$p" 2>/dev/null)" != "$(wanted "$p")" ] || [ ! -x "$GOBIN/$p" ]; then missing+=("$p"); fi
	done
done
[ "${#missing[@]}" -gt 0 ] || exit 0
state=$(mktemp -d)
jobs=()
ended() {
	local rc=$?
	[ $rc -eq 0 ] || [ "${#jobs[@]}" -eq 0 ] || kill -- "${jobs[@]/#/-}" 2>/dev/null || true
	rm -rf "$state"
	exit $rc
}
trap ended EXIT
trap 'exit 130' INT TERM
set -m # groups of their own, so that all of a job can be ended

one=() other=()
declare -A modules=() seconds_of=()
for p in "${missing[@]}"; do
	seconds_of[$p]=$(expected "$p") # the stamp has them
	rm -f "$GOBIN/.$p"
	modules[$(module_of "$p")]=1
	if [ "$(module_of "$p")" = cluster ]; then one+=("$p"); else other+=("$p"); fi
done
for m in "${!modules[@]}"; do
	(
		set -euo pipefail
		module_make "$m"
		touch "$state/module.$m"
	) &
	jobs+=($!)
done
(set -euo pipefail && line "${one[@]}") &
jobs+=($!)
(set -euo pipefail && line "${other[@]}") &
jobs+=($!)
# The first that fails ends all.
for _ in "${jobs[@]}"; do wait -n; done
