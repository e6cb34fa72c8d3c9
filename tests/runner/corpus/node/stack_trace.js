function here() {
  return new Error('where').stack;
}
console.log(here());
console.trace('trace');
Error.prepareStackTrace = (error, sites) => sites.map((site) => [site.getFileName(), site.getLineNumber(), site.getFunctionName(), site.isToplevel()]);
console.log(new Error('x').stack);
console.log(Error.stackTraceLimit);
