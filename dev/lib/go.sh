# shellcheck shell=bash
# Go, for the programs of the cluster: an existing one from 1.21 on (it fetches the release that a module asks for), else
# Debian's backport, since bookworm's own 1.19 can't.

go_usable() { # PROGRAM
	local minor
	minor=$("$1" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || true
	[ "${minor:-0}" -ge 21 ]
}

# The folder of a usable Go.
go_folder() {
	local dir
	for dir in "$(dirname "$(command -v go || echo /none/go)")" /usr/local/go/bin /usr/lib/go-1.*/bin; do
		if [ -x "$dir/go" ] && go_usable "$dir/go"; then
			echo "$dir"
			return 0
		fi
	done
	return 1
}

go_install() {
	local uri dir=$CACHE/tmp/backports options newest key='signed-by=/usr/share/keyrings/debian-archive-keyring.gpg'
	# Backports are on the mirror that this machine uses already. A list apart leaves the machine's own as they are.
	# shellcheck disable=SC2016 # apt's own variables
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
	mkdir -p "$dir/lists/partial"
	printf "deb [$key] $uri %s main\n" bookworm bookworm-updates bookworm-backports >"$dir/sources.list"
	options=(-o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$dir/lists"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
	apt-get -q "${options[@]}" update
	newest=$(apt-cache "${options[@]}" search --names-only '^golang-1\.[0-9]+-go$' | cut -d' ' -f1 | sort -V | tail -n 1)
	[ -n "$newest" ]
	apt-get -q "${options[@]}" install -y --no-install-recommends -t bookworm-backports "$newest"
	note "$newest"
}

# Puts a usable Go on PATH.
go_ensure() {
	local dir
	if ! dir=$(go_folder); then
		step packages-go "Go from Debian's backports" go_install
		dir=$(go_folder) || die "there is no Go from 1.21 on, and Debian's backports gave none: install one, then run this again"
	fi
	export PATH=$dir:$PATH
	# What a machine's setting may forbid: fetching the release that the modules ask for.
	case $(go env GOVERSION) in go1.2[1-5]*) export GOTOOLCHAIN=auto ;; esac
}
