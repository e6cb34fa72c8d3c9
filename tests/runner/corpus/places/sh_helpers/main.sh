cd "$(dirname "$0")" || exit
./helper.sh direct; echo "gave $?"
. ./helper.sh dot; echo "gave $?"
bash helper.sh bash; echo "gave $?"
./plain.sh; echo "gave $?"
sh -c ./helper.sh; echo "gave $?"
PATH=$PWD:$PATH helper.sh found; echo "gave $?"
xargs -n1 ./helper.sh <<<"a b"
find . -name helper.sh -exec {} \;
