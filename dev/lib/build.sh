# shellcheck shell=bash
# The C programs. What was compiled once, in whichever checkout, is not compiled again.
export CMAKE_C_COMPILER_LAUNCHER=ccache CCACHE_DIR=$CACHE/ccache CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=1G

build_preset() { # PRESET
	cd "$ROOT" || return
	# A tree that was configured elsewhere, or half, is configured anew.
	cmake --preset "$1" || { rm -rf "build/$1/CMakeCache.txt" "build/$1/CMakeFiles" && cmake --preset "$1"; }
	cmake --build --preset "$1"
	if grep -q 'no work to do' <(tail -n 1 "$UI_LOG"); then note "nothing changed"; fi
}
