# shellcheck shell=bash
# The configurations that the tests on the cluster run in: what dev/up leaves; S3, S3 and PostgreSQL; gVisor for every
# sandbox; and the ways the runner gets into a sandbox. S3 and PostgreSQL stand in a namespace of their own while tests
# need them (dev/backing/), with images made as the others are.

CONFIGS=(embedded s3 s3-postgres gvisor image-volume init-container)
BACKING=skillbox-backing
BACKING_DIR=$CACHE/backing
POSTGRES_HOST=postgres.$BACKING.svc

# The database that installing makes, and a compiler for queries of which there are none, are not needed.
# shellcheck disable=SC2016 # mmdebstrap's hooks expand "$1" themselves
POSTGRES_HOOKS=('--customize-hook=rm -rf "$1"/var/lib/postgresql/* "$1"/usr/lib/postgresql/*/lib/bitcode "$1"/usr/lib/postgresql/*/lib/llvmjit* "$1"/usr/lib/*/libLLVM* "$1"/usr/lib/*/libz3*'
	'--customize-hook=echo "skillbox-db:x:999:999::/tmp:/usr/sbin/nologin" >>"$1/etc/passwd"')

# What is tested in a configuration unless something else is asked for.
config_tests() { # CONFIG
	case $1 in
	# What needs no cluster, too, but for the sandbox's own tests, which dev/check ran under sanitizers.
	embedded) printf '%s\n' tests --ignore=tests/runner ;;
	s3 | s3-postgres) echo tests/e2e ;;
	# Another kernel: what is in force in a sandbox, and all that a script can notice or break.
	gvisor) printf '%s\n' tests/attack tests/e2e/test_{success,sandbox,real_scripts,failures,data,python_data,dependencies}.py ;;
	image-volume | init-container) printf '%s\n' tests/e2e/test_{success,sandbox,real_scripts,dependencies}.py ;;
	esac
}
# Of that, what differs most there and runs each time; the rest takes turns. Nothing: all runs each time.
config_core() { # CONFIG
	case $1 in
	# What goes through the blob store, the keys or the history.
	s3-postgres) printf '%s\n' tests/e2e/test_{build,configurations,data,database_outage,tenants,uploads}.py ;;
	gvisor) printf '%s\n' tests/attack/test_{escape,promises,protocol,afterwards}.py tests/e2e/test_{sandbox,real_scripts}.py ;;
	image-volume | init-container) printf '%s\n' tests/e2e/test_{sandbox,real_scripts}.py ;;
	esac
}
# What a run of all tests leaves out unless it is told to take all: what is shown in another configuration, too.
config_is_extra() { # CONFIG
	case $1 in
	s3) return 0 ;; # s3-postgres shows it
	*) return 1 ;;
	esac
}
# Has it tests that must be alone?
config_has_alone() { case $1 in image-volume | init-container) return 1 ;; *) return 0 ;; esac }
# Which quarter's turn it is: each commit has one, and four in a row have all.
turn_now() { echo "${SKILLBOX_TEST_TURN:-$(($(git -C "$ROOT" rev-list --count HEAD) % 4))/4}"; }
config_has_backing() { case $1 in s3 | s3-postgres) return 0 ;; *) return 1 ;; esac }

# Why this cluster can't have that configuration; nothing if it can.
config_obstacle() { # CONFIG
	local node
	case $1 in
	s3 | s3-postgres) # loaded into the nodes, where they are containers of an engine here
		for node in $(images_nodes); do
			docker inspect "$node" >/dev/null 2>&1 || { echo "images of S3 and PostgreSQL can't be loaded into its nodes" && return 0; }
		done
		;;
	gvisor) [ -n "$(kube get runtimeclass gvisor --ignore-not-found -o name)" ] || echo "it has no RuntimeClass gvisor" ;;
	esac
}

