"""The layers of docs/security.md, each taken away in one way or several, and the test that must then fail.

A mutation replaces text that stands exactly once in a file, or several such texts. The cheapest level shows it: a unit test; the runner in
namespaces of this machine; the API server beside a control plane without nodes; the chart at such a control plane; the
cluster of `make up`."""

from dataclasses import dataclass

LEVELS = ("unit", "runner", "apiserver", "chart", "cluster")


@dataclass(frozen=True)
class Mutation:
    name: str
    layer: str  # first column of docs/security.md
    level: str
    file: str
    old: tuple
    new: tuple
    tests: tuple


def apply_to(text, mutation):
    for old, new in zip(mutation.old, mutation.new, strict=True):
        if text.count(old) != 1:
            raise ValueError(f"{mutation.name}: {text.count(old)} places in {mutation.file} have the text {old!r}, not one")
        text = text.replace(old, new)
    return text


MUTATIONS = []


def group(layer, level, file, *rows):
    """rows: name, old, new, test…; old and new may be tuples."""
    for name, old, new, *tests in rows:
        old, new = (texts if isinstance(texts, tuple) else (texts,) for texts in (old, new))
        MUTATIONS.append(Mutation(name, layer, level, file, old, new, tuple(tests)))


LOCKDOWN = "tests/runner/test_lockdown.py::"
RUNNER_PROTOCOL = "tests/runner/test_protocol.py::"
RUN = "tests/runner/test_run.py::"
END = "tests/runner/test_end.py::"
RUNNER_SECRETS = "tests/runner/test_secrets.py::"
POD_SPEC = "tests/unit/controller/sandbox/test_pod_spec.c::"
CHART = "tests/integration/test_chart.py::"
ARCHIVE = "tests/unit/lib/skill/test_archive.c::"
BUILD = "tests/unit/controller/build/test_"
WHEEL = "tests/unit/lib/wheel/test_wheel.c::"
WHEELHOUSE = "tests/unit/lib/wheel/test_wheelhouse.c::"

# ---- what the runner puts around a script

group("runner out of reach", "runner", "runner/main.c",
      ("runner-dumpable", "prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)", "prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)",
       LOCKDOWN + "test_runner_is_out_of_reach"))
group("runner out of reach", "runner", "runner/system/environment.c",
      ("runner-keeps-its-environment", "explicit_bzero(*entry, strlen(*entry));", "(void)*entry;",
       RUNNER_SECRETS + "test_the_token_leaves_the_environment"))
group("runner out of reach", "runner", "runner/channel/relay.c",
      ("relay-keeps-its-environment", "environment_wipe(&err) == 0 ? rendezvous_connect(&err) : -1;", "rendezvous_connect(&err);",
       RUNNER_SECRETS + "test_the_token_leaves_the_environment_of_a_relay"))
group("runner out of reach", "runner", "runner/channel/rendezvous.c",
      ("peer-from-inside", "tree_parse_stat(text, &parent, &state) && parent == 0;", "tree_parse_stat(text, &parent, &state);",
       LOCKDOWN + "test_peer_from_inside_is_sent_away"),
      ("peer-of-another-user", "peer.uid != geteuid() ||", "false ||", LOCKDOWN + "test_peer_of_another_uid_is_sent_away"))
group("runner out of reach", "runner", "runner/loop.c",
      ("any-token", "!str_eq_constant_time(frame->hello_request.token, str_of(init->token))", "false",
       RUNNER_PROTOCOL + "test_stranger_gets_no_word"))

group("seccomp filter", "runner", "runner/isolation/lockdown.c",
      ("no-seccomp-filter", "return lockdown->seccomp_filter ? seccomp_filter_install() : 0;", "return 0;",
       LOCKDOWN + "test_system_calls"))
