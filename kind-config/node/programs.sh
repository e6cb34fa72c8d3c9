#!/bin/bash
# programs.sh DIR PART...: builds the PARTs from Go modules into DIR/bin. Parts: kubernetes containerd runc etcd
# coredns gvisor (what a node is made of), kind kubectl helm (what the host uses). A part that is there in the
# wanted version is left alone.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=kind-config/versions.sh
. "$HERE/../versions.sh"
DIR=$(mkdir -p "$1" && cd "$1" && pwd)
shift
export GOBIN=$DIR/bin GOFLAGS=-mod=mod GOWORK=off
mkdir -p "$GOBIN"

# Every part is a module of its own, so that one part's dependencies can't raise another's.
module() {
	mkdir -p "$DIR/mod/$1"
	cd "$DIR/mod/$1"
	printf 'module dev/%s\ngo 1.26.0\n' "$1" >go.mod
	rm -f go.sum
}

# k8s.io/kubernetes requires its staging repositories at v0.0.0: replace each by its published release.
kubernetes_module() {
	module kubernetes
	go mod download "k8s.io/kubernetes@v$KUBERNETES"
	{
		echo "require k8s.io/kubernetes v$KUBERNETES"
		grep -oE '^\sk8s.io/[a-z-]+ v0\.0\.0$' "$(go env GOMODCACHE)/k8s.io/kubernetes@v$KUBERNETES/go.mod" |
			while read -r m _; do echo "replace $m => $m v$KUBERNETES_STAGING"; done
	} >>go.mod
	# All programs, also where only one is wanted: the module's graph, and so what is compiled, stays the same.
	local get=() p
	for p in "${kubernetes_programs[@]}"; do get+=("k8s.io/kubernetes/cmd/$p@v$KUBERNETES"); done
	go get -tool "${get[@]}"
}
kubernetes_programs=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubeadm kubectl)
kubernetes_install() {
	local v=k8s.io/component-base/version packages=() p
	kubernetes_module
	for p in "$@"; do packages+=("k8s.io/kubernetes/cmd/$p"); done
	CGO_ENABLED=0 go install -ldflags \
		"-s -w -X $v.gitVersion=v$KUBERNETES -X $v.gitMajor=1 -X $v.gitMinor=${KUBERNETES:2:2}" "${packages[@]}"
}

part_kubernetes() { kubernetes_install "${kubernetes_programs[@]}"; }
part_kubectl() { kubernetes_install kubectl; }

part_containerd() {
	module containerd
	local c=github.com/containerd/containerd/v2/cmd v=github.com/containerd/containerd/v2/version
	go get -tool "$c/containerd@v$CONTAINERD" "$c/containerd-shim-runc-v2@v$CONTAINERD" "$c/ctr@v$CONTAINERD"
	# The kubelet parses this version.
	go install -ldflags "-s -w -X $v.Version=v$CONTAINERD" "$c/containerd" "$c/containerd-shim-runc-v2" "$c/ctr"
}

# Apart from containerd: its runtime-spec version clashes with containerd's.
part_runc() {
	module runc
	go get -tool "github.com/opencontainers/runc@v$RUNC"
	go install -tags seccomp -ldflags "-s -w" github.com/opencontainers/runc
}

# Not Debian's: Kubernetes refuses etcd 3.4.
part_etcd() {
	module etcd
	go get -tool "go.etcd.io/etcd/server/v3@v$ETCD"
	CGO_ENABLED=0 go install -ldflags "-s -w" go.etcd.io/etcd/server/v3
	mv -f "$GOBIN/server" "$GOBIN/etcd"
}

part_coredns() {
	module coredns
	go get -tool "github.com/coredns/coredns@v$COREDNS"
	CGO_ENABLED=0 go install -ldflags "-s -w" github.com/coredns/coredns
}

# Static: runsc executes itself again inside an empty root.
part_gvisor() {
	module gvisor
	go get -tool "gvisor.dev/gvisor/runsc@$GVISOR" "gvisor.dev/gvisor/shim@$GVISOR"
	CGO_ENABLED=0 go install -ldflags "-s -w" gvisor.dev/gvisor/runsc gvisor.dev/gvisor/shim
	mv -f "$GOBIN/shim" "$GOBIN/runsc-shim"
}

# The files of a node's root (entry point, units, containerd's configuration) come with kind's module.
part_kind() {
	module kind
	go get -tool "sigs.k8s.io/kind@v$KIND"
	go install -ldflags "-s -w" sigs.k8s.io/kind
	rm -rf "$DIR/kind-node-files"
	cp -r --no-preserve=mode "$(go env GOMODCACHE)/sigs.k8s.io/kind@v$KIND/images/base/files" "$DIR/kind-node-files"
}

part_helm() {
	module helm
	go get -tool "helm.sh/helm/v3/cmd/helm@v$HELM"
	local h=helm.sh/helm/v3 k flags
	flags="-s -w -X $h/internal/version.version=v$HELM"
	# What `helm template` and `helm lint` take a cluster for; 1.20 unless told.
	for k in pkg/chartutil pkg/lint/rules; do
		flags+=" -X $h/$k.k8sVersionMajor=1 -X $h/$k.k8sVersionMinor=${KUBERNETES:2:2}"
	done
	CGO_ENABLED=0 go install -ldflags "$flags" $h/cmd/helm
}

version_of() {
	case $1 in
	kubernetes | kubectl) echo "$KUBERNETES $KUBERNETES_STAGING" ;;
	containerd) echo "$CONTAINERD" ;;
	runc) echo "$RUNC" ;;
	etcd) echo "$ETCD" ;;
	coredns) echo "$COREDNS" ;;
	gvisor) echo "$GVISOR" ;;
	kind) echo "$KIND" ;;
	helm) echo "$HELM" ;;
	*)
		echo "no such part: $1" >&2
		return 1
		;;
	esac
}

for part; do
	# The stamp names the version and what this file does for the part, so that a change of either builds anew.
	stamp=$DIR/bin/.$part
	want="$(version_of "$part") $({ declare -f "part_$part" module && case $part in kub*) declare -f kubernetes_module kubernetes_install ;; esac; } | sha256sum | cut -c1-12)"
	[ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && continue
	rm -f "$stamp"
	echo "== $part ($want)"
	"part_$part"
	echo "$want" >"$stamp"
done
