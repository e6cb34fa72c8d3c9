echo '{"kept": 1}' >"$SANDBOX_OUTPUT"
echo kept >"$SANDBOX_FILES_DIR/f.txt"
cd /tmp && touch x .y && mkdir z
rm -rf /tmp/* /tmp/.[!.]* /dev/shm/* ; find /tmp /dev/shm -mindepth 1 -delete
ls -A /tmp /dev/shm
