# shellcheck shell=bash
# Skillbox in the cluster: custom resource definitions, the Helm release, the first API key, .dev/env.

VALUES=$CACHE/values.yaml

deploy_values() {
	local part ref image allowed=()
	for part in apiserver controller runner; do
		if [ -n "${SKILLBOX_IMAGE_REPOSITORY:-}" ]; then
			ref=$SKILLBOX_IMAGE_REPOSITORY/$part:${SKILLBOX_IMAGE_TAG:?set it to the tag of the images in SKILLBOX_IMAGE_REPOSITORY}
		else
			ref=$(image_ref "$part")
		fi
		printf '%s:\n  image:\n    repository: %s\n    tag: "%s"\n' "$part" "${ref%:*}" "${ref##*:}"
	done
	# Runtime images that are made here carry the runner: one volume less.
	[ -n "${SKILLBOX_IMAGE_REPOSITORY:-}" ] || [ "$(images_source)" = registry ] || printf '  delivery: in-image\n'
	# Where the nodes can: what a sandbox may write is then never executable.
	cluster_is_existing || printf 'sandbox:\n  userNamespaces: %s\n  seccompProfile: skillbox/sandbox.json\n' "$(deploy_user_namespaces)"
	cluster_is_existing || printf 'service:\n  type: NodePort\n  nodePort: 30080\n'
	# Beside the chart's own: what was made here, and an entry that pins a digest.
	[ -n "${SKILLBOX_IMAGE_REPOSITORY:-}" ] || allowed=("$PYTHON_DATA")
	image=$(image_pinned bash:5)
	[ -z "$image" ] || allowed+=("$image")
	if cluster_is_existing || [ "${#allowed[@]}" -gt 0 ]; then echo 'config:'; fi
	! cluster_is_existing || printf '  publicURL: %s\n' "$URL"
	[ "${#allowed[@]}" = 0 ] || {
		printf '  imageAllowlist:\n'
		awk '/^  imageAllowlist:/ {on = 1; next} on && !/^  - / {exit} on' "$ROOT/charts/skillbox/values.yaml"
		printf '  - %s\n' "${allowed[@]}"
	}
	[ -n "${SKILLBOX_IMAGE_REPOSITORY:-}" ] || printf 'images:\n  python: %s\n' "$(images_python)"
}

# For a node of ours; as docs/security.md says for others.
deploy_seccomp_profile() {
	docker exec "$NODE" mkdir -p /var/lib/kubelet/seccomp/skillbox
	docker exec -i "$NODE" sh -c 'cat >/var/lib/kubelet/seccomp/skillbox/sandbox.json.new &&
		mv /var/lib/kubelet/seccomp/skillbox/sandbox.json.new /var/lib/kubelet/seccomp/skillbox/sandbox.json' \
		<"$ROOT/charts/skillbox/seccomp/sandbox.json"
}

deploy_user_namespaces() {
	local can
	can=$(kube get nodes -o jsonpath='{range .items[*]}{.status.runtimeHandlers[?(@.name=="")].features.userNamespaces}{" "}{end}')
	if [[ $can == *true* && $can != *false* ]]; then echo true; else echo false; fi
}

# Of all that the release is made from.
deploy_hash() { # VALUES-FILE...
	{
		cat "$@"
		cd "$ROOT" || return
		find crds charts/skillbox -type f | LC_ALL=C sort | xargs sha256sum
	} | sum
}

deploy_is_current() { # HASH
	[ "$(kube -n "$NAMESPACE" get configmap skillbox-dev -o jsonpath='{.data.hash}' 2>/dev/null)" = "$1" ] &&
		deploy_wait 60s
}
deploy_wait() { kubectl -n "$NAMESPACE" rollout status deployment -l app.kubernetes.io/instance=skillbox --timeout "$1"; }

# VALUES-FILEs are laid on top of the values that dev/up uses.
deploy_skillbox() { # [VALUES-FILE...]
	local hash values=("$VALUES" "$@")
	deploy_values >"$VALUES"
	hash=$(deploy_hash "${values[@]}")
	if deploy_is_current "$hash"; then
		note "nothing changed"
		return 0
	fi
	cluster_is_existing || deploy_seccomp_profile
	kubectl apply --server-side --force-conflicts -k "$ROOT/crds"
	kubectl get -k "$ROOT/crds" -o name | xargs kubectl wait --for=condition=Established --timeout=30s
	# A run that was killed half way leaves a release that helm thinks is still being worked on.
	kube -n "$NAMESPACE" delete secret -l 'owner=helm,name=skillbox,status in (pending-install,pending-upgrade,pending-rollback)' 2>/dev/null || true
	local error
	if ! error=$(helm upgrade --install skillbox "$ROOT/charts/skillbox" -n "$NAMESPACE" --create-namespace "${values[@]/#/--values=}" \
		--wait --timeout 3m 2>&1 >/dev/null); then
		deploy_explain
		printf -- '---- Helm\n%s\n' "$error"
		return 1
	fi
	kube -n "$NAMESPACE" create configmap skillbox-dev --from-literal=hash="$hash" --dry-run=client -o yaml | kube apply -f -
	note "$(cut -d: -f2 <<<"$(image_ref controller)")"
}

