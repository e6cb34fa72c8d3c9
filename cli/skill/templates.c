#include "cli/skill/templates.h"

#include <string.h>

#define MANIFEST(lang)                                                                                       \
	"---\n"                                                                                              \
	"name: @NAME@\n"                                                                                     \
	"description: Greets someone by name. Use it when a user asks for a greeting.\n"                     \
	"metadata:\n"                                                                                        \
	"  version: \"1.0.0\"\n"                                                                             \
	"  skillbox.lang: " lang "\n"                                                                        \
	"  skillbox.timeout: 30s\n"                                                                          \
	"---\n"                                                                                              \
	"\n"                                                                                                 \
	"# @NAME@\n"                                                                                         \
	"\n"                                                                                                 \
	"Call it with `{\"name\": \"World\"}`. The output is `{\"greeting\": \"Hello, World!\"}`.\n"

static const char input_schema[] =
    "{\n"
    "  \"type\": \"object\",\n"
    "  \"properties\": {\n"
    "    \"name\": {\"type\": \"string\", \"description\": \"who is greeted\"}\n"
    "  },\n"
    "  \"required\": [\"name\"]\n"
    "}\n";
static const char output_schema[] = "{\n"
				    "  \"type\": \"object\",\n"
				    "  \"properties\": {\n"
				    "    \"greeting\": {\"type\": \"string\"}\n"
				    "  },\n"
				    "  \"required\": [\"greeting\"]\n"
				    "}\n";
static const char test_case[] = "{\n"
				"  \"input\": {\"name\": \"World\"},\n"
				"  \"output\": {\"greeting\": \"Hello, World!\"}\n"
				"}\n";

static const char python_script[] = "import json\n"
				    "import os\n"
				    "\n"
				    "with open(os.environ[\"SANDBOX_INPUT_FILE\"]) as file:\n"
				    "    data = json.load(file)\n"
				    "\n"
				    "print(\"greeting\", data[\"name\"])  # what is printed is the log\n"
				    "\n"
				    "# Files for the caller go into os.environ[\"SANDBOX_FILES_DIR\"].\n"
				    "with open(os.environ[\"SANDBOX_OUTPUT\"], \"w\") as file:\n"
				    "    json.dump({\"greeting\": f\"Hello, {data['name']}!\"}, file)\n";

static const char node_script[] =
    "const fs = require(\"fs\");\n"
    "\n"
    "const data = JSON.parse(fs.readFileSync(process.env.SANDBOX_INPUT_FILE, \"utf8\"));\n"
    "\n"
    "console.log(\"greeting\", data.name); // what is printed is the log\n"
    "\n"
    "// Files for the caller go into process.env.SANDBOX_FILES_DIR.\n"
    "fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify({ greeting: `Hello, ${data.name}!` }));\n";

/* bash has no JSON: what it takes out of the input goes back as it stands, with its escapes. */
static const char bash_script[] =
    "set -euo pipefail\n"
    "\n"
    "input=$(cat \"$SANDBOX_INPUT_FILE\")\n"
    "pattern='\"name\"[[:space:]]*:[[:space:]]*\"(([^\"\\\\]|\\\\.)*)\"'\n"
    "if [[ ! $input =~ $pattern ]]; then\n"
    "\techo \"error: the input has no 'name' that is a text\" >&2\n"
    "\texit 1\n"
    "fi\n"
    "name=${BASH_REMATCH[1]}\n"
    "\n"
    "echo \"greeting $name\" # what is printed is the log\n"
    "\n"
    "# Files for the caller go into $SANDBOX_FILES_DIR.\n"
    "printf '{\"greeting\": \"Hello, %s!\"}\\n' \"$name\" >\"$SANDBOX_OUTPUT\"\n";

#define COMMON                                                                                               \
	{"references/input.schema.json", input_schema}, {"references/output.schema.json", output_schema},    \
	{                                                                                                    \
		"tests/world.json", test_case                                                                \
	}

static const struct skill_template python[] = {
    {"scripts/main.py", python_script}, COMMON, {"SKILL.md", MANIFEST("python")}, {0}};
static const struct skill_template node[] = {
    {"scripts/main.js", node_script}, COMMON, {"SKILL.md", MANIFEST("node")}, {0}};
static const struct skill_template bash[] = {
    {"scripts/main.sh", bash_script}, COMMON, {"SKILL.md", MANIFEST("bash")}, {0}};

const struct skill_template *skill_templates(const char *lang)
{
	return strcmp(lang, "node") == 0 ? node : strcmp(lang, "bash") == 0 ? bash : python;
}
