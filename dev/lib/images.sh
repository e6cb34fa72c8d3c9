# shellcheck shell=bash
# The images: skillbox/{apiserver,controller,runner} from the release build, and the runtime images that skills run in.
#
# With a registry they are built by Docker from images/*/Dockerfile. Without one the same content is put together from
# Debian packages (dev/rootfs) and our programs (dev/mkimage.py). Either way they end in the node's containerd, under
# the names that the chart and the skills use; the tag of the three programs is made from their content.

IMAGES=$CACHE/images
BIN=$ROOT/build/release/bin
# What apiserver and controller link at run time.
LIBS=libuv1,libwebsockets17,libwebsockets-evlib-uv,libcurl4,libyaml-0-2,libssl3,libpq5,libmicrohttpd12,libarchive13,libseccomp2,ca-certificates

# shellcheck disable=SC2016 # mmdebstrap's hooks expand "$1" themselves
RUNTIME_HOOK='--customize-hook=mkdir -p "$1/sandbox" "$1/skillbox"'
# shellcheck disable=SC2016
PYTHON_HOOK='--customize-hook=ln -s python3 "$1/usr/bin/python"'

# The runtime images without a registry: what stands in for each, name by name.
runtime_rootfs() { # NAME: prints the tar of its root file system
	case $1 in
	python:3.12-slim) "$ROOT/dev/rootfs" "$CACHE" python-trixie trixie essential python3,ca-certificates "$RUNTIME_HOOK" "$PYTHON_HOOK" ;;
	python:3.11-slim) "$ROOT/dev/rootfs" "$CACHE" python-bookworm bookworm essential python3,ca-certificates "$RUNTIME_HOOK" "$PYTHON_HOOK" ;;
	node:20-slim | node:22-slim) "$ROOT/dev/rootfs" "$CACHE" node-trixie trixie essential nodejs,ca-certificates "$RUNTIME_HOOK" ;;
	bash:5) "$ROOT/dev/rootfs" "$CACHE" bash bookworm essential bash,coreutils "$RUNTIME_HOOK" ;;
	esac
}
RUNTIMES=(python:3.12-slim python:3.11-slim node:20-slim node:22-slim bash:5)
# They carry the runner, as those of the Dockerfiles of images/{python,node,bash} do.
NODE_HOOK=$ROOT/runner/cell/parked/park.cjs
RUNTIME_LAYER=(--add "$BIN/skillbox-runner:/skillbox/runner:0755" --add "$NODE_HOOK:/skillbox/park.cjs:0644" --dir /skillbox --dir /sandbox)
STAND_INS="python:3.12-slim is Debian's Python 3.13, node:22-slim is Debian's Node 20"

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

# With a registry: the Dockerfiles. docker_image FILE NAME
docker_image() {
	local file=$1 name=$2 id
	# Git knows which files belong to the source, so nothing built slips in. Network of the host: our own engine has none.
	(cd "$ROOT" && git ls-files -co --exclude-standard -z | xargs -0 ls -d 2>/dev/null | tar cf - --no-recursion -T -) |
		docker build --network host -t "skillbox-dev/$file" -f "images/$file/Dockerfile" -
	id=$(docker image inspect -f '{{.Id}}' "skillbox-dev/$file")
	id=${id#sha256:}
	[ "$(cat "$IMAGES/$file.key" 2>/dev/null)" != "$id" ] || return 0
	docker tag "skillbox-dev/$file" "${name#docker.io/}:${id:0:12}"
	docker save -o "$IMAGES/$file.tar" "${name#docker.io/}:${id:0:12}"
	docker rmi "${name#docker.io/}:${id:0:12}"
	echo "$name:${id:0:12} any" >"$IMAGES/$file.ref"
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
	local name tar
	mkdir -p "$IMAGES"
	for name in "${RUNTIMES[@]}"; do
		tar=$(runtime_rootfs "$name")
		image "runtime-${name/:/-}" "docker.io/library/$name" "$tar" "$BIN/skillbox-runner" "$NODE_HOOK" -- --layer "$tar" \
			"${RUNTIME_LAYER[@]}" --env LANG=C.UTF-8
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
	local node files
	case $1 in program) files=(apiserver controller runner) ;; *) files=("${RUNTIMES[@]/#/runtime-}") ;; esac
	for node in $(images_nodes); do
		node_load "$node" "${files[@]/:/-}"
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
		have+=$'\n'"$name $digest"
		note_add "$(sed 's#^docker.io/\(library/\|skillbox/\)\?##' <<<"$name")"
	done
}

# With a registry the node fetches the runtime images as they are.
images_pull() {
	local name
	for name in "${RUNTIMES[@]}"; do
		docker exec "$NODE" crictl inspecti -q "docker.io/library/$name" >/dev/null 2>&1 && continue
		docker exec "$NODE" crictl pull "docker.io/library/$name"
		note_add "$name"
	done
}