# What a person would look at next.
deploy_explain() {
	echo "---- Pods and events of namespace $NAMESPACE"
	kube -n "$NAMESPACE" get pods -o wide
	kube -n "$NAMESPACE" get events --sort-by=.lastTimestamp | tail -n 15
	local pod
	for pod in $(kube -n "$NAMESPACE" get pods -o name); do
		echo "---- $pod"
		kube -n "$NAMESPACE" logs --tail=15 --all-containers "$pod"
	done
}

deploy_answers() { [ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$URL/ready")" = 200 ]; }
deploy_reach() {
	local i
	for ((i = 0; i < 150; i++)); do
		deploy_answers && return 0
		if cluster_is_existing && [ $((i % 25)) = 0 ]; then forward_start; fi
		sleep 0.2
	done
	echo "$URL/ready does not answer with 200:"
	curl -sS -m 5 "$URL/ready"
	deploy_explain
	return 1
}

# An existing cluster need not map our NodePort to this machine: a forwarder does, until `make down`. It ends with the Pod
# that it leads to, and then the next `make up` starts another.
forward_start() {
	forward_end
	setsid kubectl -n "$NAMESPACE" port-forward service/skillbox-apiserver "$PORT:8080" >"$LOGS/port-forward.log" 2>&1 </dev/null 9>&- &
	mkdir -p "$DOTDEV"
	echo $! >"$DOTDEV/port-forward.pid"
}
forward_end() {
	local pid
	pid=$(cat "$DOTDEV/port-forward.pid" 2>/dev/null) || return 0
	if grep -qz port-forward "/proc/$pid/cmdline" 2>/dev/null; then kill "$pid"; fi
	rm -f "$DOTDEV/port-forward.pid"
}

# The key of `make up`: kept beside the cluster, so that every checkout uses the same; made anew when it is refused.
key_file() { if [ -n "${KEY_FILE:-}" ]; then echo "$KEY_FILE"; elif cluster_is_existing; then echo "$DOTDEV/api-key"; else echo "$CACHE/api-key"; fi; }
# The key comes on standard input: arguments stand in the list of processes.
key_works() { [ "$(curl -s -o /dev/null -m 10 -w '%{http_code}' -K - "$URL/v1/skills" <<<"header = \"Authorization: Bearer $1\"")" = 200 ]; }
key_ensure() {
	local file key
	file=$(key_file)
	key=$(cat "$file" 2>/dev/null || true)
	if [ -z "$key" ] || ! key_works "$key"; then
		key=$(kubectl -n "$NAMESPACE" exec deploy/skillbox-apiserver -- \
			skillbox-apiserver key create --name dev --tenant "$TENANT" | tail -n 1 | tr -d '[:space:]')
		case $key in sk-*) ;; *)
			echo "'skillbox-apiserver key create' did not print a key"
			return 1
			;;
		esac
		key_works "$key" || { echo "the new key is refused by $URL/v1/skills" && return 1; }
		mkdir -p "$DOTDEV"
		(umask 077 && printf '%s\n' "$key" >"$file")
		note "new"
	fi
	env_write "$key"
}

env_write() { # KEY
	mkdir -p "$DOTDEV"
	(
		umask 077
		{
			echo "# Written by make up; read it into a shell with: . .dev/env"
			printf 'export SKILLBOX_SERVER_URL=%q\nexport SKILLBOX_API_KEY=%q\nexport KUBECONFIG=%q\n' "$URL" "$1" "$KUBECONFIG"
			cluster_is_existing || printf 'export DOCKER_HOST=%q\n' "$DOCKER_HOST"
			# shellcheck disable=SC2016 # expands where it is read
			printf 'case :$PATH: in *:%s:*) ;; *) export PATH=%q:$PATH ;; esac\n' "$CACHE/bin" "$CACHE/bin"
		} >"$DOTDEV/env"
	)
}
