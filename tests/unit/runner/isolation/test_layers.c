/* Layers of isolation, from what the kernel writes into /proc. What is not there must never count as active.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/isolation/layers.h"

#include <string.h>

#define STATUS(inheritable, permitted, effective, bounding, ambient)                                         \
	"Name:\trunner\nCapInh:\t" inheritable "\nCapPrm:\t" permitted "\nCapEff:\t" effective               \
	"\nCapBnd:\t" bounding "\nCapAmb:\t" ambient "\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"
#define NONE "0000000000000000"
#define SOME "00000000a80425fb"

static void expect(const struct layers *layers, enum frame_layer_kind kind, bool active, const char *detail)
{
	const struct layer *layer = &layers->of[kind];
	if (layer->active != active || !strstr(layer->detail, detail))
		fail_msg("%s is %sactive, \"%s\"", frame_layer_name(kind), layer->active ? "" : "not ",
			 layer->detail);
}

static void test_capabilities(void **state)
{
	(void)state;
	static const struct {
		const char *status, *detail;
	} table[] = {
	    {STATUS(SOME, NONE, NONE, NONE, NONE), "the runner's inheritable set: " SOME},
	    {STATUS(NONE, SOME, NONE, NONE, NONE), "permitted set: " SOME},
	    {STATUS(NONE, NONE, SOME, NONE, NONE), "effective set: " SOME},
	    {STATUS(NONE, NONE, NONE, SOME, NONE), "bounding set: " SOME},
	    {STATUS(NONE, NONE, NONE, NONE, SOME), "ambient set: " SOME},
	    {"CapInh:\t" NONE "\nCapPrm:\t" NONE "\nCapEff:\t" NONE "\nCapAmb:\t" NONE "\n",
	     "bounding set: unknown"},
	    {"", "unknown"},
	};
	struct layers layers = {0};
	layers_read_status(&layers, STATUS(NONE, NONE, NONE, NONE, NONE));
	expect(&layers, FRAME_LAYER_NO_CAPABILITIES, true, "empty");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		layers_read_status(&layers, table[i].status);
		expect(&layers, FRAME_LAYER_NO_CAPABILITIES, false, table[i].detail);
	}
}

static void test_filter_of_the_pod(void **state)
{
	(void)state;
	struct layers layers = {0};
	layers_read_status(&layers, STATUS(NONE, NONE, NONE, NONE, NONE));
	expect(&layers, FRAME_LAYER_SECCOMP, true, "mode 2");
	layers_read_status(&layers, "Seccomp:\t0\n");
	expect(&layers, FRAME_LAYER_SECCOMP, false, "mode 0");
	layers_read_status(&layers, "");
	expect(&layers, FRAME_LAYER_SECCOMP, false, "unknown");
}

#define HEADINGS                                                                                             \
	"Inter-|   Receive                            |  Transmit\n"                                         \
	" face |bytes    packets errs drop fifo frame |bytes    packets\n"

static void test_interfaces(void **state)
{
	(void)state;
	struct layers layers = {0};
	layers_read_interfaces(&layers, HEADINGS "    lo:       0       0\n");
	expect(&layers, FRAME_LAYER_NO_NETWORK, true, "lo");
	layers_read_interfaces(&layers, HEADINGS);
	expect(&layers, FRAME_LAYER_NO_NETWORK, true, "lo");
	layers_read_interfaces(&layers, HEADINGS "    lo: 0 0\n  eth0:     950      11\n  tun0: 1 1\n");
	expect(&layers, FRAME_LAYER_NO_NETWORK, false, "interface eth0 tun0;");
	layers_read_interfaces(&layers, "");
	expect(&layers, FRAME_LAYER_NO_NETWORK, false, "can't be read");
	/* more names than there is room for */
	char text[4096] = HEADINGS;
	for (int i = 0; i < 100; i++)
		strncat(text, "averyveryverylongname: 1\n", sizeof(text) - strlen(text) - 1);
	layers_read_interfaces(&layers, text);
	expect(&layers, FRAME_LAYER_NO_NETWORK, false, "interface averyveryverylon averyv");
}

static void test_user_namespace(void **state)
{
	(void)state;
	struct layers layers = {0};
	layers_read_uid_map(&layers, "         0          0 4294967295\n");
	expect(&layers, FRAME_LAYER_USER_NAMESPACE, false, "has none");
	layers_read_uid_map(&layers, "         0 1353187328      65536\n");
	expect(&layers, FRAME_LAYER_USER_NAMESPACE, true, "uid 0 of the Pod is 1353187328, 65536 ids");
	layers_read_uid_map(&layers, "");
	expect(&layers, FRAME_LAYER_USER_NAMESPACE, false, "can't be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_capabilities),
	    cmocka_unit_test(test_filter_of_the_pod),
	    cmocka_unit_test(test_interfaces),
	    cmocka_unit_test(test_user_namespace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
