#!/bin/bash
# Makes a kind cluster with Skillbox in it, from this checkout: examples/ci/cluster.sh [ENV-FILE]
# For machines with Docker, kind, kubectl and Helm, such as GitHub's runners; needs no root. ENV-FILE gets SKILLBOX_SERVER_URL
# and SKILLBOX_API_KEY (standard output if left out). Takes the cluster away again: kind delete cluster --name skillbox
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
env_file=${1:-/dev/stdout}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in docker kind kubectl helm curl; do
	command -v "$tool" >/dev/null || { echo "cluster.sh: $tool is not on this machine" >&2 && exit 1; }
done
say() { echo "== $*" >&2; }

# The version that the chart asks for.
version=$(awk '$1 == "appVersion:" {gsub(/"/, "", $2); print $2}' "$root/charts/skillbox/Chart.yaml")

say "images of $version"
for part in apiserver controller runner; do
	docker build -t "skillbox/$part:$version" -f "$root/images/$part/Dockerfile" "$root" >&2
done

say "cluster"
cp "$root/kind-config/kind.yaml" "$work/kind.yaml"
# Without the address there is nothing to bind, and the cluster would not start.
grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || sed -i '/listenAddress: "::1"/d' "$work/kind.yaml"
kind create cluster --name skillbox --config "$work/kind.yaml" --wait 120s >&2
kind load docker-image --name skillbox "skillbox/apiserver:$version" "skillbox/controller:$version" "skillbox/runner:$version" >&2

say "chart"
kubectl apply --server-side -k "$root/crds" >&2
kubectl get -k "$root/crds" -o name | xargs kubectl wait --for=condition=Established --timeout=60s >&2
helm upgrade --install skillbox "$root/charts/skillbox" -n skillbox --create-namespace -f "$root/examples/ci/values.yaml" \
	--wait --timeout 5m >&2 ||
	{ kubectl -n skillbox get pods,events >&2 && exit 1; }

say "key"
key=$(kubectl -n skillbox exec deploy/skillbox-apiserver -- skillbox-apiserver key create --name ci --tenant default |
	tail -n 1 | tr -d '[:space:]')
case $key in sk-*) ;; *) echo "cluster.sh: no key was made" >&2 && exit 1 ;; esac
url=http://localhost:8080
curl -sS --fail --retry 30 --retry-delay 1 --retry-all-errors -o /dev/null "$url/ready"
# A CI system hides the key in its logs if it is told to.
[ -z "${GITHUB_ACTIONS:-}" ] || echo "::add-mask::$key" >&2
printf 'SKILLBOX_SERVER_URL=%s\nSKILLBOX_API_KEY=%s\n' "$url" "$key" >>"$env_file"
say "Skillbox answers at $url"
