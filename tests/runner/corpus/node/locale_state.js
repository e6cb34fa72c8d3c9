console.log(new Date(0).toString(), Intl.DateTimeFormat().resolvedOptions(), (1234.5).toLocaleString(), ['b', 'ä', 'a'].sort(Intl.Collator().compare));
