setTimeout(function later() {
  throw new RangeError('in a timer');
}, 1);
