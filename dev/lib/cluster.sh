# shellcheck shell=bash
# The kind cluster: is it well, make it, take it down.

kube() { kubectl --request-timeout=10s "$@"; }

cluster_ready() {
	[ "$(kube get --raw /readyz 2>/dev/null)" = ok ] &&
		kube get node "$NODE" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null | grep -qx True
}

# Well: the engine answers, the node runs, the API server is ready and so is the node. A busy or just started one gets
# half a minute; one that is not there gets none.
cluster_well() {
	local i
	[ -f "$KUBECONFIG" ] || return 1
	[ "$(timeout 10 docker inspect -f '{{.State.Running}}' "$NODE" 2>/dev/null)" = true ] || return 1
	for ((i = 0; i < 15; i++)); do
		cluster_ready && return 0
		sleep 2
	done
	return 1
}

# "registry" where one gives kindest/node, else "own": the node image is made here. Asked once a cluster.
cluster_source() {
	if [ -f "$CACHE/cluster.source" ]; then
		cat "$CACHE/cluster.source"
	elif timeout 20 docker manifest inspect kindest/node:v1.37.0 >/dev/null 2>&1; then
		echo registry
	else
		echo own
	fi
}

# A running cluster is kept while its recipe is the same.
cluster_key() { # SOURCE
	local image=''
	[ "$1" = registry ] || image=$("$ROOT/kind-config/node/image.sh" "$CACHE" --name)
	cat "$ROOT/kind-config/kind.yaml" "$ROOT/kind-config/gvisor.yaml" <(echo "$1 $KIND $image") | sha256sum | cut -c1-12
}
cluster_is_current() { # SOURCE
	[ "$(cat "$CACHE/cluster.key" 2>/dev/null)" = "$(cluster_key "$1")" ] && cluster_well
}

has_ipv6_loopback() { grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; }

cluster_create() { # SOURCE
	local config=$CACHE/kind.yaml args=() image
	cp "$ROOT/kind-config/kind.yaml" "$config"
	# Without the address there is nothing to bind, and the cluster would not start.
	has_ipv6_loopback || sed -i '/listenAddress: "::1"/d' "$config"
	if [ "$1" = own ]; then
		image=$("$ROOT/kind-config/node/image.sh" "$CACHE")
		# This image brings its Pods' network with it.
		sed -i 's/disableDefaultCNI: false/disableDefaultCNI: true/' "$config"
		args=(--image "$image")
	fi
	# A network of our own: its bridge has a name that can be found again, and on an engine of the machine the network
	# "kind" of other clusters stays as it is.
	export KIND_EXPERIMENTAL_DOCKER_NETWORK=$CLUSTER
	docker network inspect "$CLUSTER" >/dev/null 2>&1 ||
		docker network create -d bridge -o "com.docker.network.bridge.name=$BRIDGE" "$CLUSTER"
	kind create cluster --name "$CLUSTER" --config "$config" --kubeconfig "$KUBECONFIG" --wait 120s "${args[@]}"
	[ "$1" = own ] || cluster_add_gvisor
	kube apply -f "$ROOT/kind-config/gvisor.yaml"
	echo "$1" >"$CACHE/cluster.source"
	cluster_key "$1" >"$CACHE/cluster.key"
}

# kindest/node knows no gVisor: give it the programs, and containerd the runtime.
cluster_add_gvisor() {
	local root=$ROOT/kind-config/node/root p
	for p in runsc runsc-shim; do docker cp "$CACHE/bin/$p" "$NODE:/usr/local/bin/$p"; done
	for p in usr/local/bin/containerd-shim-runsc-v1 usr/local/bin/unmount-kubelet-cgroups etc/containerd/runsc.toml etc/containerd/uid_map; do
		docker cp "$root/$p" "$NODE:/$p"
	done
	docker exec "$NODE" unmount-kubelet-cgroups
	docker exec -i "$NODE" sh -c 'cat >>/etc/containerd/config.toml' <"$ROOT/kind-config/node/runsc-containerd.toml"
	docker exec "$NODE" systemctl restart containerd
}

# Takes the cluster away, whole or in ruins. The engine stays, for whoever makes the next one; cluster_down ends it.
cluster_remove() {
	local containers
	# A killed engine's containers and networks are still in its store: only an engine can take them out of it.
	engine_up
	timeout 120 kind delete cluster --name "$CLUSTER" --kubeconfig "$KUBECONFIG" || true
	if engine_is_own; then
		containers=$(docker ps -aq)
		# shellcheck disable=SC2086 # words
		[ -z "$containers" ] || timeout 120 docker rm -f -v $containers
		docker volume prune -f
	fi
	! docker network inspect "$CLUSTER" >/dev/null 2>&1 || timeout 30 docker network rm "$CLUSTER"
	rm -f "$KUBECONFIG" "$KUBECONFIG.lock" "$CACHE"/cluster.key "$CACHE"/cluster.source "$CACHE"/kind.yaml "$CACHE"/api-key
}

cluster_down() {
	if ! engine_is_own; then
		cluster_remove
	else
		# An engine that never had a container need not be started to be ended.
		if engine_own_answers || [ -n "$(ls -A "$ENGINE/data/containers" 2>/dev/null)" ]; then cluster_remove; fi
		engine_end
	fi
}

# In steps: the cluster of the wanted recipe, well.
cluster_ensure() {
	local source
	if cluster_is_existing; then
		kube get --raw /readyz >/dev/null || die "SKILLBOX_CLUSTER=existing, but the cluster of $KUBECONFIG does not answer"
		return 0
	fi
	source=$(cluster_source)
	if cluster_is_current "$source"; then
		say "  ok cluster $CLUSTER runs already"
		return 0
	fi
	if [ -f "$CACHE/cluster.key" ] || [ -e "$ENGINE/docker.pid" ]; then
		step cluster-remove "Clear what is left of an earlier cluster" cluster_remove
	fi
	step engine "Docker engine" engine_up
	[ "$source" = registry ] || step node-image "Node image" node_image
	step cluster "Cluster $CLUSTER (kind)" cluster_create "$source"
}

node_image() {
	local name
	name=$("$ROOT/kind-config/node/image.sh" "$CACHE" --name)
	if docker image inspect "$name" >/dev/null 2>&1; then note "cached"; else "$ROOT/kind-config/node/image.sh" "$CACHE"; fi
}
