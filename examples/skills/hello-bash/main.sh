# The input is JSON already, so it can stand in the output as it is.
set -eu
echo "hello from bash $BASH_VERSION"
printf '{"greeting":"hello from bash","input":%s}\n' "$(cat "$SANDBOX_INPUT_FILE")" >"$SANDBOX_OUTPUT"