group("seccomp filter", "runner", "runner/isolation/seccomp/generate.c",
      ("ptrace", '"ptrace", "process_vm_readv"', '"process_vm_readv"', LOCKDOWN + "test_system_calls"),
      ("unshare", '"unshare", "setns",', '"setns",', LOCKDOWN + "test_system_calls"),
      ("bpf", '"bpf", "perf_event_open"', '"perf_event_open"', LOCKDOWN + "test_system_calls"),
      ("clone3", '"clone3", "io_uring_setup"', '"io_uring_setup"', LOCKDOWN + "test_system_calls"),
      ("io_uring", '"io_uring_enter", ', '', LOCKDOWN + "test_system_calls"),
      ("memory-files", '"memfd_create", ', '', LOCKDOWN + "test_system_calls"),
      ("clone-of-user-namespaces", "CLONE_NEWIPC, CLONE_NEWUSER, ", "CLONE_NEWIPC, ", LOCKDOWN + "test_system_calls"),
      ("devices", "devices[] = {S_IFCHR, S_IFBLK};", "devices[] = {S_IFSOCK, S_IFSOCK};", LOCKDOWN + "test_system_calls"),
      ("upper-half-of-an-int", "SCMP_A1(SCMP_CMP_MASKED_EQ, low, terminal_requests[i])",
       "SCMP_A1(SCMP_CMP_EQ, terminal_requests[i])", LOCKDOWN + "test_system_calls"),
      ("signals-to-pid-1", 'add(filter, EPERM, to_process[i], 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, 1))', "0",
       LOCKDOWN + "test_system_calls"),
      ("foreign-entry", "SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS", "SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW",
       LOCKDOWN + "test_foreign_entry_is_the_end"))

group("no network", "runner", "runner/isolation/seccomp/generate.c",
      ("internet-sockets", 'add(filter, EPERM, "socket", 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0)) != 0 ||',
       'add(filter, EPERM, "socket", 1, SCMP_A0(SCMP_CMP_EQ, AF_PACKET, 0)) != 0 ||', LOCKDOWN + "test_no_network"))

group("seccomp filter", "runner", "runner/isolation/seccomp/generate.c",
      ("limits-of-pid-1", 'add(filter, EPERM, "prlimit64", 1, SCMP_A0(SCMP_CMP_NE, 0, 0)) != 0', "false",
       LOCKDOWN + "test_system_calls"),
      ("priority-of-pid-1", 'add(filter, EPERM, "setpriority", 1, SCMP_A1(SCMP_CMP_MASKED_EQ, low, 1)) != 0', "false",
       LOCKDOWN + "test_system_calls"),
      ("children-for-pid-1", "#define OTHERS_CHILD CLONE_PARENT", "#define OTHERS_CHILD CLONE_NEWNS", LOCKDOWN + "test_system_calls"),
      ("calls-of-tomorrow", "#define FIRST_UNKNOWN 463u", "#define FIRST_UNKNOWN 0x3fffffffu", LOCKDOWN + "test_system_calls"))
group("seccomp filter", "unit", "runner/isolation/seccomp/generate.c",
      ("calls-in-the-gap", "#define FIRST_OF_GAP 335u", "#define FIRST_OF_GAP 423u",
       "tests/unit/runner/isolation/seccomp/test_filter.c::test_what_nobody_has_looked_at"))

group("namespaces", "runner", "runner/isolation/enclosure.c",
      ("places-to-write-are-executable", '{PATH_TMP, true, false, HARDENED | MS_NOEXEC, "', '{PATH_TMP, true, false, HARDENED, "',
       LOCKDOWN + "test_layers_are_reported"),
      ("scripts-are-writable", '{PATH_SCRIPTS, false, false, HARDENED | MS_RDONLY, "', '{PATH_SCRIPTS, false, false, HARDENED, "',
       LOCKDOWN + "test_nobody_changes_what_the_archive_brought"),
      ("all-else-is-writable", '{PATH_SANDBOX, true, false, HARDENED | MS_NOEXEC | MS_RDONLY, "',
       '{PATH_SANDBOX, true, false, HARDENED | MS_NOEXEC, "', LOCKDOWN + "test_writes"),
      ("termination-log-is-writable", '{"/dev/termination-log", true, true, HARDENED | MS_NOEXEC | MS_RDONLY,',
       '{"/dev/termination-log", true, true, HARDENED | MS_NOEXEC,', LOCKDOWN + "test_writes"),
      ("network-of-the-pod", "CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET", "CLONE_NEWUSER | CLONE_NEWNS", LOCKDOWN + "test_no_network"),
      ("capabilities-stay", "syscall(SYS_capset, &header, none)", "syscall(SYS_capget, &header, none)", LOCKDOWN + "test_layers_are_reported"))

