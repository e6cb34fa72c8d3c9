process.stdout.write('before\n');
process.reallyExit(7);
