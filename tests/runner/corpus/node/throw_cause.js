class Special extends Error {
  constructor(text, options) {
    super(text, options);
    this.name = 'Special';
    this.code = 'E_SPECIAL';
  }
}
throw new Special('two\nlines', { cause: new TypeError('below') });
