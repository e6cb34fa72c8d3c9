throw { some: 'object', nested: [1, 2] };