backing_images() {
	local rootfs pip node extra=()
	mkdir -p "$IMAGES"
	"$ROOT/tests/s3/servers.sh" "$CACHE" minio
	image minio docker.io/skillbox-dev/minio "$CACHE/bin/minio" -- --add "$CACHE/bin/minio:/minio:0755" \
		--user 65532:65532 -- /minio
	rootfs=$("$ROOT/dev/rootfs" "$CACHE" postgres bookworm essential postgresql,ca-certificates "${POSTGRES_HOOKS[@]}")
	image postgres docker.io/skillbox-dev/postgres "$rootfs" "$ROOT/images/postgres/start" -- --layer "$rootfs" \
		--add "$ROOT/images/postgres/start:/usr/local/bin/start-postgres:0755" --user 999:999 -- /usr/local/bin/start-postgres
	if [ "$(images_source)" != registry ]; then
		rootfs=$(runtime_rootfs python:3.12-slim)
		pip=$("$ROOT/dev/python-layer" "$CACHE" builder "$rootfs" "$ROOT/dev/backing/builder")
		image builder docker.io/skillbox-dev/builder "$rootfs" "$pip" -- --layer "$rootfs" --layer "$pip" --env LANG=C.UTF-8
		extra=(builder)
	fi
	for node in $(images_nodes); do node_load "$node" minio postgres "${extra[@]}"; done
	[ -s "$UI_NOTE" ] || note "all there"
}

secret() { kube create secret generic "$@" --dry-run=client -o yaml | kube apply -f -; }

# Both services, anew, with secrets that nobody knew before.
backing_up() {
	local dir=$BACKING_DIR user=skillbox password database port address
	backing_down
	mkdir -p "$dir"
	password=$(openssl rand -hex 20) database=$(openssl rand -hex 20)
	kube create namespace "$BACKING"
	kube create namespace "$NAMESPACE" --dry-run=client -o yaml | kube apply -f -
	(
		umask 077
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=skillbox-dev \
			-addext "subjectAltName=DNS:$POSTGRES_HOST" -keyout "$dir/tls.key" -out "$dir/tls.crt"
		printf '%s' "$password" >"$dir/password"
		printf '%s' "$database" >"$dir/database"
		printf 'postgresql://skillbox:%s@%s:5432/skillbox?sslmode=verify-full' "$database" "$POSTGRES_HOST" >"$dir/dsn"
	)
	secret minio -n "$BACKING" --from-literal=user=$user --from-file=password="$dir/password"
	secret postgres -n "$BACKING" --from-file=password="$dir/database" --from-file="$dir/tls.crt" --from-file="$dir/tls.key"
	secret skillbox-s3 -n "$NAMESPACE" --from-literal=accessKey=$user --from-file=secretKey="$dir/password"
	secret skillbox-database -n "$NAMESPACE" --from-file=dsn="$dir/dsn" --from-file=ca.crt="$dir/tls.crt"
	rm -f "$dir/password" "$dir/database" "$dir/dsn" "$dir/tls.key"

	backing_manifest minio | kube apply -f -
	backing_manifest postgres | kube apply -f -
	kubectl -n "$BACKING" rollout status deployment minio postgres --timeout 120s ||
		{ backing_explain && return 1; }

	# Download links lead to the node itself: no forwarder that could end before the tests do.
	port=$(kube -n "$BACKING" get service minio -o jsonpath='{.spec.ports[0].nodePort}')
	address=$(kube get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
	echo "http://$address:$port" >"$dir/s3-url"
	curl -sS -m 20 --retry 10 --retry-connrefused --retry-delay 1 -o /dev/null "http://$address:$port/minio/health/ready"
}
backing_manifest() { # NAME
	sed -e "s#@IMAGE@#$(image_ref "$1")#" -e "s#@RUN@#run-$(date +%s)#" "$ROOT/dev/backing/$1.yaml"
}
backing_explain() {
	kube -n "$BACKING" get pods -o wide
	kube -n "$BACKING" get events --sort-by=.lastTimestamp | tail -n 15
	kube -n "$BACKING" logs --tail=20 deployment/minio
	kube -n "$BACKING" logs --tail=20 deployment/postgres
}

backing_down() {
	local volume
	if kube get namespace "$BACKING" >/dev/null 2>&1; then
		kube -n "$BACKING" exec deployment/postgres -- sh -c 'rm -rf /data/run-*' || true
		kubectl delete namespace "$BACKING" --timeout=120s
	fi
	kube -n "$NAMESPACE" delete secret skillbox-s3 skillbox-database --ignore-not-found
	# The kind node's volumes stay reserved for the claim that is gone, until somebody says otherwise.
	for volume in $(kube get pv -o jsonpath="{range .items[?(@.spec.claimRef.namespace==\"$BACKING\")]}{.metadata.name} {end}"); do
		kube patch pv "$volume" --type=json -p '[{"op": "remove", "path": "/spec/claimRef"}]' || true
	done
	rm -rf "$BACKING_DIR"
}

# Values of the chart, on top of those of dev/up.
config_values() { # CONFIG
	case $1 in
	gvisor) printf 'sandbox:\n  runtimeClassName: gvisor\n  userNamespaces: false\n' ;; # runsc joins none
	image-volume) printf 'runner:\n  delivery: %s\nsandbox:\n  userNamespaces: false\n' "$1" ;;
	# And as on a node that nobody prepared: neither user namespaces nor the project's seccomp profile.
	init-container) printf 'runner:\n  delivery: %s\nsandbox:\n  userNamespaces: false\n  seccompProfile: ""\n' "$1" ;;
	s3 | s3-postgres) config_backing_values "$1" ;;
	esac
}
config_backing_values() { # CONFIG
	printf 'storage:\n  s3:\n    enabled: true\n    endpoint: %s\n    publicEndpoint: %s\n    existingSecret: skillbox-s3\n' \
		"http://minio.$BACKING.svc:9000" "$(cat "$BACKING_DIR/s3-url")"
	[ "$1" != s3-postgres ] || { printf 'database:\n  existingSecret: skillbox-database\n  caSecret: skillbox-database\n' && config_build_values; }
}

