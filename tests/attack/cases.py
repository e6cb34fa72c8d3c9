"""Every attack and what must come of it, in one table. Verdicts:

refused    an error says no
absent     there is nothing there to attack
contained  it works, and reaches only what belongs to this sandbox
harmless   it works, and gains nothing
bounded    a limit ends it, and nobody else notices

Where gVisor answers otherwise, its verdict and the reason stand beside. A case of a group in PROBES is the probe of the
same name in probes/GROUP.py; a case of another group is the test test_NAME in test_GROUP.py.
"""

from typing import NamedTuple


class Case(NamedTuple):
    group: str
    name: str
    runc: str
    gvisor: str
    reason: str
    control: bool  # an ordinary Pod does not stop it: shows that the probe can succeed

    def wanted(self, runtime):
        return getattr(self, runtime)


CASES = []


def _group(group, verdict, names, gvisor="", reason="", control=()):
    for name in names.split():
        CASES.append(Case(group, name, verdict, gvisor or verdict, reason, name in control))


# ---- system calls that reach deep into the kernel: the runner's own filter refuses them, in gVisor too

_group("kernel", "refused", """
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register seccomp_call lookup_dcookie memfd_create
    memfd_secret vmsplice add_key request_key keyctl process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
    move_pages migrate_pages mount_tmpfs mount_proc mount_bind remount_root_writable umount fsopen fsconfig fsmount fspick
    open_tree_clone open_tree_attr move_mount mount_setattr listmount statmount pivot_root chroot open_by_handle_at
    name_to_handle_at fanotify_init quotactl acct kexec_load kexec_file_load init_module finit_module delete_module reboot
    swapon swapoff settimeofday clock_settime adjtimex sethostname setdomainname kernel_log vhangup iopl ioperm modify_ldt
    set_mempolicy
    unshare_ns unshare_cgroup unshare_uts unshare_ipc unshare_user unshare_pid unshare_net unshare_time
    clone_user_namespace clone_network_namespace clone3_user_namespace setns personality
    i386_entry i386_mount x32_entry x32_unshare
    """, control=("memfd_create", "vmsplice"))

# ---- who the script is

_group("privileges", "absent", "capabilities identity")
_group("privileges", "refused", """
    capset ambient_capabilities securebits become_root no_new_privileges seccomp_off file_capability id_maps
    real_time_priority raise_limits core_dump
    """, control=("no_new_privileges", "core_dump"))
_group("privileges", "refused", "lower_oom_score nice_value", gvisor="harmless",
       reason="a number in gVisor's own kernel; the Pod's limits hold outside")
_group("privileges", "contained", "set_uid_program", reason="it runs, with the script's own ids", control=("set_uid_program",))
_group("privileges", "contained", "set_uid_bit", reason="the bit names the file's owner, who is the script")

# ---- other processes

_group("processes", "refused", """
    runner_memory runner_environment runner_descriptors runner_links runner_state runner_settings runner_ptrace
    ptrace_of_a_child runner_signals runner_pidfd runner_limits relay_descriptors relay_limits signal_by_a_descriptor end_signal_of_a_child
    """, control=("runner_environment", "ptrace_of_a_child", "runner_limits"))
_group("processes", "refused", "relay_signals message_of_the_runner_program", gvisor="contained|refused",
       reason="without Landlock a relay can be killed, and the controller comes back; a second runner finds nobody to talk to")
_group("processes", "refused", "runner_scheduling scheduling_of_all_of_the_user", gvisor="refused|harmless",
       reason="gVisor keeps the numbers and schedules as it likes")
_group("processes", "refused", "runner_descriptor_numbers runner_name", gvisor="refused|harmless",
       reason="gVisor lists numbers and flags only, and may take a name that nobody relies on")
_group("processes", "absent", "runner_process_group host_processes secrets_in_environments", control=("secrets_in_environments",))

# ---- network

_group("network", "refused", """
    tcp_socket udp_socket icmp_socket raw_socket packet_socket netlink_socket vsock_socket kernel_crypto_socket
    every_other_socket socket_pair metadata_address host_gateway kube_apiserver kubelet_ports skillbox_services
    neighbour_pod cluster_dns name_lookup bash_dev_tcp send_without_connecting network_settings""",
       control=("tcp_socket", "udp_socket", "netlink_socket", "host_gateway", "kube_apiserver", "neighbour_pod", "skillbox_services",
                "kubelet_ports", "cluster_dns", "bash_dev_tcp"))
