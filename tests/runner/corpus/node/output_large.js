for (let i = 0; i < 20000; i++) console.log(String(i).padStart(6, '0'), 'x'.repeat(60));
