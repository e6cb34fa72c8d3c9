# shellcheck shell=bash
# The images: skillbox/{apiserver,controller,runner} from the release build, and the runtime images that skills run in.
#
# With a registry they are built by Docker from images/*/Dockerfile. Without one the same content is put together from
# Debian packages (dev/rootfs) and our programs (dev/mkimage.py). Either way they end in the node's containerd, under
# the names that the chart and the skills use; the tag of the three programs is made from their content.

IMAGES=$CACHE/images
BIN=$ROOT/build/release/bin
# What apiserver and controller link at run time.
LIBS=libuv1,libwebsockets17,libwebsockets-evlib-uv,libcurl4,libyaml-0-2,libpcre2-8-0,libssl3,libpq5,libmicrohttpd12,libarchive13,libseccomp2,ca-certificates

# shellcheck disable=SC2016 # mmdebstrap's hooks expand "$1" themselves
RUNTIME_HOOK='--customize-hook=mkdir -p "$1/sandbox" "$1/skillbox"'
# shellcheck disable=SC2016
PYTHON_HOOK='--customize-hook=ln -s python3 "$1/usr/bin/python"'

# What compiled modules of wheels and of npm's packages expect of a system (the policies of manylinux; tests/e2e/test_images.py
# holds the images against them), and what HTTPS and time zones need. C.UTF-8 comes with the C library. In
# images/{python,node}/Dockerfile, too.
EXPECTED=libstdc++6,libgcc-s1,libgomp1,libatomic1,zlib1g,libexpat1,ca-certificates,tzdata

