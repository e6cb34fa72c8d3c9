/* What is said of real failures, and of hostile ones. The real ones are kept whole, as inputs of the fuzz
 * target; they came from the programs that are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/utf8.h"
#include "lib/frame/frame.h"
#include "runner/cell/lines.h"
#include "runner/cell/reason.h"

#include <stdio.h>

#define INPUTS "fuzz/corpus/reason/"

static unsigned wrong; /* rows; a test shows all of its own */

static void expect(const char *name, struct str errors, struct str output, const char *want)
{
	struct error err = {0};
	cleanup_buffer struct buffer out = BUFFER(FRAME_MAX_REASON);
	assert_int_equal(reason_find(errors, output, &out, &err), 0);
	if (str_eq(buffer_str(&out), str_of(want)))
		return;
	print_error("%s:\n got \"%.*s\"\nwant \"%s\"\n", name, (int)out.len, out.data ? out.data : "", want);
	wrong++;
}

static void test_real_ones(void **state)
{
	(void)state;
	static const struct {
		const char *name, *want;
	} rows[] = {
	    {"python11_pydantic", "ValidationError: 1 validation error for Invoice; total; Field required "
				  "[type=missing, input_value={}, input_type=dict]"},
	    {"python11_progress_bar", "fatal: column 'price' is missing"},
	    {"python11_group", "ExceptionGroup: several (3 sub-exceptions); ValueError: a; TypeError: b; "
			       "ExceptionGroup: inner (1 sub-exception); KeyError: 'k'"},
	    {"python11_at_exit", "ValueError: price is bad"},
	    {"python13_at_exit", "ValueError: price is bad"},
	    {"python11_chained", "RuntimeError: could not load"},
	    {"python11_while_handling", "ValueError: invalid literal for int() with base 10: 'x'"},
	    {"python13_while_handling", "ValueError: invalid literal for int() with base 10: 'x'"},
	    {"python11_syntax", "SyntaxError: invalid syntax"},
	    {"python11_missing_module", "ModuleNotFoundError: No module named 'nope_mod'"},
	    {"python11_sys_exit", "No rows in the input"},
	    {"python11_thread", "ZeroDivisionError: division by zero"},
	    {"python13_thread", "ZeroDivisionError: division by zero"},
	    {"python11_recursion", "RecursionError: maximum recursion depth exceeded"},
	    {"python13_recursion", "RecursionError: maximum recursion depth exceeded"},
	    {"python11_argparse", "p12.py: error: the following arguments are required: --x"},
	    {"python11_task_group", "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception); "
				    "OSError: [Errno 28] No space left on device"},
	    {"python13_task_group", "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception); "
				    "OSError: [Errno 28] No space left on device"},
	    {"python11_note", "ValueError: noted"},
	    {"python11_atexit_raises", "KeyError: 'price'"},
	    {"python13_atexit_raises", "KeyError: 'price'"},
	    {"python11_pool", "ValueError: in worker 1"},
	    {"python12_pool", "ValueError: in worker 1"},
	    {"python13_pool", "ValueError: in worker 1"},
	    {"python11_logging", "ZeroDivisionError: division by zero"},
	    {"python11_excepthook", "custom: x y"},
	    {"python11_assert", "AssertionError"},
	    {"python13_assert", "AssertionError"},
	    {"python11_interrupt", "KeyboardInterrupt"},
	    {"python11_faulthandler", "Fatal Python error: Segmentation fault"},
	    {"python13_faulthandler", "Fatal Python error: Segmentation fault"},
	    {"node20_throw", "TypeError: column price is missing in row 3"},
	    {"node20_throw_text", "Uncaught: no"},
	    {"node20_rejection", "Error: rejected"},
	    {"node20_rejection_text",
	     "The promise rejected with the reason \"no\". (code ERR_UNHANDLED_REJECTION)"},
	    {"node20_syntax", "SyntaxError: Unexpected token ';'"},
	    {"node20_missing_module", "Error: Cannot find module 'x-y' (code MODULE_NOT_FOUND)"},
	    {"node20_code_and_cause", "Error: outer; second line (code E_BAD); caused by RangeError: inner"},
	    {"node20_enoent", "Error: ENOENT: no such file or directory, open '/nope'"},
	    {"node20_esm_missing_package", "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'nopkg' "
					   "imported from /sandbox/scripts/i.mjs"},
	    {"node20_throw_object", "Uncaught: { a: 1, message: 'x' }"},
	    {"node20_throw_null", "Uncaught: null"},
	    {"node20_aggregate", "AggregateError: All promises were rejected; Error: a; Error: b"},
	    {"node20_printed", "Error: printed"},
	    {"node20_no_stack", "[Error: n] { stack: undefined }"},
	    {"node20_subclass", "MyErr [Error]: my"},
	    {"node20_assert",
	     "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal: 1 !== 2"},
	    {"node20_json", "SyntaxError: Expected property name or '}' in JSON at position 1"},
	    {"node20_esm_missing_file", "Error [ERR_MODULE_NOT_FOUND]: Cannot find module "
					"'/sandbox/scripts/nofile.mjs' imported from /sandbox/scripts/r.mjs"},
	    {"node20_rejection_object",
	     "The promise rejected with the reason \"#<Object>\". (code ERR_UNHANDLED_REJECTION)"},
	    {"node20_child",
	     "Error: Command failed: ls /nope; ls: cannot access '/nope': No such file or directory"},
	    {"node20_warning", "Error: after warning"},
	    {"node20_no_message", "Error"},
	    {"node20_esm_reference", "ReferenceError: undefinedFn is not defined"},
	    {"bash_unbound", "b1.sh: line 3: FOO: unbound variable"},
	    {"bash_trap", "cp: cannot stat 'a': No such file or directory"},
	    {"bash_not_found", "b3.sh: line 1: nosuchcmd: command not found"},
	    {"bash_syntax_eof", "b4.sh: line 3: syntax error: unexpected end of file"},
	    {"bash_syntax_token",
	     "b5.sh: line 1: syntax error near unexpected token `fi'; b5.sh: line 1: `if true; fi'"},
	    {"bash_xtrace", "+ false"},
	    {"bash_pipeline", "json.decoder.JSONDecodeError: Expecting property name enclosed in double "
			      "quotes: line 1 column 2 (char 1)"},
	    {"bash_echo", "ERROR: no rows"},
	    {"bash_last_line", "two"},
	    {"bash_need", "b10.sh: line 1: x: need x"},
	    {"bash_permission", "b12.sh: line 2: ./b1.sh: Permission denied"},
	    {"java_cause",
	     "java.lang.IllegalStateException: could not save; second; caused by java.io.IOException: disk"},
	    {"java_compile", "N.java:1: error: incompatible types: String cannot be converted to int; public "
			     "class N { int x = \"s\"; }"},
	    {"go_panic", "panic: runtime error: index out of range [5] with length 0"},
	    {"rust_panic", "thread 'main' (31338) panicked at r.rs:1:42: no price"},
	    {"rust_result", "Error: ParseIntError { kind: InvalidDigit }"},
	    {"perl_die", "no price at d.pl line 1."},
	};
	static char bytes[LINES_TEXT_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s%s", INPUTS, rows[i].name);
		FILE *file = fopen(path, "r");
		if (!file)
			fail_msg("%s is missing", path);
		size_t n = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		expect(rows[i].name, (struct str){bytes, n}, STR(""), rows[i].want);
	}
	assert_int_equal(wrong, 0);
}