group("Landlock", "runner", "runner/isolation/lockdown.c",
      ("no-landlock", "lockdown->landlock_fd >= 0 && landlock_restrict(lockdown->landlock_fd) != 0", "false",
       LOCKDOWN + "test_writes"))
group("Landlock", "runner", "runner/isolation/landlock.c",
      ("execution-from-tmp", '{PATH_TMP, WRITE_TREE},', '{PATH_TMP, WRITE_TREE | FS_EXECUTE},', LOCKDOWN + "test_execution"),
      ("execution-from-out", '{PATH_OUT, WRITE_TREE},', '{PATH_OUT, WRITE_TREE | FS_EXECUTE},', LOCKDOWN + "test_execution"),
      ("writes-to-the-archive", '{PATH_SCRIPTS, FS_EXECUTE},', '{PATH_SCRIPTS, FS_EXECUTE | WRITE_TREE},',
       LOCKDOWN + "test_nobody_changes_what_the_archive_brought"),
      ("writes-beside-out", '{PATH_OUT, WRITE_TREE},', '{PATH_SANDBOX, WRITE_TREE},', LOCKDOWN + "test_writes"),
      ("no-scopes", "abi >= 6 ? SCOPE_ALL : 0", "0", LOCKDOWN + "test_socket_of_the_runner"))

group("clean start", "runner", "runner/isolation/lockdown.c",
      ("core-limit", "{RLIMIT_CORE, 0},", "{RLIMIT_CORE, RLIM_INFINITY},", RUN + "test_surroundings"),
      ("open-files", "{RLIMIT_NOFILE, 1024},", "{RLIMIT_NOFILE, 1 << 20},", RUN + "test_surroundings"),
      ("no-session", "if (setsid() < 0 || prctl(", "if (prctl(", RUN + "test_surroundings"))
group("clean start", "runner", "runner/cell/job.c",
      ("any-variable", "!frame_env_name_is_allowed(env->name))", "false)", RUNNER_PROTOCOL + "test_bad_job[ld_preload]"))

group("whole tree ends", "runner", "runner/system/tree.c",
      ("survivors", "if (signal_all(SIGKILL, err) < 0)", "if (kill(watched, SIGKILL) < 0 && errno != ESRCH)",
       END + "test_background_processes_die_with_the_script"))
group("whole tree ends", "unit", "runner/system/tree.c",
      ("children-of-clone", "WNOHANG | __WALL", "WNOHANG", "tests/unit/runner/system/test_tree.c::test_children_of_clone_count"))

group("results", "runner", "runner/system/beneath.c",
      ("symbolic-links-are-followed", "openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)",
       "openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC)", RUN + "test_files_directory_that_is_a_symlink"))
group("results", "unit", "lib/run/arrival.c",
      ("more-data-than-announced", "if (!a->in_object || data.n > a->object_left)", "if (false)",
       "tests/unit/controller/sandbox/test_collector.c::test_protocol_is_enforced"),
      ("counts-at-the-end", "a->in_object || frame->end.object_count != a->object_count ||\n\t\t    frame->end.byte_count != a->byte_count)",
       "a->in_object)", "tests/unit/controller/sandbox/test_collector.c::test_protocol_is_enforced"))
group("results", "unit", "lib/frame/frame.c",
      ("path-rules", "if (!c->broken && !frame_path_is_valid(*path))", "if (false)", "tests/unit/lib/frame/test_frame.c::test_bounds_on_decode"))
group("results", "unit", "lib/frame/path.c",
      ("dot-dot-in-results", 'str_eq(component, STR(".."))', "false", "tests/unit/lib/frame/test_path.c::test_table"))

# ---- the Pod

