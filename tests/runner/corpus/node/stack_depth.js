let depth = 0;
function again() {
  depth++;
  again();
}
try {
  again();
} catch (error) {
  console.log(error instanceof RangeError, error.message, depth > 5000);
}
