console.log(process.env.TZ, new Date(0).toString(), Intl.DateTimeFormat().resolvedOptions(), (1234.5).toLocaleString());