_group("network", "refused|absent|contained", "abstract_sockets take_the_runners_name",
       reason="where the script has a network namespace of its own, the runner's name isn't in it")
_group("network", "absent", "socket_files")
_group("network", "absent", "tunnel_device", gvisor="contained", reason="gVisor's own kernel has it, and asks for rights")

# ---- files, devices, /proc, /sys

_group("files", "absent", """
    service_account_token host_paths kubernetes_configuration writable_mounts host_mounts device_nodes known_devices
    cgroup_of_the_host root_by_a_directory_descriptor inherited_descriptors""", control=("service_account_token",))
_group("files", "refused", """
    writable_directories root_file_system own_program what_the_archive_brought a_compiled_module a_folder_of_packages runner_program hard_link_out files_of_the_kubelet termination_log
    make_device type_into_a_terminal kernel_settings core_pattern top_of_proc sysfs cgroups freeze_a_file_system
    new_system_calls_on_files""", control=("termination_log",))
_group("files", "refused|absent", "shadow sysrq kernel_memory kernel_addresses firmware", reason="which, is up to image and kernel")
_group("files", "absent", "file_system_device", gvisor="contained", reason="gVisor's own kernel has it; mounting is refused")
_group("files", "contained", "message_queue_file_system", reason="queues belong to the sandbox's own IPC namespace")

# ---- running programs from where the script can write

_group("execution", "refused", """
    program_from_writable_place script_with_interpreter_line program_by_descriptor program_in_anonymous_file
    program_in_shared_memory dynamic_loader_as_program library_by_dlopen library_by_preload executable_mapping
    program_by_link""",
       control=("program_from_writable_place", "script_with_interpreter_line", "program_by_descriptor", "program_in_anonymous_file",
                "dynamic_loader_as_program", "library_by_dlopen", "library_by_preload", "executable_mapping", "program_by_link"))
_group("execution", "harmless", "program_of_the_image", reason="the operator chose the image; a skill needs its programs")
_group("execution", "harmless", "machine_code_in_memory",
       reason="compilers inside Node need it; it meets the same filter as every other code of the script")

PROBES = ("kernel", "privileges", "processes", "network", "files", "execution")

# ---- resources: a neighbour is served meanwhile, the node stays well

_group("resources", "bounded", """
    fork_bomb thread_bomb memory memory_by_many_processes disk_in_tmp disk_in_out disk_in_shared_memory inodes log_flood output_flood
    processor descriptors sparse_file large_file""")
_group("resources", "bounded", "inotify_instances message_queues pipe_pages",
       reason="the kernel counts these for each user of the node, not for each Pod")

_group("resources", "harmless", "pending_signals",
       reason="one quota for the user on the node: a neighbour may lose queued real-time signals, never ordinary ones")

# ---- what a script can put in the way of those who take its files

_group("results", "harmless", """
    symbolic_links hard_links fifos_and_sockets dot_dot_names long_names deep_nesting hundred_thousand_files newline_names
    invalid_utf8_names files_without_permission files_folder_replaced out_folder_replaced""")
_group("results", "refused", "devices")

# ---- what stands between the script and its record

_group("protocol", "harmless", """
    frames_on_the_log runner_socket_flood stop_every_process stop_itself close_all_descriptors fill_the_pipes
    exit_before_output output_after_exit output_replaced_while_read output_fifo output_symbolic_link output_folder output_socket
    output_hard_link output_sparse output_deeply_nested output_strange_json log_of_control_characters""")
_group("protocol", "harmless", "kill_every_process", gvisor="harmless|contained",
       reason="without Landlock the relays can be killed, which in the end costs the script its sandbox")
_group("protocol", "refused", "runner_killed_by_its_limits runner_killed_by_its_directory token_of_a_new_relay")
_group("protocol", "refused", "runner_starved", gvisor="refused|harmless", reason="gVisor keeps the numbers and schedules as it likes")

# ---- what is left of an execution for the next one, and for those beside it

_group("residue", "absent", "files processes shared_memory system_v_ipc message_queues unix_sockets host_name file_times")


def cases_of(*groups):
    return [case for case in CASES if case.group in groups]


def case_of(group, name):
    (case,) = [case for case in CASES if (case.group, case.name) == (group, name)]
    return case
