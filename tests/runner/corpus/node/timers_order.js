const times = [];
const begin = Date.now();
setTimeout(() => times.push('30'), 30);
setTimeout(() => times.push('10'), 10);
setTimeout(() => times.push('0'), 0);
const interval = setInterval(() => {
  times.push('interval');
  clearInterval(interval);
}, 20);
setTimeout(() => console.log(times.join(), Date.now() - begin >= 40), 50);