group("Pod", "unit", "controller/sandbox/pod_spec.c",
      ("service-account-token", '\\"automountServiceAccountToken\\":false,', "", POD_SPEC + "test_lock_down"),
      ("service-links", '\\"enableServiceLinks\\":false,', "", POD_SPEC + "test_lock_down"),
      ("cluster-dns", '\\"dnsPolicy\\":\\"None\\",', "", POD_SPEC + "test_lock_down"),
      ("host-network", '\\"hostNetwork\\":false', '\\"hostNetwork\\":true', POD_SPEC + "test_lock_down"),
      ("privileged", '\\"privileged\\":false', '\\"privileged\\":true', POD_SPEC + "test_lock_down"),
      ("privilege-escalation", '\\"allowPrivilegeEscalation\\":false,', "", POD_SPEC + "test_lock_down"),
      ("writable-root", '\\"readOnlyRootFilesystem\\":true,', "", POD_SPEC + "test_lock_down"),
      ("capabilities", '\\"capabilities\\":{\\"drop\\":[\\"ALL\\"]},', "", POD_SPEC + "test_lock_down"),
      ("no-deadline", '\\"activeDeadlineSeconds\\":%lld,",', '\\"terminationGracePeriodSeconds\\":%lld,",', POD_SPEC + "test_lock_down"),
      ("no-limits", '\\"limits\\":{\\"cpu\\":\\"%s\\",\\"memory\\":\\"%s\\"}}",', '\\"limit\\":{\\"cpu\\":\\"%s\\",\\"memory\\":\\"%s\\"}}",',
       POD_SPEC + "test_lock_down"),
      ("runtime-class-ignored", 'member(out, "runtimeClassName", spec->runtime_class);', 'member(out, "schedulerName", "default-scheduler");',
       POD_SPEC + "test_options"),
      ("user-namespace-ignored", "if (config->user_namespaces)", "if (false)", POD_SPEC + "test_options"))

group("required layers", "unit", "lib/run/layers.c",
      ("missing-layers-pass", "if (missing.len == 0)", "if (true)", "tests/unit/lib/run/test_layers.c::test_check"),
      ("inactive-layers-pass", "(layer && layer->active)", "layer", "tests/unit/lib/run/test_layers.c::test_check"))
group("required layers", "unit", "runner/isolation/layers.c",
      ("capabilities-reported-away", "if (is_zero(set))", "if (true || is_zero(set))", "tests/unit/runner/isolation/test_layers.c::test_capabilities"))
group("required layers", "unit", "controller/sandbox/link.c",
      ("layers-not-asked", "if (layers_check(&link->services->config->required_layers, hello, &missing) != 0) {",
       "if (false && layers_check(&link->services->config->required_layers, hello, &missing) != 0) {",
       "tests/unit/controller/sandbox/test_link.c::test_who_may_speak"))

# ---- what the cluster enforces

for name, case, old, new in (
        ("one-container", "two containers",
         "size(variables.pod.containers) == 1 && !has(variables.pod.ephemeralContainers) && !has(variables.pod.initContainers)", '"true"'),
        ("host-namespaces", "host network", "!has(variables.pod.hostNetwork) && !has(variables.pod.hostPID)", "true"),
        ("program", "another program", 'variables.box.?command.orValue([]) == ["/skillbox/runner"]', "true"),
        ("node", "a node of its choice", "!has(variables.pod.nodeName) &&", "true &&"),
        ("tolerations", "a toleration of everything", ".all(t, t in variables.tolerations)", ".all(t, true)"),
        ("restart", "restarts", 'variables.pod.?restartPolicy.orValue("") == "Never" &&', "true &&"),
        ("deadline", "a late deadline", "variables.pod.activeDeadlineSeconds <= 900", "0 <= 900"),
        ("token", "a service account token", "variables.pod.?automountServiceAccountToken.orValue(true) == false", "true"),
        ("dns", "a DNS server", 'variables.pod.?dnsConfig.orValue({}) == {"nameservers": ["127.0.0.1"]}', "true"),
        ("user", "root of the Pod",
         'variables.pod.?securityContext.orValue({})\n      == {{ include "skillbox.podSecurityOfSandboxes" . }}', "true"),
        ("container-security", "privilege escalation",
         'variables.box.?securityContext.orValue({})\n      == {{ include "skillbox.containerSecurityOfSandboxes" . }}', "true"),
        ("memory", "a terabyte", "quantity(variables.resources.limits.memory).sub(1).isLessThan(variables.maxMemory)", "true"),
        ("cpu", "a thousand CPUs", 'quantity(variables.resources.limits.cpu).sub(quantity("1m")).isLessThan(variables.maxCPU)', "true"),
        ("image", "any image", "variables.image in variables.images ||", "true ||"),
        ("volumes", "memory without limit", "&& variables.volumes == [", "|| variables.volumes == ["),
        ("references", "a reference as variable", 'e.all(k, k in ["name", "value"]) && ', ""),
        ("fields", "a gate", "variables.pod.all(k, k in variables.podFields)", '"true"')):
    group("admission", "chart", "charts/skillbox/templates/admission.yaml",
          (f"admission-{name}", old, new, CHART + f"test_a_weaker_pod_is_refused[{case}]"))
