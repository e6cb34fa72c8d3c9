# shellcheck shell=bash disable=SC2034
# The versions that the cluster is made of. Everything built from them is cached under a key that contains them.
KUBERNETES=1.36.3
KUBERNETES_STAGING=0.36.3 # the libraries of the same release carry 0.x numbers
CONTAINERD=2.2.9
RUNC=1.3.3
ETCD=3.6.16
COREDNS=1.13.1
GVISOR=v0.0.0-20260905035102-160fafc42237
KIND=0.33.0
HELM=3.22.0