#define TRACEBACK "Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n    load()\n"

/* What programs say that were not at hand, and what is particular of one message. */
static void test_shapes(void **state)
{
	(void)state;
	static const struct {
		const char *errors, *want;
	} rows[] = {
	    {"", ""},
	    {"\n \n\t\r\n", ""},
	    {"one\n\n  two  \n \n", "two"},
	    /* ruby, R, .NET, PHP, an older rust, anyhow */
	    {"main.rb:2:in `price': undefined method `+' for nil:NilClass (NoMethodError)\n\n  nil + 1\n     "
	     " ^\n\tfrom "
	     "main.rb:5:in `<main>'\n",
	     "main.rb:2:in `price': undefined method `+' for nil:NilClass (NoMethodError)"},
	    {"main.rb:2:in 'Object#price': no price (RuntimeError)\n\tfrom main.rb:5:in '<main>'\n",
	     "main.rb:2:in 'Object#price': no price (RuntimeError)"},
	    {"Error in f(x) : \n  object \"price\" not found\nCalls: f -> g\nExecution halted\n",
	     "Error in f(x) : object \"price\" not found"},
	    {"Error: object 'price' not found\nExecution halted\n", "Error: object 'price' not found"},
	    {"Unhandled exception. System.Exception: no price\n   at Program.Main() in /a.cs:line 3\n",
	     "System.Exception: no price"},
	    {"PHP Fatal error:  Uncaught Exception: no price in /m.php:3\nStack trace:\n#0 {main}\n",
	     "PHP Fatal error:  Uncaught Exception: no price in /m.php:3"},
	    {"thread 'main' panicked at 'no price', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1` "
	     "environment variable to "
	     "display a backtrace\n",
	     "thread 'main' panicked at 'no price', src/main.rs:2:5"},
	    {"Error: could not read prices\n\nCaused by:\n    0: opening prices.csv\n    1: No such file (os "
	     "error 2)\n",
	     "Error: could not read prices; caused by opening prices.csv; caused by No such file (os error "
	     "2)"},
	    {"lua: main.lua:1: no price\nstack traceback:\n\t[C]: in function 'error'\n\t[C]: in ?\n",
	     "lua: main.lua:1: no price"},
	    {"Can't locate Foo.pm in @INC at main.pl line 3.\nBEGIN failed--compilation aborted at main.pl "
	     "line 3.\n",
	     "Can't locate Foo.pm in @INC at main.pl line 3."},
	    {"perl says\nno price at main.pl line 3, <STDIN> line 5.\n",
	     "no price at main.pl line 3, <STDIN> line 5."},
	    {"panic: no price [recovered]\n\tpanic: no price\n\ngoroutine 1 "
	     "[running]:\nmain.main()\n\t/g.go:4 +0x57\nexit "
	     "status 2\n",
	     "panic: no price [recovered]; panic: no price"},
	    {"panic: no goroutine, so it is only a line\nlast\n",
	     "panic: no goroutine, so it is only a line"},
	    /* node: other versions, an error without a stack, properties, several causes */
	    {"node:internal/process/promises:288\n            triggerUncaughtException(err, true /* "
	     "fromPromise */);\n           "
	     " ^\n\n[UnhandledPromiseRejection: This error originated either by throwing inside of an async "
	     "function without a "
	     "catch block, or by rejecting a promise which was not handled with .catch(). The promise "
	     "rejected with the reason "
	     "\"no\".] {\n  code: 'ERR_UNHANDLED_REJECTION'\n}\n\nNode.js v18.20.4\n",
	     "The promise rejected with the reason \"no\". (code ERR_UNHANDLED_REJECTION)"},
	    {"/a.js:1\nthrow e\n^\n\nError: outer\n    at a (/a.js:1:1) {\n  [cause]: Error: middle\n      "
	     "at b (/a.js:1:1) {\n "
	     "   [cause]: Error: inner {\n      code: 'NOT_THIS'\n    }\n  }\n}\n\nNode.js v22.11.0\n",
	     "Error: outer; caused by Error: middle; caused by Error: inner"},
	    {"/a.js:1\nthrow e\n^\n\nError: outer\n    at a (/a.js:1:1)\n\nNode.js v22.11.0\nNode.js "
	     "v22.11.0\n",
	     "Error: outer"},
	    {"/a.js:1\nthrow e\n^\n\nError: its end is missing\n    at a (/a.js:1:1)\n",
	     "Error: its end is missing"},
	    {"/a.js:1\nthrow e\n^\n\n\nNode.js v22.11.0\nwords\n", "words"},
	    {"(node:7) Warning: careful\n    at a (/a.js:1:1)\n(Use `node --trace-warnings ...` to show "
	     "where the warning was "
	     "created)\nno price\n",
	     "no price"},
	    /* Java: causes beyond those that are told, messages of more lines, what is suppressed */
	    {"Exception in thread \"main\" a.B: m\n\tat x\nCaused by: c1\n\tat x\n\t... 1 more\nCaused by: "
	     "c2\nits end\n\tat x\n"
	     "\tSuppressed: s\n\t\tat y\nCaused by: c3\n\tat x\nCaused by: c4\n\tat x\nCaused by: c5\n\tat "
	     "x\nCaused by: c6\n\tat "
	     "x\nCaused by: c7\n\tat x\n\t... 9 more\nafter\n",
	     "a.B: m; caused by c1; caused by c2; caused by c3; caused by c4; caused by c5; caused by c7"},
	    {"Exception in thread \"main\" java.lang.StackOverflowError\n", "Exception in thread \"main\" "
									    "java.lang.StackOverflowError"},
	    /* Python: messages of more lines. Nothing marks their end, so what is said at exit isn't taken
	       for them */
	    {TRACEBACK "ValueError: first\nsecond\n", "ValueError: first"},
	    {TRACEBACK "ValueError: two problems:\nno price\nno date\n\nnot this\n",
	     "ValueError: two problems: no price; no date"},
	    {TRACEBACK "ImportError: \n\nIMPORTANT: read this\n", "ImportError: IMPORTANT: read this"},
	    {TRACEBACK "sqlalchemy.exc.OperationalError: no such table: x\n[SQL: SELECT 1]\n(Background on "
		       "this error at: "
		       "https://sqlalche.me/e/20/e3q8)\n",
	     "sqlalchemy.exc.OperationalError: no such table: x; [SQL: SELECT 1]"},
	    {TRACEBACK "a.ValidationError: 2 errors\nx\n  Field required\n    For further information visit "
		       "https://a\ny\n  Bad\n "
		       "   For further information visit https://a\n",
	     "a.ValidationError: 2 errors; x; Field required; y; Bad"},
	    {"Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n    its end is "
	     "missing\n",
	     "its end is missing"},
	    {"Exception ignored in: <function D.__del__>\n" TRACEBACK "RuntimeError: in del\nno price\n",
	     "no price"},
	    {"Exception ignored in: <function D.__del__>\n" TRACEBACK "RuntimeError: in del\n",
	     "RuntimeError: in del"},
	    {"Exception ignored in: <_io.TextIOWrapper>\n", "Exception ignored in: <_io.TextIOWrapper>"},
	    {TRACEBACK "KeyError: 'a'\n/a.py:3: DeprecationWarning: old\n  x = 1\nsys:1: ResourceWarning: "
		       "unclosed file\n",
	     "KeyError: 'a'"},
	    {"Task exception was never retrieved\nfuture: <Task>\n" TRACEBACK
	     "ValueError: aside\nfatal: gave up\n",
	     "fatal: gave up"},
	    {TRACEBACK "OSError: first try\nretrying\nfatal: gave up after 3 tries\n",
	     "fatal: gave up after 3 tries"},
	    {"bad things failed\nbye\n", "bad things failed"},
	    {"invalid choice\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "11"}, /* that was got over */
	    {"main.sh: line 2: x: command not found\nmain.sh: line 3: y: command not found\n",
	     "main.sh: line 3: y: command not "
	     "found"},
	    {"No price column.\nSee the docs: https://a\nINFO:root:bye\n", "No price column."},
	    /* what a terminal would show at last */
	    {"\rrow 1\rrow 2" TRACEBACK "BadRow: no price\n", "BadRow: no price"},
	    {"\rrow 1\rrow 2fatal: no price\n", "row 2fatal: no price"},
	    {"\r 10%\r 20%\rno price\n", "no price"},
	    {"\x1b[31mError: no price\x1b[0m\n", "Error: no price"},
	    {"5it [00:01, 5.00it/s]no price\n", "no price"},
	    {"100%|####| 5/5 [00:01<00:00, 5.00it/s, loss=0.3]\n",
	     "100%|####| 5/5 [00:01<00:00, 5.00it/s, loss=0.3]"},
	    {"caf\xc3\xa9 \xff\xfe\n", "caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd"},
	    {"tab\there\n", "tab here"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(rows[i].errors, str_of(rows[i].errors), STR(""), rows[i].want);
	assert_int_equal(wrong, 0);
}

/* stdout speaks where stderr is silent, as in "main.py 2>&1 | tee log.txt", and only of what is an error. */
static void test_stdout(void **state)
{
	(void)state;
	expect("traceback", STR("\n"), STR("rows: 3\n" TRACEBACK "KeyError: 'a'\n"), "KeyError: 'a'");
	expect("error", STR(""), STR("Error: no price\n"), "Error: no price");
	expect("words", STR(""), STR("rows: 3\nnothing failed\n"), "");
	expect("both", STR("said here\n"), STR(TRACEBACK "KeyError: 'a'\n"), "said here");
	assert_int_equal(wrong, 0);
}

/* What was got over long before the end is not what ended it. */
static void test_distance(void **state)
{
	(void)state;
	for (unsigned lines = 99; lines <= 101; lines++) {
		cleanup_buffer struct buffer text = BUFFER(1 << 16);
		buffer_append_c(&text, TRACEBACK "KeyError: 'a'\n");
		for (unsigned i = 0; i < lines; i++)
			buffer_append_c(&text, "row\n\n  at frame\n");
		expect("distance", buffer_str(&text), STR(""), lines <= 100 ? "KeyError: 'a'" : "row");
	}
	assert_int_equal(wrong, 0);
}

/* At most FRAME_MAX_REASON bytes and whole words, of a text of any length; what a script says can't be
 * endless. */
static void test_length(void **state)
{
	(void)state;
	cleanup_buffer struct buffer text = BUFFER(1 << 20);
	buffer_append_c(&text, TRACEBACK "ValueError: ");
	while (text.len < 9000)
		buffer_append_c(&text, "w\xc3\xb6rds ");
	struct error err = {0};
	cleanup_buffer struct buffer out = BUFFER(FRAME_MAX_REASON);
	assert_int_equal(reason_find(buffer_str(&text), STR(""), &out, &err), 0);
	assert_true(out.len > FRAME_MAX_REASON - 10 && out.len <= FRAME_MAX_REASON);
	assert_true(str_ends_with(buffer_str(&out), STR(" w\xc3\xb6rds")));

	buffer_reset(&text);
	while (text.len < 200000)
		buffer_append_c(&text, "\xff");
	buffer_reset(&out);
	assert_int_equal(reason_find(buffer_str(&text), STR(""), &out, &err), 0);
	assert_true(out.len > FRAME_MAX_REASON - 10 && out.len <= FRAME_MAX_REASON &&
		    utf8_is_valid(buffer_str(&out), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_real_ones), cmocka_unit_test(test_shapes), cmocka_unit_test(test_stdout),
	    cmocka_unit_test(test_distance),  cmocka_unit_test(test_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