group("admission", "chart", "charts/skillbox/templates/admission.yaml",
      ("admission-any-command", 'variables.options.?command.orValue([]) == ["/skillbox/runner", "relay"]', "true",
       "tests/integration/test_admission.py::test_the_relay_is_the_one_way_in"))
group("admission", "chart", "charts/skillbox/templates/admission.yaml",
      ("admission-everywhere", 'has(namespaceObject.metadata.labels) && "skillbox.dev/tenant" in namespaceObject.metadata.labels\n    message: sandboxes',
       '"true"\n    message: sandboxes',
       CHART + "test_sandboxes_stand_with_tenants_only"),
      ("admission-audits-only", "sandbox-pods\n  validationActions: [Deny, Audit]", "sandbox-pods\n  validationActions: [Audit]",
       CHART + "test_a_weaker_pod_is_refused[two containers]"))
group("NetworkPolicy", "chart", "charts/skillbox/templates/tenants.yaml",
      ("egress-is-open", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", CHART + "test_a_tenants_namespace_denies_all_traffic"))
group("Pod Security", "chart", "charts/skillbox/templates/tenants.yaml",
      ("no-pod-security", "pod-security.kubernetes.io/enforce: restricted", "pod-security.kubernetes.io/enforce: privileged",
       CHART + "test_a_tenants_namespace_is_restricted_for_everybody"))
group("least rights", "chart", "charts/skillbox/templates/rbac.yaml",
      ("controller-reads-secrets", "  resources: [namespaces, pods]\n", "  resources: [namespaces, pods, secrets]\n",
       CHART + "test_the_programs_may_do_no_more"))
group("least rights", "chart", "charts/skillbox/templates/tenants.yaml",
      ("controller-joins-pods", "resources: [pods/exec]", "resources: [pods/exec, pods/portforward]",
       CHART + "test_the_programs_may_do_no_more"))
group("least rights", "cluster", "charts/skillbox/templates/rbac.yaml",
      ("an-unneeded-verb", "resources: [skills/status, executions/status, sandboxpools/status]\n  verbs: [patch]",
       "resources: [skills/status, executions/status, sandboxpools/status]\n  verbs: [patch, update]",
       "tests/e2e/test_rbac.py::test_each_right_is_needed_and_none_is_missing",
       "tests/e2e/test_rbac.py::test_everything_else_is_refused"))
group("admission", "cluster", "charts/skillbox/values.yaml",
      ("no-admission-policy", "  admissionPolicy: true", "  admissionPolicy: false",
       "tests/e2e/test_rbac.py::test_weaker_sandboxes_are_refused"))

# ---- callers and tenants

group("Pods of ours", "unit", "controller/sandbox/token.c",
      ("strangers-token", "return str_eq_constant_time(str_of(pod->token), str_of(token));", "return true;",
       "tests/unit/controller/sandbox/test_token.c::test_whose_it_is",
       "tests/unit/controller/execution/test_refresh.c::test_a_strangers_pod_is_not_its_own",
       "tests/unit/controller/pool/test_refresh.c::test_a_pod_that_somebody_else_made"))
group("Pods of ours", "unit", "controller/execution/state.c",
      ("strangers-uid", "return tracked->pod_uid[0] && pod->meta.uid && strcmp(tracked->pod_uid, pod->meta.uid) == 0;",
       "return pod != NULL && tracked->uid != NULL;",
       "tests/unit/controller/execution/test_refresh.c::test_a_strangers_pod_is_not_its_own",
       "tests/unit/controller/execution/test_refresh.c::test_strangers_beside_a_claimed_sandbox"))
group("keys and tenants", "unit", "apiserver/http/auth.c",
      ("scopes", "if (!(key->scopes & (scopes | SCOPE_ADMIN | SCOPE_OPERATOR))) {", "if (false) {", "tests/unit/apiserver/http/test_auth.c::test_tenants_and_scopes"),
      ("tenant-header", "if (header && str_trim(*header).n && !str_eq(str_trim(*header), str_of(key->tenant)))", "if (false)",
       "tests/unit/apiserver/http/test_auth.c::test_tenants_and_scopes"))
group("keys and tenants", "unit", "apiserver/key/keys.c",
      ("keys-of-other-tenants", "return caller->scopes & SCOPE_OPERATOR;", "return caller->scopes != 0;",
       "tests/unit/apiserver/key/test_keys.c::test_keys_of_another_tenant_are_hidden"),
      ("operators-by-rest", "if (wish->scopes & SCOPE_OPERATOR)", "if (false)",
       "tests/unit/apiserver/key/test_keys.c::test_keys_of_another_tenant_are_not_made"))
group("keys and tenants", "apiserver", "apiserver/cluster.c",
      ("keys-for-ever", "if (!max_ms || age_ms <= (uint64_t)max_ms)", "if (age_ms || !max_ms || max_ms)",
       "tests/hostile/test_stale_keys.py::test_what_gives_rights_is_not_believed_for_ever"),
      ("executions-of-other-tenants",
       ('buffer_appendf(out, "%s/%s", execution->meta.namespace, execution_id(execution));',
        'buffer_appendf(&key, "%s/", namespace);\n\tbuffer_append_str(&key, id);'),
       ('buffer_appendf(out, "%s", execution_id(execution));', "(void)namespace;\n\tbuffer_append_str(&key, id);"),
       "tests/apiserver/test_executions.py::test_unknown_ids_and_those_of_other_tenants_are_404"))
group("signed links", "unit", "lib/blob/signed_url.c",
      ("any-signature", "!str_eq_constant_time(given.signature, str_of(signature))", "false",
       "tests/unit/lib/blob/test_signed_url.c::whatever_is_changed_breaks_it"),
      ("links-for-ever", "if (now_ms >= expires * 1000)", "if (false && now_ms >= expires)",
       "tests/unit/lib/blob/test_signed_url.c::a_signed_url_is_accepted_until_it_expires"),
      ("file-name-unsigned", "buffer_append_str(&text, filename);", "(void)filename;",
       "tests/unit/lib/blob/test_signed_url.c::whatever_is_changed_breaks_it"))
group("HTTP", "unit", "lib/http/server/exchange.c",
      ("two-ends-of-a-body", "if (survey.transfer_encodings && survey.content_lengths)", "if (false)",
       "tests/unit/lib/http/server/test_exchange.c::test_ambiguous_requests_are_refused"))
group("refused variables", "unit", "lib/frame/env.c",
      ("ld-preload", '"GCONV_PATH", "LD_*",', '"GCONV_PATH",', "tests/unit/lib/frame/test_env.c::test_table"),
      ("any-case", "return str_starts_with_ignore_case(name, (struct str){pattern.p, pattern.n - 1});",
       "return str_starts_with(name, (struct str){pattern.p, pattern.n - 1});", "tests/unit/lib/frame/test_env.c::test_table"))
group("refused variables", "unit", "apiserver/execution/execution_request.c",
      ("variables-of-callers", "if (!frame_env_name_is_allowed(n)) {", "if (false) {",
       "tests/unit/apiserver/execution/test_execution_request.c::test_env_refusals"))
group("image allowlist", "unit", "lib/policy/image.c",
      ("any-image", "if (str_eq(entry, entry_pinned ? image : name))", "if (true || str_eq(entry, entry_pinned ? image : name))", "tests/unit/lib/policy/test_image.c::entries_without_a_digest"),
      ("any-digest", "str_eq(entry, entry_pinned ? image : name)", "str_eq(entry_pinned ? (struct str){entry.p, name.n} : entry, name)",
       "tests/unit/lib/policy/test_image.c::entries_with_a_digest"))
group("image allowlist", "unit", "lib/skill/judgement.c",
      ("allowlist-skipped", "if (policy_check_image(t->policy, t->ret->image, &why) != 0)", "if (false)",
       "tests/unit/controller/execution/test_plan.c::image not allowed"))

# ---- archives and texts

group("archives", "unit", "lib/skill/archive.c",
      ("climbing-names", 'if (str_eq(component, STR("..")))', "if (false)", ARCHIVE + "names_that_leave_the_folder"),
      ("absolute-names", "if (name.p[0] == '/' || (name.n >= 2 && name.p[1] == ':'))", "if (false)", ARCHIVE + "names_that_leave_the_folder"),
      ("links-in-archives", "if (type == S_IFLNK)", "if (false && type == S_IFLNK)", ARCHIVE + "symlinks_and_specials"),
      ("bombs", "if (total > ratio_limit)", "if (false && total > ratio_limit)", ARCHIVE + "bombs"),
      ("unpacked-size", "if (total > (uint64_t)limits->max_unpacked)", "if (false)", ARCHIVE + "limits"))
group("archives", "unit", "lib/skill/unzip.c",
      ("sizes-that-lie", "if (n > maximum - size)", "if (false && n > maximum)", ARCHIVE + "bombs"))
group("wheels", "unit", "lib/wheel/wheel.c",
      ("files-that-differ", "\tif (is_same)\n", "\tif (true)\n", WHEEL + "files_must_be_those_of_record"),
      ("unlisted-files", "if (!r->lines[i].path.p && !is_unhashed(r, path))", "if (false)", WHEEL + "files_must_be_those_of_record"),
      ("lines-without-a-hash", "if (line->hash.n == 0)", "if (false)", WHEEL + "files_must_be_those_of_record"),
      ("path-files", "return !strchr(path, '/') && p.n >= suffix.n &&", "return false &&", WHEEL + "files_that_python_runs_by_itself"),
      ("path-files-of-purelib", "is_path_file(target)", "is_path_file(path)", WHEEL + "files_that_python_runs_by_itself"),
      ("folders-of-other-wheels", "if (!is_own_folder(wheel, folder, DATA))", "if (false && !is_own_folder(wheel, folder, DATA))", WHEEL + "data_folders_of_others"),
      ("unwanted-files-unchecked", "r->is_wanted && r->visitor->data", "r->visitor->data",
       WHEEL + "what_nobody_wants_is_checked_all_the_same"))
group("wheels", "unit", "lib/wheel/name.c",
      ("wheels-for-any-platform", "(is_own && interpreters_fit(wheel, false, target))", "interpreters_fit(wheel, false, target)",
       "tests/unit/lib/wheel/test_name.c::tags_fit_as_pip_judges"))
group("wheels", "unit", "lib/wheel/wheelhouse.c",
      ("second-wheels", "if (wheel_project_compare(a->name, b->name) != 0)", "if (true)", WHEELHOUSE + "two_wheels_of_one_package"),
      ("other-targets", "if (wheel_name_fits(name, request->target))", "if (true)", WHEELHOUSE + "a_wheel_for_another_platform"))
group("wheels", "unit", "lib/wheel/wheelhouse_files.c",
      ("files-of-all-wheels", "if (result->file_count == limits->max_entries)", "if (false)",
       WHEELHOUSE + "limits_are_for_all_wheels_together"),
      ("bytes-of-all-wheels", "else if ((int64_t)entry->size > limits->max_unpacked - result->byte_count)", "else if (!entry)",
       WHEELHOUSE + "limits_are_for_all_wheels_together"),
      ("files-for-folders", "if (!file)\n\t\t\t\tcontinue;", "if (true)\n\t\t\t\tcontinue;",
       WHEELHOUSE + "paths_that_can_t_be_both"))
group("wheels", "unit", "lib/wheel/wheelhouse_lists.c",
      ("hashes-of-the-lock-file", "if (str_eq(hash, str_of(wheel->sha256)))", "if (true)",
       WHEELHOUSE + "wheels_must_be_those_of_the_lock"))
group("fetched packages", "unit", "controller/build/answer.c",
      ("answers-that-are-cut", "return answer->stage == ANSWER_WHOLE\n", "return answer\n", BUILD + "answer.c::test_cut"),
      ("zips-of-another-hash", "return strcmp(hex, answer->sha256) == 0 ? 0", "return hex[0] ? 0", BUILD + "answer.c::test_wrong"))
group("fetched packages", "unit", "controller/build/pod.c",
      ("builds-with-capabilities", '\\"capabilities\\":{\\"drop\\":[\\"ALL\\"]},', "", BUILD + "pod.c::test_lock_down"))
group("user data is text", "unit", "lib/base/jsontext.c",
      ("deep-json", "if (s->depth == s->max_depth)", "if (s->depth > s->max_depth)", "tests/unit/lib/base/test_jsontext.c::depth_is_bounded"))
group("one object among many", "unit", "lib/kube/watch_event.c",
      ("deep-lists", "if (!is_whole_object(text))\n\t\treturn fail_whole(text, \"list\"",
       "if (jsontext_check(text, &(struct jsontext_rules){0}, err) < 0)\n\t\treturn fail_whole(text, \"list\"",
       "tests/unit/lib/kube/test_watch_event.c::a_poisoned_object_leaves_its_list_whole"))
group("one object among many", "unit", "lib/api/json.c",
      ("deep-objects", ".max_depth = JSONTEXT_ANY_DEPTH", ".max_depth = 1024",
       "tests/unit/lib/api/test_execution.c::a_deep_object_can_be_failed"))

# ---- secrets

group("secrets", "unit", "lib/base/process.c",
      ("core-dumps", "if (setrlimit(RLIMIT_CORE, &none) != 0)", "if (none.rlim_cur != 0)", "tests/unit/lib/base/test_process.c::sealed"),
      ("programs-dumpable", "if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)", "if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)",
       "tests/unit/lib/base/test_process.c::sealed"))
group("secrets", "unit", "lib/base/options.c",
      ("secrets-in-the-environment", "\texplicit_bzero(value, strlen(value));\n\tunsetenv(name);\n", "",
       "tests/unit/lib/base/test_options.c::secrets_leave_the_environment"))
group("secrets", "unit", "lib/base/str.c",
      ("constant-time-of-a-prefix", "for (size_t i = 0; i < a.n; i++)\n\t\tdiffer", "for (size_t i = 0; i + 1 < a.n; i++)\n\t\tdiffer",
       "tests/unit/lib/base/test_str.c::duplicates_and_compares_secrets"))
group("secrets", "chart", "lib/blob/signed_url.c",
      ("early-exit-of-a-signature", "str_eq_constant_time(given.signature, str_of(signature))", "str_eq(given.signature, str_of(signature))",
       "tests/assurance/test_sources.py::test_secrets_are_compared_in_constant_time"))
group("secrets", "chart", "runner/loop.c",
      ("early-exit-of-a-token", "!str_eq_constant_time(frame->hello_request.token", "!str_eq(frame->hello_request.token",
       "tests/assurance/test_sources.py::test_secrets_are_compared_in_constant_time"))
group("secrets", "chart", "apiserver/cluster.c",
      ("early-exit-of-a-key", "str_eq_constant_time(str_of(key->hash), hash)", "str_eq(str_of(key->hash), hash)",
       "tests/assurance/test_sources.py::test_secrets_are_compared_in_constant_time"))
group("secrets", "cluster", "apiserver/main.c",
      ("apiserver-unsealed", "if (process_seal(&err) != 0 || apiserver_config_load(", "if (apiserver_config_load(",
       "tests/e2e/test_secrets.py::test_no_process_can_be_looked_into"))
