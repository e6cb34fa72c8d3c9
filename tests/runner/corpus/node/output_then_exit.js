// Within what a pipe holds: what node has not written when it exits is lost, how much is chance.
process.stdout.write('y'.repeat(30000) + '\n');
process.exit(1);