# The runtime images without a registry: what stands in for each, name by name.
runtime_rootfs() { # NAME: prints the tar of its root file system
	case $1 in
	python:3.12-slim | skillbox/python-data:*) "$ROOT/dev/rootfs" "$CACHE" python-trixie trixie essential "python3,$EXPECTED" "$RUNTIME_HOOK" "$PYTHON_HOOK" ;;
	python:3.11-slim) "$ROOT/dev/rootfs" "$CACHE" python-bookworm bookworm essential "python3,$EXPECTED" "$RUNTIME_HOOK" "$PYTHON_HOOK" ;;
	node:20-slim | node:22-slim) "$ROOT/dev/rootfs" "$CACHE" node-trixie trixie essential "nodejs,$EXPECTED" "$RUNTIME_HOOK" ;;
	bash:5) "$ROOT/dev/rootfs" "$CACHE" bash bookworm essential bash,coreutils "$RUNTIME_HOOK" ;;
	esac
}
# What lies on that: the tar of a second layer, or nothing.
runtime_packages() { # NAME
	case $1 in skillbox/python-data:*)
		"$ROOT/dev/python-layer" "$CACHE" python-data "$(runtime_rootfs "$1")" "$ROOT/images/python-data"
		;;
	esac
}
PYTHON_DATA=skillbox/python-data:1.0
RUNTIMES=(python:3.12-slim python:3.11-slim node:20-slim node:22-slim bash:5 "$PYTHON_DATA")
runtime_file() { echo "runtime-${1//[:\/]/-}"; } # NAME: its files in $IMAGES
runtime_name() { case $1 in */*) echo "docker.io/$1" ;; *) echo "docker.io/library/$1" ;; esac } # NAME: as containerd has it
# They carry the runner, as those of the Dockerfiles of images/{python,node,bash} do.
NODE_HOOK=$ROOT/runner/cell/parked/park.cjs
RUNTIME_LAYER=(--add "$BIN/skillbox-runner:/skillbox/runner:0755" --add "$NODE_HOOK:/skillbox/park.cjs:0644" --dir /skillbox --dir /sandbox)
STAND_INS="python:3.12-slim and $PYTHON_DATA have Debian's Python 3.13, node:22-slim is Debian's Node 20"

# Which Python they have, for images.python of the chart.
images_python() {
	if [ "$(images_source)" = registry ]; then
		echo "python:3.12-slim=cp312-manylinux_2_36_x86_64,python:3.11-slim=cp311-manylinux_2_36_x86_64,$PYTHON_DATA=cp312-manylinux_2_36_x86_64"
	else
		echo "python:3.12-slim=cp313-manylinux_2_41_x86_64,python:3.11-slim=cp311-manylinux_2_36_x86_64,$PYTHON_DATA=cp313-manylinux_2_41_x86_64"
	fi
}

sum() { sha256sum | cut -c1-64; }

# image FILE NAME INPUT... -- MKIMAGE-ARGUMENT...: makes $IMAGES/FILE.tar unless it was made from the same INPUT files and
# arguments; $IMAGES/FILE.ref then holds "NAME:TAG DIGEST".
image() {
	local file=$1 name=$2 inputs=() key
	shift 2
	while [ "$1" != -- ]; do inputs+=("$1") && shift; done
	shift
	# A root file system's name holds its recipe's hash, and hashing its bytes would take a second.
	key=$({
		printf '%s\n' "$name" "$@"
		cat "$ROOT/dev/mkimage.py"
		for i in "${inputs[@]}"; do case $i in "$CACHE"/rootfs/*) stat -c '%n %s %Y' "$i" ;; *) sha256sum "$i" ;; esac; done
	} | sum)
	if [ "$(cat "$IMAGES/$file.key" 2>/dev/null)" != "$key" ] || [ ! -f "$IMAGES/$file.tar" ]; then
		rm -f "$IMAGES/$file.key"
		"$ROOT/dev/mkimage.py" -o "$IMAGES/$file.tar" -n "$name" "$@" >"$IMAGES/$file.ref"
		echo "$key" >"$IMAGES/$file.key"
	fi
}

# With a registry: the Dockerfiles. docker_image FILE NAME [TAG]: without a tag, one made from the content.
docker_image() {
	local file=$1 name=$2 tag=${3:-} id node args=()
	# A runtime image gets the runner that was just built.
	[ -z "$tag" ] || args=(--build-arg RUNNER=skillbox-dev/runner)
	# Git knows which files belong to the source, so nothing built slips in. Network of the host: our own engine has none.
	(cd "$ROOT" && git ls-files -co --exclude-standard -z | xargs -0 ls -d 2>/dev/null | tar cf - --no-recursion -T -) |
		docker build --network host "${args[@]}" -t "skillbox-dev/$file" -f "images/$file/Dockerfile" -
	id=$(docker image inspect -f '{{.Id}}' "skillbox-dev/$file")
	id=${id#sha256:}
	[ "$(cat "$IMAGES/$file.key" 2>/dev/null)" != "$id" ] || return 0
	# What the nodes have under a fixed name is another one now.
	[ -z "$tag" ] || for node in $(images_nodes); do docker exec "$node" ctr -n k8s.io images rm "$name:$tag" || true; done
	: "${tag:=${id:0:12}}"
	docker tag "skillbox-dev/$file" "${name#docker.io/}:$tag"
	docker save -o "$IMAGES/$file.tar" "${name#docker.io/}:$tag"
	docker rmi "${name#docker.io/}:$tag"
	echo "$name:$tag any" >"$IMAGES/$file.ref"
	echo "$id" >"$IMAGES/$file.key"
}
# How images are made: as the cluster's node was. For a cluster that isn't ours, without Docker's help.
images_source() { cat "$CACHE/cluster.source" 2>/dev/null || echo own; }

# The root file system of the API server's and the controller's images.
images_libs() { "$ROOT/dev/rootfs" "$CACHE" libs bookworm essential "$LIBS"; }

images_programs() {
	local part libs
	mkdir -p "$IMAGES"
	if [ "$(images_source)" = registry ]; then
		for part in apiserver controller runner; do
			docker_image "$part" "docker.io/skillbox/$part"
		done
		docker_image python-data "docker.io/${PYTHON_DATA%:*}" "${PYTHON_DATA##*:}"
		return
	fi
	libs=$(images_libs)
	for part in apiserver controller; do
		image "$part" "docker.io/skillbox/$part" "$libs" "$BIN/skillbox-$part" -- --layer "$libs" \
			--add "$BIN/skillbox-$part:/usr/local/bin/skillbox-$part:0755" --user 65532:65532 \
			-- "/usr/local/bin/skillbox-$part"
	done
	image runner docker.io/skillbox/runner "$BIN/skillbox-runner" "$NODE_HOOK" -- --add "$BIN/skillbox-runner:/runner:0755" \
		--add "$NODE_HOOK:/park.cjs:0644" -- /runner
}

images_runtimes() {
	local name rootfs packages tars
	mkdir -p "$IMAGES"
	for name in "${RUNTIMES[@]}"; do
		rootfs=$(runtime_rootfs "$name")
		packages=$(runtime_packages "$name")
		tars=("$rootfs")
		[ -z "$packages" ] || tars+=("$packages")
		image "$(runtime_file "$name")" "$(runtime_name "$name")" "${tars[@]}" "$BIN/skillbox-runner" "$NODE_HOOK" -- \
			"${tars[@]/#/--layer=}" "${RUNTIME_LAYER[@]}" --env LANG=C.UTF-8
	done
}

# The image that the chart's value names, as written by images_*.
image_ref() { cut -d' ' -f1 "$IMAGES/$1.ref"; }

# The nodes to load images into, as containers of the engine.
images_nodes() {
	if cluster_is_existing; then kubectl get nodes -o jsonpath='{.items[*].metadata.name}'; else echo "$NODE"; fi
}

# A runtime image by its digest, for an entry of the allowlist that pins one; the nodes then find it under that name, too.
# Nothing where the nodes are no containers here.
image_pinned() { # NAME:TAG
	local node digest name=docker.io/library/$1
	for node in $(images_nodes); do
		digest=$(docker exec "$node" ctr -n k8s.io images ls "name==$name" 2>/dev/null | awk 'NR == 2 {print $3}')
		[ -n "$digest" ] || return 0
		docker exec "$node" ctr -n k8s.io images tag --force "$name" "${name%:*}@$digest" >/dev/null
	done
	echo "${1%:*}@$digest"
}

# images_load program|runtime: into the nodes, what they do not have yet.
images_load() {
	local node name files=()
	case $1 in
	program)
		files=(apiserver controller runner)
		[ "$(images_source)" != registry ] || files+=(python-data)
		;;
	*) for name in "${RUNTIMES[@]}"; do files+=("$(runtime_file "$name")"); done ;;
	esac
	for node in $(images_nodes); do
		node_load "$node" "${files[@]}"
	done
	[ -s "$UI_NOTE" ] || note "all there"
}
node_load() { # NODE FILE...
	local node=$1 have file name digest same
	shift
	have=$(docker exec "$node" ctr -n k8s.io images ls | awk 'NR > 1 {print $1, $3}')
	for file; do
		read -r name digest <"$IMAGES/$file.ref"
		# Docker's archives say no digest; their names are made from the content.
		if grep -qxF "$name $digest" <<<"$have" || { [ "$digest" = any ] && grep -qF "$name " <<<"$have"; }; then continue; fi
		# Another name for an image that is there costs nothing.
		same=$(awk -v digest="$digest" '$2 == digest && $1 !~ /^sha256:/ {print $1; exit}' <<<"$have")
		if [ -n "$same" ]; then
			docker exec "$node" ctr -n k8s.io images tag --force "$same" "$name"
		else
			docker exec -i "$node" ctr -n k8s.io images import - <"$IMAGES/$file.tar"
		fi
		! grep -qF "$name " <<<"$have" || drop_waiting "$name"
		have+=$'\n'"$name $digest"
		note_add "$(sed 's#^docker.io/\(library/\|skillbox/\)\?##' <<<"$name")"
	done
}

# Sandboxes that wait were made of what the name meant before. Those that run something are left to it.
drop_waiting() { # NAME
	local name=${1#docker.io/} busy
	name=${name#library/}
	busy=$(kube get executions -A -o jsonpath='{range .items[*]}{.status.podName}{"\n"}{end}' 2>/dev/null || true)
	kube get pods -A -l skillbox.dev/pool-uid -o jsonpath="{range .items[?(@.spec.containers[0].image==\"$name\")]}{.metadata.namespace} {.metadata.name}{\"\n\"}{end}" |
		while read -r namespace pod; do
			grep -qxF "$pod" <<<"$busy" || kube -n "$namespace" delete pod "$pod" --wait=false --ignore-not-found
		done
}

# With a registry the node fetches the runtime images as they are; python-data is built with the programs.
images_pull() {
	local name
	for name in "${RUNTIMES[@]}"; do
		[ "$name" != "$PYTHON_DATA" ] || continue
		docker exec "$NODE" crictl inspecti -q "docker.io/library/$name" >/dev/null 2>&1 && continue
		docker exec "$NODE" crictl pull "docker.io/library/$name"
		note_add "$name"
	done
}
