// Prints charts/skillbox/seccomp/sandbox.json: what containerd lets a container without capabilities do, and the two system
// calls that the runner needs to make a sandbox's own namespaces and mounts.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

const (
	newUser    = 0x10000000
	newMount   = 0x00020000
	newNetwork = 0x40000000
	bind       = 0x1000 // MS_BIND
)

func main() {
	profile := seccomp.DefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}})
	// The node's own architecture only: no 32-bit entries.
	profile.Architectures = nil
	profile.Syscalls = append(profile.Syscalls,
		// These three namespaces at once, and no others.
		specs.LinuxSyscall{Names: []string{"unshare"}, Action: specs.ActAllow,
			Args: []specs.LinuxSeccompArg{{Index: 0, Value: newUser | newMount | newNetwork, Op: specs.OpEqualTo}}},
		// Directories that are there already: no new file system.
		specs.LinuxSyscall{Names: []string{"mount"}, Action: specs.ActAllow,
			Args: []specs.LinuxSeccompArg{{Index: 3, Value: bind, ValueTwo: bind, Op: specs.OpMaskedEqual}}})
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(profile); err != nil {
		log.Fatal(err)
	}
}
