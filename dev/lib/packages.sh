# shellcheck shell=bash
# Debian packages: what is missing is installed, what is there is left alone.

PACKAGES_BUILD=(build-essential pkg-config cmake ninja-build ccache git curl ca-certificates jq zip unzip
	libuv1-dev libwebsockets-dev libwebsockets-evlib-uv libcurl4-openssl-dev libyaml-dev libpcre2-dev libssl-dev
	libpq-dev libmicrohttpd-dev libarchive-dev libseccomp-dev liblz4-dev libcmocka-dev
	clang clang-tidy clang-format libclang-rt-14-dev shellcheck python3)
PACKAGES_CLUSTER=(docker.io mmdebstrap debian-archive-keyring libcap2-bin iproute2 procps util-linux python3-pip)
PACKAGES_TEST=(python3-venv postgresql nodejs node-typescript)

packages_missing() { # PACKAGE...
	local have
	# shellcheck disable=SC2016 # dpkg-query's own variables
	have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | awk '$1 == "ii" {print $2}' || true)
	printf '%s\n' "$@" | grep -vxF "$have" || true
}

packages_install() { # PACKAGE...
	local policy=/usr/sbin/policy-rc.d made='' rc=0
	# No service of a package is started: Docker's engine is run by dev/lib/docker.sh, for this project alone.
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod +x $policy
		made=1
	fi
	{
		apt-get -q update &&
			apt-get -q install -y --no-install-recommends -o Dpkg::Lock::Timeout=300 "$@"
	} || rc=$?
	[ -z "$made" ] || rm -f $policy
	return $rc
}

# packages LIST-NAME PACKAGE...: says what it is about to install, then does.
packages() {
	local name=$1 missing
	shift
	missing=$(packages_missing "$@" | xargs)
	[ -n "$missing" ] || return 0
	say "  installing for the $name: $missing"
	# shellcheck disable=SC2086 # words
	step "packages-$name" "Debian packages ($name)" packages_install $missing
}