# Packages are fetched from an index that tests/e2e/test_build.py starts there.
config_build_values() {
	local image=python:3.12-slim
	[ "$(images_source)" = registry ] || image=$(image_ref builder)
	printf 'build:\n  enabled: true\n  indexURL: %s\n  image: %s\n  timeout: 60s\n' "http://index.$BACKING.svc:8080/simple/" "${image#docker.io/}"
	printf '  index:\n    to:\n    - namespaceSelector:\n        matchLabels: {kubernetes.io/metadata.name: %s}\n' "$BACKING"
	printf '    ports:\n    - {port: 8080, protocol: TCP}\n'
}

config_settled() {
	local i
	for ((i = 0; i < 120; i++)); do
		kube -n "$NAMESPACE" get pods -l app.kubernetes.io/instance=skillbox \
			-o jsonpath='{range .items[*]}{.metadata.deletionTimestamp}{end}' | grep -q . || return 0
		sleep 0.5
	done
	kube -n "$NAMESPACE" get pods
	return 1
}

# Brings the release into that configuration, in steps. With PostgreSQL its keys are other ones.
config_enter() { # CONFIG
	local values=()
	KEY_FILE=''
	if [ "$1" != embedded ]; then
		config_values "$1" >"$CACHE/values-$1.yaml"
		values=("$CACHE/values-$1.yaml")
	fi
	[ "$1" != s3-postgres ] || KEY_FILE=$BACKING_DIR/api-key
	step "deploy-$1" "Skillbox in configuration $1 (Helm)" deploy_skillbox "${values[@]}"
	step "settled-$1" "Earlier Pods are gone" config_settled
	step "reach-$1" "$URL answers" deploy_reach
	step "key-$1" "API key" key_ensure
}

# Whatever happened: back to what dev/up made. A step that fails ends its shell.
config_leave() { # BACKING: not empty if S3 and PostgreSQL may be up
	local rc=0
	# In the background and waited for: on the left of || bash would go on after failures inside.
	(config_enter embedded) &
	wait $! || rc=1
	if [ -n "${1:-}" ]; then
		(step backing-down "Take S3 and PostgreSQL away" backing_down) &
		wait $! || rc=1
	fi
	return $rc
}
