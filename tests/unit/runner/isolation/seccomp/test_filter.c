/* The filter's program is run here as the kernel would: what is not there answers as if it were refused, so
 * that no system call tells the two apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include "seccomp_program.h"

#define PROGRAM_LENGTH (sizeof(filter_program) / sizeof(filter_program[0]))
#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static uint32_t jump(const struct sock_filter *at, uint32_t a)
{
	switch (BPF_OP(at->code)) {
	case BPF_JEQ:
		return a == at->k ? at->jt : at->jf;
	case BPF_JGT:
		return a > at->k ? at->jt : at->jf;
	case BPF_JGE:
		return a >= at->k ? at->jt : at->jf;
	case BPF_JSET:
		return a & at->k ? at->jt : at->jf;
	case BPF_JA:
		return at->k;
	default:
		fail_msg("a jump that this test does not know: %#x", at->code);
		return 0;
	}
}

/* What the filter says of a call: one of SECCOMP_RET_…, with its errno. */
static uint32_t ask(uint32_t number, uint32_t architecture)
{
	const struct seccomp_data data = {.nr = (int)number, .arch = architecture};
	uint32_t a = 0;
	for (size_t i = 0; i < PROGRAM_LENGTH; i++) {
		const struct sock_filter *at = &filter_program[i];
		switch (BPF_CLASS(at->code)) {
		case BPF_LD:
			assert_true(at->k + sizeof(a) <= sizeof(data));
			memcpy(&a, (const char *)&data + at->k, sizeof(a));
			break;
		case BPF_ALU:
			assert_int_equal(at->code, BPF_ALU | BPF_AND | BPF_K);
			a &= at->k;
			break;
		case BPF_JMP:
			i += jump(at, a);
			break;
		case BPF_RET:
			return at->k;
		default:
			fail_msg("an instruction that this test does not know: %#x", at->code);
		}
	}
	fail_msg("the program has no end");
	return 0;
}

#define ABSENT (SECCOMP_RET_ERRNO | ENOSYS)

static void test_what_nobody_has_looked_at(void **state)
{
	(void)state;
	static const uint32_t far[] = {1u << 16, 1u << 24, (1u << 30) - 1};
	for (uint32_t number = 463; number < 5000; number++)
		assert_int_equal(ask(number, ARCHITECTURE), ABSENT);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_int_equal(ask(far[i], ARCHITECTURE), ABSENT);
#if defined(__x86_64__)
	for (uint32_t number = 335; number < 424; number++) /* the gap before the common numbers */
		assert_int_equal(ask(number, ARCHITECTURE), ABSENT);
#endif
}

static void test_what_stands_beside(void **state)
{
	(void)state;
	static const uint32_t allowed[] = {SYS_read, SYS_rseq, 434 /* pidfd_open */, 462 /* mseal */};
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		assert_int_equal(ask(allowed[i], ARCHITECTURE), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(424 /* pidfd_send_signal */, ARCHITECTURE), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(ask(SYS_ptrace, ARCHITECTURE), SECCOMP_RET_ERRNO | EPERM);
}

/* Numbers of another table mean something else: nobody goes on with one, whatever it is. */
static void test_other_entries(void **state)
{
	(void)state;
	static const uint32_t numbers[] = {SYS_read, 335, 424, 463, 5000};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
#if defined(__x86_64__)
		assert_int_equal(ask(1u << 30 | numbers[i], ARCHITECTURE), SECCOMP_RET_KILL_PROCESS);
#endif
		uint32_t other = ask(numbers[i], AUDIT_ARCH_I386);
		assert_true(other == SECCOMP_RET_KILL_PROCESS || other == ABSENT);
	}
	assert_int_equal(ask(UINT32_MAX - 1, ARCHITECTURE), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(UINT32_MAX, ARCHITECTURE), ABSENT); /* no call at all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_nobody_has_looked_at),
	    cmocka_unit_test(test_what_stands_beside),
	    cmocka_unit_test(test_other_entries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
