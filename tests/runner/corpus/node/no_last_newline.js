process.stdout.write('first\nno newline');
