#!/bin/bash
# image.sh DIR [--name | --rootfs]: a kind node image from Debian packages and the programs in DIR/bin (see programs.sh), for
# machines that reach no image registry. Ends as an image of the Docker engine that answers; prints its name, whose tag
# is the hash of all that goes into it. If the engine has that image, nothing is done. --name prints the name only; --rootfs
# makes only the root file systems, which need neither the programs nor an engine.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=kind-config/versions.sh
. "$HERE/../versions.sh"
DIR=$(cd "$1" && pwd) B=$(cd "$1" && pwd)/bin
cgroup=v1
[ -f /sys/fs/cgroup/cgroup.controllers ] && cgroup=v2

base=systemd,systemd-sysv,dbus,iproute2,iptables,nftables,kmod,procps,mount,util-linux,ethtool,conntrack,socat,jq,hostname,containernetworking-plugins,openssl,libseccomp2,ca-certificates,curl
node_rootfs() { "$HERE/../../dev/rootfs" "$DIR" node bookworm minbase $base; }
proxy_rootfs() { "$HERE/../../dev/rootfs" "$DIR" kube-proxy bookworm minbase nftables,iptables,conntrack,kmod; }

if [ "${2:-}" = --rootfs ]; then
	node_rootfs
	proxy_rootfs
	exit 0
fi

key=$({
	cat "$HERE/../versions.sh" "$HERE/programs.sh" "$HERE/../../dev/mkimage.py"
	cd "$HERE" && find . -type f ! -name programs.sh | LC_ALL=C sort | xargs sha256sum
	echo "$cgroup"
} | sha256sum | cut -c1-12)
image=skillbox/kind-node:v$KUBERNETES-$key
[ "${2:-}" = --name ] && echo "$image" && exit 0
docker image inspect "$image" >/dev/null 2>&1 && echo "$image" && exit 0
exec 3>&1 1>&2

node=$(node_rootfs)
proxy=$(proxy_rootfs)
work=$DIR/tmp/node-image
rm -rf "$work" && mkdir -p "$work/root" && cd "$work"
tar xf "$node" -C root --exclude='./dev/*'
# kind's own files for a node (entry point, units, containerd's configuration), then ours.
cp -r "$DIR/kind-node-files/." root/
chmod +x root/usr/local/bin/* root/kind/bin/*
cp -r "$HERE/root/." root/
for p in kubelet kubectl; do ln "$B/$p" root/usr/bin/ 2>/dev/null || cp "$B/$p" root/usr/bin/; done
cp "$B/kubeadm" root/usr/bin/kubeadm-real # root/usr/bin/kubeadm waits, then runs it
cp "$B"/{containerd,containerd-shim-runc-v2,ctr,runsc,runsc-shim} root/usr/local/bin/
cp "$B/runc" root/usr/local/sbin/
mkdir -p root/opt/cni/bin root/kind/images root/kind/manifests root/etc/kubernetes/manifests
cp root/usr/lib/cni/* root/opt/cni/bin/
mkdir -p root/var/local/volumes/{0..5} # of root/kind/manifests/default-storage.yaml
chmod 0777 root/var/local/volumes/*
echo "v$KUBERNETES" >root/kind/version

# The control plane's images: one static program each, but for kube-proxy, which runs nft.
pause=
while read -r name; do
	p=${name##*/} p=${p%%:*}
	layers=()
	case $p in
	pause)
		gcc -O2 -static -s -o pause "$HERE/pause.c"
		program=pause pause=$name
		;;
	kube-proxy) program=$B/$p layers=(--layer "$proxy") ;;
	*) program=$B/$p ;;
	esac
	"$HERE/../../dev/mkimage.py" -o "root/kind/images/$p.tar" -n "$name" "${layers[@]}" \
		--add "$program:/usr/local/bin/$p:0755" --dir /tmp:1777 -- "/usr/local/bin/$p"
done < <("$B/kubeadm" config images list --kubernetes-version "v$KUBERNETES")

# containerd as kind configures it, but for our pause image, gVisor, no lowering of OOM scores (needs
# CAP_SYS_RESOURCE), no runtime spec that kind generates at its image's build, and no systemd for cgroups on v1.
c=root/etc/containerd/config.toml
sed -i "s/restrict_oom_score_adj = false/restrict_oom_score_adj = true/; /base_runtime_spec/d
	s#sandbox_image = .*#sandbox_image = \"$pause\"#" $c
[ $cgroup = v2 ] || sed -i 's/SystemdCgroup = true/SystemdCgroup = false/' $c
cat "$HERE/runsc-containerd.toml" >>$c

chroot root systemctl -q enable kubelet.service containerd.service undo-mount-hacks.service load-images.service pod-network.service
chroot root systemctl -q mask systemd-binfmt.service # what it registers is the whole kernel's
tar cf - -C root . | docker import -c 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]' -c 'ENV container=docker' - "$image"
cd / && rm -rf "$work"
# Images of earlier recipes.
docker image ls --format '{{.Repository}}:{{.Tag}}' skillbox/kind-node | grep -vxF "$image" | xargs -r docker image rm || true
echo "$image" >&3
