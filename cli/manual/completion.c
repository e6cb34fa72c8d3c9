#include "cli/commands.h"
#include "cli/output/print.h"

#include <string.h>

/* Each asks the program itself, so that they stay right when commands are added: `skillbox __complete --
 * WORDS` prints a value, a tab and a description a line; ":files" and ":folders" leave it to the shell. */

static const char bash[] = "# bash completion for skillbox\n"
			   "_skillbox() {\n"
			   "\tlocal i word value prefix='' joined=()\n"
			   "\tCOMPREPLY=()\n"
			   "\t# bash splits words at '=', which is one word here: --output=json\n"
			   "\tfor ((i = 1; i <= COMP_CWORD; i++)); do\n"
			   "\t\tword=${COMP_WORDS[i]}\n"
			   "\t\tif ((${#joined[@]})) && { [[ $word == '=' && ${joined[-1]} == --* ]] || [[ "
			   "${joined[-1]} == --*= ]]; }; then\n"
			   "\t\t\tjoined[-1]+=$word\n"
			   "\t\telse\n"
			   "\t\t\tjoined+=(\"$word\")\n"
			   "\t\tfi\n"
			   "\tdone\n"
			   "\t[[ ${joined[-1]} != --*=* ]] || prefix=${joined[-1]%%=*}=\n"
			   "\twhile IFS=$'\\t' read -r value _; do\n"
			   "\t\tcase $value in\n"
			   "\t\t:files) compopt -o default ;;\n"
			   "\t\t:folders) compopt -o dirnames ;;\n"
			   "\t\t*) COMPREPLY+=(\"${value#\"$prefix\"}\") ;;\n"
			   "\t\tesac\n"
			   "\tdone < <(\"${COMP_WORDS[0]}\" __complete -- \"${joined[@]}\" 2>/dev/null)\n"
			   "}\n"
			   "complete -F _skillbox skillbox\n";

static const char zsh[] =
    "#compdef skillbox\n"
    "_skillbox() {\n"
    "\tlocal line value description\n"
    "\tlocal -a found\n"
    "\tfor line in \"${(@f)$(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "\t\tvalue=${line%%$'\\t'*} description=${line#*$'\\t'}\n"
    "\t\tcase $value in\n"
    "\t\t'') ;;\n"
    "\t\t:files) _files ;;\n"
    "\t\t:folders) _files -/ ;;\n"
    "\t\t*) found+=(\"${value//:/\\\\:}:$description\") ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\t((${#found})) && _describe skillbox found\n"
    "}\n"
    "if [[ ${funcstack[1]} == _skillbox ]]; then\n"
    "\t_skillbox \"$@\"\n"
    "else\n"
    "\tcompdef _skillbox skillbox\n"
    "fi\n";

static const char fish[] = "# fish completion for skillbox\n"
			   "function __skillbox_complete\n"
			   "\tset -l words (commandline -opc)\n"
			   "\tset -l word (commandline -ct)\n"
			   "\t$words[1] __complete -- $words[2..-1] \"$word\" 2>/dev/null\n"
			   "end\n"
			   "function __skillbox_wants_files\n"
			   "\t__skillbox_complete | string match -qr '^:(files|folders)$'\n"
			   "end\n"
			   "complete -c skillbox -f\n"
			   "complete -c skillbox -n __skillbox_wants_files -F\n"
			   "complete -c skillbox -a '(__skillbox_complete | string match -vr \"^:\")'\n";

static int run(const struct call *call, struct error *err)
{
	const char *shell = call_argument(call, 0);
	const char *text = strcmp(shell, "bash") == 0 ? bash : strcmp(shell, "zsh") == 0 ? zsh : fish;
	return print_bytes(str_of(text), err) != 0 ? COMMAND_ERROR : print_flush(err);
}

const struct command completion_command = {
    .path = "completion",
    .summary = "a script that completes commands, options, skills and ids in a shell",
    .text = "'make install' puts them where the shells look for them.",
    .example = "source <(skillbox completion bash)\n"
	       "skillbox completion zsh >~/.zfunc/_skillbox\n"
	       "skillbox completion fish >~/.config/fish/completions/skillbox.fish",
    .arguments = {{"shell", "bash, zsh or fish", .complete = COMPLETE_CHOICE, .choices = "bash|zsh|fish"}},
    .run = run,
};
