#include "cli/manual/sections.h"

#include <stddef.h>

const char *const manual_summary = "run skills for AI agents, each in a sandbox of its own";

static const struct manual_row exit_rows[] = {
    {"0", "It went well."},
    {"1", "An error, which was said on standard error as \"Error: …\"."},
    {"2", "The execution itself failed, timed out or was cancelled; its result was printed all the same."},
    {"64", "The command line makes no sense."},
    {"130", "Ctrl-C; an execution that was waited for was cancelled."},
    {NULL, NULL}};

static const struct manual_row variable_rows[] = {
    {"SKILLBOX_SERVER_URL", "The server, where no --server is given."},
    {"SKILLBOX_API_KEY", "The key, where no --api-key is given."},
    {"SKILLBOX_TENANT_ID", "The key's tenant, where no --tenant is given."},
    {"SKILLBOX_TIMEOUT",
     "How long a whole command may take for its requests, like 30s or 5m; any time if it isn't set."},
    {"SKILLBOX_RETRIES", "How often a request is tried again (2; 0 to 100)."},
    {"SKILLBOX_RETRY_PAUSE",
     "How long the first pause between attempts is (500ms), where the server asks for none; each is twice "
     "the one before, up to 8s."},
    {"SKILLBOX_RUNNER",
     "Where skillbox-runner is, for dev --local and test --local; else beside this program, or in "
     "../libexec/skillbox."},
    {"SKILLBOX_PIP_PYTHON",
     "The Python whose pip downloads what requirements.txt asks for; else python3. pip reads its own "
     "variables and files, too: PIP_INDEX_URL, pip.conf."},
    {"XDG_CACHE_HOME",
     "Where downloaded packages are kept: skillbox/packages in it; else in ~/.cache. At most 20 sets and 2 "
     "GiB; it may be deleted at any time."},
    {"XDG_CONFIG_HOME", "Where the contexts are: skillbox/config.json in it; else in ~/.config."},
    {"NO_COLOR", "If it is set: neither colours nor progress, as with TERM=dumb and outside of a terminal."},
    {"http_proxy, https_proxy, no_proxy", "Proxies, as curl reads them."},
    {"SSL_CERT_FILE", "Certificates of the authorities that are trusted."},
    {NULL, NULL}};

static const struct manual_row output_rows[] = {
    {"json", "JSON with two blanks a level. Every digit and the order of keys are the server's."},
    {"jsonl", "One line of JSON a result, or an item of a list."},
    {"table", "A line with columns for each."},
    {"name", "Names or ids alone, one a line, for other commands: NAME@VERSION of a skill."},
    {NULL, NULL}};

const struct manual_section manual_sections[] = {
    {"Output",
     "Results go to standard output, all else to standard error. A result is printed as JSON and a list as a "
     "table "
     "unless --output says otherwise:",
     output_rows},
    {"Server and key",
     "An option beats the environment, which beats the current context, which beats the default "
     "(http://localhost:8080). Contexts are made by \"skillbox login\" and kept in a file that only its "
     "owner may read. "
     "The key of a context is sent to that context's server only.\n\n"
     "Requests that fail for the moment (no connection, 429, 502, 503, 504) are tried again, after the time "
     "that the "
     "server asks for. A run always has an idempotency key, so that it is never run twice by that.",
     NULL},
    {"Exit status", NULL, exit_rows},
    {"Environment", NULL, variable_rows},
    {NULL, NULL, NULL}};
